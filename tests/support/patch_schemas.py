"""An OpenAPI document with the few fields that show how lists, unions and keys merge."""

from __future__ import annotations

import json
from typing import Any

from fairlead.executor.core.merging.schemas import Document, Node, TypeName, parse_document

BOAT = TypeName("sea.example.test", "v1", "Boat")
_TEXT = {"type": "string", "default": ""}


def merging(of: dict[str, Any], key: str = "", strategy: str = "merge") -> dict[str, Any]:
    """A list that merges."""
    field = {"type": "array", "items": of, "x-kubernetes-patch-strategy": strategy}
    return {**field, "x-kubernetes-patch-merge-key": key} if key else field


def reference(name: str, root: str = "#/components/schemas/") -> dict[str, Any]:
    """As v3 writes one."""
    return {"allOf": [{"$ref": f"{root}{name}"}], "default": {}}


def document(*, of_v2: bool = False, accepts: str = "application/strategic-merge-patch+json") -> bytes:
    """The document of one kind, in either version."""
    schemas = {
        "Boat": {
            "type": "object",
            "x-kubernetes-group-version-kind": [{"group": BOAT.group, "version": BOAT.version, "kind": BOAT.kind}],
            "properties": {
                "apiVersion": _TEXT, "kind": _TEXT,
                "metadata": reference("Meta"),
                "spec": {"$ref": "#/definitions/Spec"} if of_v2 else reference("Spec"),
            },
        },
        "Meta": {
            "type": "object",
            "properties": {
                "name": _TEXT, "finalizers": merging(_TEXT), "labels": {"type": "object", "additionalProperties": _TEXT},
                "annotations": {"type": "object", "additionalProperties": _TEXT},
            },
        },
        "Spec": {
            "type": "object",
            "properties": {
                "crew": merging(reference("Sailor"), "name"),
                "cargo": merging(reference("Cargo"), "name", "merge,retainKeys"),
                "rig": {**reference("Rig"), "x-kubernetes-patch-strategy": "retainKeys"},
                "papers": {**reference("Rig"), "x-kubernetes-patch-strategy": "replace"},
                "lights": {"type": "array", "items": _TEXT},
                "holds": merging(_TEXT, "", "merge"),
                "free": {},
                "knots": {"type": "integer"},
            },
        },
        "Sailor": {"type": "object", "properties": {"name": _TEXT, "rank": {"type": "string", "default": "mate"}, "knots": merging(_TEXT)}},
        "Cargo": {"type": "object", "properties": {"name": _TEXT, "box": {"type": "object"}, "barrel": {"type": "object"}}},
        "Rig": {"type": "object", "properties": {"type": _TEXT, "mast": reference("Cargo")}},
    }  # fmt: skip
    type_ = {"group": BOAT.group, "version": BOAT.version, "kind": BOAT.kind}
    patch: dict[str, Any] = {"x-kubernetes-group-version-kind": type_}
    if of_v2:
        patch["consumes"] = [accepts]
    else:
        patch["requestBody"] = {"content": {accepts: {}}}
    paths = {"/boats/{name}": {"parameters": [], "patch": patch}, "/boats": {"get": {}}}
    body = {"paths": paths, **({"definitions": schemas} if of_v2 else {"components": {"schemas": schemas}})}
    return json.dumps(body).encode()


def boat() -> Node:
    """The schema of a boat."""
    parsed: Document = parse_document(document())
    node = parsed.node(BOAT)
    assert node is not None
    return node
