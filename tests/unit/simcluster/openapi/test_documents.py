"""OpenAPI documents of what is served."""

from __future__ import annotations

import json
from typing import Any

from fairlead.simcluster.openapi.documents import Documents
from fairlead.simcluster.resources import Registry, Resource

SPEC = {
    "type": "object",
    "properties": {
        "port": {"x-kubernetes-int-or-string": True},
        "bag": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"a": {"type": "string"}},
        },
        "open": {"type": "object", "additionalProperties": True},
        "maybe": {"type": "string", "nullable": True},
    },
}
WIDGETS = Resource(
    "shop.example",
    "v1",
    "widgets",
    "Widget",
    namespaced=False,
    custom=True,
    schema={"type": "object", "properties": {"spec": SPEC}},
)


def _v2(documents: Documents) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(documents.v2(as_protobuf=False).body)
    return found


def test_documents_are_made_once_until_something_changes() -> None:
    """Then their hash changes with them."""
    registry = Registry()
    documents = Documents(registry)
    first = documents.v2(as_protobuf=False)
    kept = documents.v2(as_protobuf=False)
    registry.add(WIDGETS)
    second = documents.v2(as_protobuf=False)

    assert kept is first
    assert second.hash != first.hash
    assert "apis/shop.example/v1" in documents.index()["paths"]
    assert documents.v3("apis/other.example/v1") is None


def test_a_document_holds_all_that_it_refers_to() -> None:
    """And nothing of other groups."""
    document = Documents(Registry()).v3("apis/policy/v1")
    assert document is not None
    schemas = json.loads(document.body)["components"]["schemas"]

    assert "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement" in schemas
    assert "io.k8s.api.core.v1.PodSpec" not in schemas


def test_v2_says_what_it_can() -> None:
    """No choices and no nulls; an open object has no fields; references lead to definitions."""
    registry = Registry()
    registry.add(WIDGETS)
    definitions = _v2(Documents(registry))["definitions"]
    fields = definitions["example.shop.v1.Widget"]["properties"]["spec"]["properties"]

    assert fields["port"]["type"] == "string"
    assert "properties" not in fields["bag"]
    assert fields["open"]["additionalProperties"] == {}
    assert fields["maybe"] == {"type": "string"}
    strategy = definitions["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["strategy"]
    assert strategy["$ref"] == "#/definitions/io.k8s.api.apps.v1.DeploymentStrategy"
    assert strategy["x-kubernetes-patch-strategy"] == "retainKeys"


def test_paths_follow_the_scope() -> None:
    """Namespaced or not, core or not."""
    registry = Registry()
    registry.add(WIDGETS)
    paths = _v2(Documents(registry))["paths"]

    assert "/apis/shop.example/v1/widgets/{name}" in paths
    assert "/api/v1/namespaces/{namespace}/pods" in paths
    assert "/api/v1/nodes/{name}" in paths
