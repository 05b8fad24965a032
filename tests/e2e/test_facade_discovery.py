"""Discovery through the gateway is the API server's own, in every form, whether or not an agent is connected."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from tests.e2e.conftest import ACCOUNT, Facade, adopt
from tests.support.polling import wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180)]

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2_BETA1 = V2.replace("v=v2", "v=v2beta1")
PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
CORE_V1 = "/openapi/v3/api/v1"
LEFT_OUT = {"storageVersionHash", "serverAddressByClientCIDRs"}
"""What the older form tells and the aggregated one, from which it is made, does not."""
STALE_S = 90.0
"""An OpenAPI document is taken for current for a minute (gateway.facade.openapiSeconds)."""
DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "lanterns.harbour.example.com"},
    "spec": {
        "group": "harbour.example.com",
        "scope": "Namespaced",
        "names": {"plural": "lanterns", "singular": "lantern", "kind": "Lantern", "shortNames": ["lan"]},
        "versions": [
            {"name": "v1", "served": True, "storage": True,
             "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def door(facade: Facade) -> Iterator[httpx.Client]:
    """The account's Kubernetes API at the gateway."""
    token = facade.stack.files.facade_token.read_text().strip()
    with httpx.Client(
        base_url=facade.stack.facade(ACCOUNT),
        headers={"Authorization": f"Bearer {token}"},
        verify=ssl.create_default_context(cafile=facade.stack.files.ca),
        trust_env=False,
    ) as client:
        yield client


@pytest.fixture(scope="module")
def cluster(facade: Facade) -> Iterator[httpx.Client]:
    """The API server itself."""
    with httpx.Client(
        base_url=facade.control_plane.server,
        headers={"Authorization": f"Bearer {facade.control_plane.admin_token}"},
        verify=ssl.create_default_context(cafile=facade.control_plane.ca_file),
        trust_env=False,
    ) as client:
        yield client


def told(client: httpx.Client, path: str, accept: str = "application/json") -> Any:
    """What a server says, without what the facade leaves out."""
    answer = client.get(path, headers={"Accept": accept})
    assert answer.status_code == 200, f"{path}: {answer.text}"
    return without(answer.json(), LEFT_OUT)


def without(document: Any, keys: set[str]) -> Any:
    """A document without some keys, however deep."""
    if isinstance(document, dict):
        return {key: without(value, keys) for key, value in document.items() if key not in keys}
    return [without(each, keys) for each in document] if isinstance(document, list) else document


def test_every_form_says_what_the_api_server_says(door: httpx.Client, cluster: httpx.Client) -> None:
    """Aggregated, and each document of the older form, in the server's order of groups and resources."""
    for root in ("/api", "/apis"):
        await_agreement(door, cluster, root, V2)
        await_agreement(door, cluster, root)
        assert told(door, root, V2_BETA1) == {**told(cluster, root, V2), "apiVersion": "apidiscovery.k8s.io/v2beta1"}
    paths = ["/version", "/api/v1"]
    for group in told(cluster, "/apis")["groups"]:
        paths += [f"/apis/{group['name']}", *(f"/apis/{each['groupVersion']}" for each in group["versions"])]
    assert len(paths) > 40
    for path in paths:
        await_agreement(door, cluster, path)


def await_agreement(door: httpx.Client, cluster: httpx.Client, path: str, accept: str = "application/json") -> None:
    """Insist on the same words; what defined or removed kinds just before may reach one a moment before the other."""
    wait_until(
        lambda: told(door, path, accept) == told(cluster, path, accept),
        within_s=STALE_S,
        what=f"the API server's own {path}",
    )


def test_what_is_not_served_is_refused_as_by_the_api_server(door: httpx.Client, cluster: httpx.Client) -> None:
    """An unknown group, an unknown version of a known group, a form that nobody offers."""
    for path, accept in (
        ("/apis/nope.example.com", "*/*"),
        ("/apis/nope.example.com/v1", "*/*"),
        ("/apis/apps/v9", "*/*"),
        ("/apis", "text/html"),
    ):
        ours, theirs = (each.get(path, headers={"Accept": accept}) for each in (door, cluster))
        assert (ours.status_code, ours.headers["content-type"]) == (theirs.status_code, theirs.headers["content-type"])
        if "json" in ours.headers["content-type"]:
            assert without(ours.json(), {"message"}) == without(theirs.json(), {"message"})


@pytest.mark.parametrize("path", ["/api", "/apis", "/apis/apps", "/apis/apps/v1", "/api/v1", "/version"])
@pytest.mark.parametrize("accept", [V2, "application/json"])
def test_caches_are_told_what_the_api_server_tells_them(
    door: httpx.Client, cluster: httpx.Client, path: str, accept: str
) -> None:
    """Who may keep an answer, by its form."""
    ours, theirs = (
        each.get(path, headers={"Accept": f"{accept},application/json"}).headers for each in (door, cluster)
    )
    assert ours["content-type"] == theirs["content-type"]
    assert ours["cache-control"] == theirs["cache-control"]


@pytest.mark.parametrize(("path", "accept"), [("/apis", V2), ("/apis", "application/json"), ("/apis/apps/v1", "*/*")])
def test_unchanged_discovery_is_not_sent_again(door: httpx.Client, path: str, accept: str) -> None:
    """Kubectl keeps what it got on disk, with its ETag, for each form apart."""
    first = door.get(path, headers={"Accept": accept})
    again = door.get(path, headers={"Accept": accept, "If-None-Match": first.headers["etag"]})

    assert first.headers["vary"] == "Accept"
    assert "stored=" in first.headers["fairlead-freshness"]
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])


