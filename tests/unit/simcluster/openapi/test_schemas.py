"""The table of types, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.simcluster.openapi.schemas import KINDS, OPEN, built_in, group_of, name_of, resolved, schema_of
from fairlead.simcluster.resources import Registry, Resource

POD_SPEC = "io.k8s.api.core.v1.PodSpec"


def test_every_built_in_resource_has_its_schema() -> None:
    """Under its own kind."""
    for resource in Registry():
        kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        assert schema_of(resource)[KINDS] == [kind], resource.key


def test_every_reference_leads_somewhere() -> None:
    """A type that is named is there."""
    for name, schema in built_in().items():
        for field in schema["properties"].values():
            assert resolved(field.get("items", field)), name


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("nodeName", {"type": "string"}),
        ("priority", {"type": "integer", "format": "int32"}),
        ("affinity", {"type": "object", OPEN: True}),
        (
            "volumes",
            {
                "type": "array",
                "items": {"$ref": "#/components/schemas/io.k8s.api.core.v1.Volume"},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "x-kubernetes-patch-merge-key": "name",
                "x-kubernetes-patch-strategy": "merge,retainKeys",
            },
        ),
    ],
)
def test_codes_become_schemas(field: str, expected: dict[str, Any]) -> None:
    """Scalars, open objects, keyed lists."""
    assert built_in()[POD_SPEC]["properties"][field] == expected


def test_marks_become_extensions() -> None:
    """`!` requires, `~` is atomic, a set is merged, `?` is for apply alone."""
    types = built_in()
    meta = types["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]
    claims = types["io.k8s.api.core.v1.ResourceRequirements"]["properties"]["claims"]

    assert types[POD_SPEC]["required"] == ["containers"]
    assert types["io.k8s.api.core.v1.SecretKeySelector"]["x-kubernetes-map-type"] == "atomic"
    assert meta["properties"]["finalizers"]["x-kubernetes-list-type"] == "set"
    assert claims["x-kubernetes-list-map-keys"] == ["name"]
    assert "x-kubernetes-patch-merge-key" not in claims


@pytest.mark.parametrize(
    ("package", "group"),
    [
        ("io.k8s.api.core.v1", ""),
        ("io.k8s.api.apps.v1", "apps"),
        ("io.k8s.api.networking.v1", "networking.k8s.io"),
        ("io.k8s.api.rbac.v1", "rbac.authorization.k8s.io"),
        ("io.k8s.kube-aggregator.pkg.apis.apiregistration.v1", "apiregistration.k8s.io"),
    ],
)
def test_packages_belong_to_groups(package: str, group: str) -> None:
    """By Kubernetes' rules and exceptions."""
    assert group_of(package) == group


def test_custom_schemas_are_completed() -> None:
    """Type, metadata and kind are added; without a schema anything goes."""
    parts: dict[str, Any] = {"type": "object", "properties": {"spec": {"type": "object"}}}
    custom = Resource("shop.example", "v1", "widgets", "Widget", namespaced=True, custom=True, schema=parts)
    schema = schema_of(custom)

    assert name_of(custom) == "example.shop.v1.Widget"
    assert set(schema["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
    open_one = Resource("shop.example", "v1", "widgets", "Widget", namespaced=True, custom=True)
    assert schema_of(open_one)[OPEN] is True
