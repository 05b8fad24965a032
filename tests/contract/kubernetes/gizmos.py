"""A custom resource with all that a definition may ask for: a schema, a scale, columns."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tests.contract.kubernetes.client import Api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SPEC = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1},
        "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "bag": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
STATUS = {"type": "object", "properties": {"size": {"type": "integer"}, "selector": {"type": "string"}}}
SCHEMA = {"type": "object", "required": ["spec"], "properties": {"spec": SPEC, "status": STATUS}}
SCALE = {
    "specReplicasPath": ".spec.size",
    "statusReplicasPath": ".status.size",
    "labelSelectorPath": ".status.selector",
}
COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Color", "type": "string", "jsonPath": ".spec.color", "priority": 1},
    {"name": "Born", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def definition(group: str) -> dict[str, Any]:
    """The definition of `gizmos.<group>`."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": SCHEMA},
        "subresources": {"status": {}, "scale": SCALE},
        "additionalPrinterColumns": COLUMNS,
    }
    names = {"plural": "gizmos", "singular": "gizmo", "kind": "Gizmo"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gizmos.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def gizmo(group: str, name: str, **parts: Any) -> dict[str, Any]:
    """A manifest; `parts` stand beside its metadata."""
    return {"apiVersion": f"{group}/v1", "kind": "Gizmo", "metadata": {"name": name}, **parts}


@asynccontextmanager
async def gizmos(api: Api) -> AsyncIterator[str]:
    """The definition in a group of its own, served and told of by discovery; the group's name."""
    group = f"contract{secrets.token_hex(4)}.example"
    made = await api.post(DEFINITIONS, definition(group))
    assert made.code == 201, made.text
    try:
        await api.eventually(api.group(f"{group}/v1", "gizmos"), lambda _: True)
        await api.eventually("/apis", lambda found: any(each["name"] == group for each in found["groups"]))
        yield group
    finally:
        await api.delete(f"{DEFINITIONS}/gizmos.{group}")