def test_kubectl_sees_the_same_resources(facade: Facade) -> None:
    """Names, short names, groups, verbs and their order."""
    through, direct = facade.kubectl(), facade.kubectl(direct=True)

    for command in (("api-resources", "-o", "wide"), ("api-versions",), ("version", "-o", "json")):
        wait_until(lambda command=command: through(*command) == direct(*command), what=f"the same {command[0]}")  # type: ignore[misc]


def test_a_new_definition_is_served_soon(facade: Facade, door: httpx.Client) -> None:
    """The agent sees it and tells what the cluster serves now; no client has to ask for that."""
    path = "/apis/harbour.example.com/v1"
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    facade.control_plane.request("POST", definitions, DEFINITION)
    wait_until(lambda: door.get(path).status_code == 200, what="the new group")
    assert [each["name"] for each in door.get(path).json()["resources"]] == ["lanterns"]
    facade.control_plane.request("DELETE", f"{definitions}/lanterns.harbour.example.com")
    wait_until(lambda: door.get(path).status_code == 404, what="the end of the group")


def schemas_asked(facade: Facade) -> list[str]:
    """What the API server was asked of schemas, in order; it asks itself too."""
    return [
        event["requestURI"]
        for event in facade.control_plane.audit_events("/openapi/")
        if event["requestURI"].startswith("/openapi/")
        and not event.get("userAgent", "").startswith("kube-apiserver")
        and datetime.fromisoformat(event["requestReceivedTimestamp"]) > facade.began
    ]


def test_schemas_are_the_api_servers_own(door: httpx.Client, cluster: httpx.Client) -> None:
    """Byte for byte, in each media type, with the ETags and lifetimes that clients go by."""
    await_agreement(door, cluster, "/openapi/v3")
    named = door.get("/openapi/v3").json()["paths"]["apis/apps/v1"]["serverRelativeURL"]
    await_agreement(door, cluster, "/openapi/v2")
    for path, accept in (("/openapi/v2", "*/*"), ("/openapi/v2", PROTOBUF), (named, "application/json, */*")):
        ours, theirs = (each.get(path, headers={"Accept": accept}) for each in (door, cluster))
        assert ours.content == theirs.content
        for header in ("content-type", "etag"):
            assert ours.headers[header] == theirs.headers[header]
        again = door.get(path, headers={"Accept": accept, "If-None-Match": ours.headers["etag"]})
        assert again.status_code == 304
    assert "immutable" in door.get(named).headers["cache-control"]
    for path in ("/openapi/v3/apis/nope/v1", "/openapi/v9"):
        assert door.get(path).status_code == cluster.get(path).status_code == 404


def named(index: dict[str, Any]) -> list[str]:
    """The documents that an index names, each in the state that it names."""
    return [each["serverRelativeURL"] for each in index["paths"].values()]


def test_schemas_are_there_before_anybody_asks(facade: Facade, cluster: httpx.Client) -> None:
    """All that kubectl may want is fetched when an agent comes: each document once, and again only what is another one."""
    wanted = {name.partition("?")[0] for name in named(cluster.get("/openapi/v3").json())}
    wait_until(lambda: wanted <= set(schemas_asked(facade)), what="all documents", within_s=60)
    before = schemas_asked(facade)
    facade.stack.restart("gateway")
    adopt(facade.stack)
    wait_until(lambda: {"/openapi/v2", "/openapi/v3"} <= set(schemas_asked(facade)[len(before) :]), what="a look")
    assert schemas_asked(facade).count(CORE_V1) == 1


def test_schemas_are_asked_for_once_and_outlive_agent_and_gateway(facade: Facade) -> None:
    """Many kubectls cost the API server one request for each document; without an agent they still have them."""
    manifest = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"schemas","namespace":"default"}}'
    kubectls = [facade.kubectl() for _ in range(3)]
    kubectls[0]("apply", "-f", "-", stdin=manifest)
    before = schemas_asked(facade).count(CORE_V1)
    for kubectl in kubectls:
        kubectl("apply", "-f", "-", stdin=manifest)
        kubectl("explain", "configmap.data")
    assert schemas_asked(facade).count(CORE_V1) == before == 1
    facade.stack.kill("agent")
    facade.stack.restart("gateway")
    try:
        assert "FIELD: data" in facade.kubectl()("explain", "configmap.data")
    finally:
        facade.stack.start("agent")
        adopt(facade.stack)
    assert schemas_asked(facade).count(CORE_V1) == before
    facade.kubectl(direct=True)("delete", "configmap", "schemas")


def test_discovery_needs_no_agent_and_outlives_the_gateway(facade: Facade, door: httpx.Client) -> None:
    """It stands in PostgreSQL: an agent that is away and a gateway that is new do not change it."""
    before = {path: door.get(path, headers={"Accept": V2}).content for path in ("/api", "/apis", "/version")}
    facade.stack.kill("agent")
    facade.stack.restart("gateway")
    try:
        after = {path: door.get(path, headers={"Accept": V2}).content for path in before}
    finally:
        facade.stack.start("agent")
        adopt(facade.stack)

    assert after == before
