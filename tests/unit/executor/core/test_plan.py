"""The requests that operations become."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.executor_doubles import ACCOUNT, CONFIG_MAP, NODE, PATH, POD, manifest, target

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import LOG_LIMIT_BYTES, InvalidRequest, OperationRequest, decode_request
from fairlead.executor.core import plan
from fairlead.executor.core.aims import aim
from fairlead.executor.core.plan import ApiRequest


def asked(**request: Any) -> OperationRequest:
    """Decode a request."""
    return decode_request(json.dumps({"account": ACCOUNT, **request}).encode())


def write(**request: Any) -> ApiRequest:
    """Plan a write about the ConfigMap."""
    decoded = asked(**request)
    return plan.write(decoded, CONFIG_MAP, aim(decoded))


def test_create_posts_to_the_collection() -> None:
    """The manifest goes out as it came."""
    request = write(kind="create", manifest=manifest())

    assert (request.method, request.path) == ("POST", PATH.removesuffix("/cargo"))
    assert request.parameters == (("fieldManager", "fairlead"), ("fieldValidation", "Strict"))
    assert json.loads(request.body) == manifest()


def test_a_server_side_apply() -> None:
    """Force and dry run are parameters; a version expected stands in the manifest; managedFields are wanted back."""
    decoded = asked(
        kind="apply", manifest=manifest(), force=True, dryRun=True, fieldManager="deck", resourceVersion="7",
        fieldValidation="Warn",
    )  # fmt: skip
    request = plan.apply(decoded, CONFIG_MAP, aim(decoded), bytes(decoded.manifest))

    assert (request.method, request.path, request.content_type) == ("PATCH", PATH, "application/apply-patch+yaml")
    assert request.parameters == (
        ("fieldManager", "deck"), ("fieldValidation", "Warn"), ("force", "true"), ("dryRun", "All"),
    )  # fmt: skip
    assert json.loads(request.body)["metadata"]["resourceVersion"] == "7"
    assert request.untouched


def test_logs_are_bounded() -> None:
    """What was asked for becomes parameters; a limit is always among them."""
    target = {"kind": "Pod", "namespace": "sea", "name": "p"}
    plain, full = (
        asked(kind="logs", target=target, **more)
        for more in (
            {},
            {
                "container": "c",
                "previous": True,
                "timestamps": True,
                "tailLines": 0,
                "sinceSeconds": 60,
                "limitBytes": 9,
            },
        )
    )

    assert dict(plan.logs(plain, POD, aim(plain)).parameters) == {"limitBytes": str(LOG_LIMIT_BYTES)}
    request = plan.logs(full, POD, aim(full))
    assert request.path == "/api/v1/namespaces/sea/pods/p/log"
    assert dict(request.parameters) == {
        "container": "c", "previous": "true", "timestamps": "true", "tailLines": "0", "sinceSeconds": "60",
        "limitBytes": "9",
    }  # fmt: skip


def test_metrics_of_one_pod_or_by_labels() -> None:
    """A name is part of the path, a selector a parameter."""
    metrics = Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", namespaced=True)
    one = asked(kind="podMetrics", target={"kind": "Pod", "namespace": "sea", "name": "p"})
    some = asked(kind="podMetrics", target={"kind": "Pod", "namespace": "sea"}, labelSelector="a=b")

    assert plan.metrics(one, metrics, aim(one)).path == "/apis/metrics.k8s.io/v1beta1/namespaces/sea/pods/p"
    assert plan.metrics(some, metrics, aim(some)).parameters == (("labelSelector", "a=b"),)


def test_replace_names_a_version() -> None:
    """The request's version goes before the live one, and the manifest's own is found."""
    decoded = asked(kind="replace", manifest=manifest())
    live = plan.write(decoded, CONFIG_MAP, aim(decoded), live_version="9")
    assert json.loads(live.body)["metadata"]["resourceVersion"] == "9"

    assert json.loads(write(kind="replace", manifest=manifest(), resourceVersion="7", uid="u").body)["metadata"] == {
        "name": "cargo", "namespace": "sea", "resourceVersion": "7", "uid": "u",
    }  # fmt: skip
    assert plan.manifest_version(asked(kind="replace", manifest=manifest(resourceVersion="5"))) == "5"
    assert plan.manifest_version(asked(kind="replace", manifest=manifest(), resourceVersion="7")) == "7"
    assert plan.manifest_version(decoded) == ""


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("strategic", "application/strategic-merge-patch+json"), ("merge", "application/merge-patch+json")],
)
def test_patch_conditions_are_part_of_the_patch(kind: str, content_type: str) -> None:
    """A merge patch names the expected UID and version in its metadata."""
    request = write(
        kind="patch", target=target(), patch={"data": {"a": "b"}}, patchType=kind, uid="u", resourceVersion="7"
    )

    assert request.content_type == content_type
    assert json.loads(request.body) == {"data": {"a": "b"}, "metadata": {"uid": "u", "resourceVersion": "7"}}


def test_json_patch_conditions_are_tests() -> None:
    """A JSON patch begins with tests; without conditions it is left alone."""
    steps = [{"op": "remove", "path": "/data/a"}]
    request = write(kind="patch", target=target(), patch=steps, patchType="json", resourceVersion="7")

    assert json.loads(request.body) == [{"op": "test", "path": "/metadata/resourceVersion", "value": "7"}, *steps]
    assert json.loads(write(kind="patch", target=target(), patch=steps, patchType="json").body) == steps


@pytest.mark.parametrize(
    "request_",
    [
        {"kind": "patch", "target": target(), "patch": {"data": {}}, "patchType": "json"},
        {"kind": "patch", "target": target(), "patch": [], "patchType": "merge", "uid": "u"},
        {"kind": "patch", "target": target(), "patch": {"metadata": 1}, "patchType": "merge", "uid": "u"},
    ],
)
def test_patches_that_are_none(request_: dict[str, Any]) -> None:
    """A patch of the wrong form is refused here, where it can be told."""
    with pytest.raises(InvalidRequest, match="must be"):
        write(**request_)


def test_scale() -> None:
    """The subresource is patched, under the version expected."""
    request = write(kind="scale", target=target(), replicas=0, resourceVersion="7")

    assert (request.method, request.path) == ("PATCH", f"{PATH}/scale")
    assert json.loads(request.body) == {"spec": {"replicas": 0}, "metadata": {"resourceVersion": "7"}}


def test_delete_options() -> None:
    """Propagation, grace, preconditions and dry run are options of the deletion."""
    bare = json.loads(write(kind="delete", target=target()).body)
    full = json.loads(
        write(
            kind="delete", target=target(), propagation="Orphan", gracePeriodSeconds=0, uid="u", resourceVersion="7", dryRun=True
        ).body
    )  # fmt: skip

    head = {"apiVersion": "v1", "kind": "DeleteOptions"}
    assert bare == {**head, "propagationPolicy": "Background"}
    assert full == {
        **head, "propagationPolicy": "Orphan", "gracePeriodSeconds": 0, "dryRun": ["All"],
        "preconditions": {"uid": "u", "resourceVersion": "7"},
    }  # fmt: skip


def test_pages() -> None:
    """Pages are bounded by what is left to ask for; selectors and the token go along."""
    decoded = asked(
        kind="list", target={**target(), "namespace": ""}, labelSelector="a=b", fieldSelector="spec.x=y", limit=7
    )
    request = plan.page(decoded, CONFIG_MAP, aim(decoded), 7, "next")

    assert request.path == "/api/v1/configmaps"
    assert dict(request.parameters) == {
        "limit": "7", "continue": "next", "labelSelector": "a=b", "fieldSelector": "spec.x=y,metadata.name=cargo",
    }  # fmt: skip
    assert dict(plan.page(decoded, CONFIG_MAP, aim(decoded), 0, "").parameters)["limit"] == "500"


def test_paths() -> None:
    """Cluster-scoped kinds have no namespace, namespaced ones kubectl's default, and names are encoded."""
    decoded = asked(kind="get", target={"kind": "Node", "namespace": "sea", "name": "system:node"})
    assert plan.read(NODE, aim(decoded)).path == "/api/v1/nodes/system%3Anode"
    decoded = asked(kind="get", target={"kind": "ConfigMap", "name": "cargo"})
    assert plan.read(CONFIG_MAP, aim(decoded)).path == "/api/v1/namespaces/default/configmaps/cargo"


def test_watch_of_one_object() -> None:
    """The watch is narrowed by name and begins at a version."""
    request = plan.watch_one(CONFIG_MAP, aim(asked(kind="get", target=target())), "7")

    assert dict(request.parameters) == {"watch": "1", "resourceVersion": "7", "fieldSelector": "metadata.name=cargo"}
