"""Who may ask, and how the server says no."""

from __future__ import annotations

from tests.contract.kubernetes.client import Api


async def test_the_admin_learns_who_it_is(api: Api) -> None:
    """SelfSubjectReview tells name and groups."""
    answer = await api.post(
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
    )

    assert answer.code == 201
    user = answer.json["status"]["userInfo"]
    assert user["username"]
    assert {"system:masters", "system:authenticated"} <= set(user["groups"])


async def test_a_wrong_token_is_unauthorized(api: Api) -> None:
    """401 with a Status, on every path."""
    answer = await api.request("GET", "/api/v1/namespaces", Authorization="Bearer wrong")

    assert answer.failure == (401, "Unauthorized", "Unauthorized")


async def test_without_credentials_resources_are_forbidden(api: Api) -> None:
    """Anonymous is a user without rights: 403 naming verb and resource."""
    answer = await api.request("GET", "/api/v1/pods", Authorization="")

    code, reason, message = answer.failure
    assert (code, reason) == (403, "Forbidden")
    assert message == (
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope'
    )
    assert answer.json["details"] == {"kind": "pods"}


async def test_a_forbidden_object_is_named(api: Api) -> None:
    """403 of a named object carries name, group and namespace."""
    answer = await api.request("DELETE", "/apis/apps/v1/namespaces/x/deployments/y", Authorization="")

    assert answer.failure[2] == (
        'deployments.apps "y" is forbidden: User "system:anonymous" cannot delete resource "deployments" in API group '
        '"apps" in the namespace "x"'
    )
    assert answer.json["details"] == {"name": "y", "group": "apps", "kind": "deployments"}


async def test_version_and_readiness_are_open(api: Api) -> None:
    """/version and /readyz answer without credentials."""
    version = await api.request("GET", "/version", Authorization="")
    ready = await api.request("GET", "/readyz", Authorization="")

    assert version.code == ready.code == 200
    assert version.json["major"] == "1"
    assert version.json["gitVersion"].startswith("v1.")
    assert ready.text == "ok"


async def test_the_audit_id_of_a_request_comes_back(api: Api) -> None:
    """A client's Audit-ID is kept; without one the server makes one."""
    own = await api.request("GET", "/api/v1/namespaces/kube-system", Audit_ID="operation.1")
    other = await api.get("/api/v1/namespaces/kube-system")

    assert own.headers["Audit-Id"] == "operation.1"
    assert other.headers["Audit-Id"]


async def test_the_cluster_has_an_identity(api: Api) -> None:
    """The namespace kube-system exists and has a uid."""
    answer = await api.get("/api/v1/namespaces/kube-system")

    assert answer.json["metadata"]["uid"]
    assert answer.json["status"]["phase"] == "Active"
