"""OpenAPI v2 as protobuf."""

from __future__ import annotations

from typing import Any

from tests.support.gnostic import decode_document

from fairlead.simcluster.openapi.protobuf import encode


def _document(**definitions: Any) -> dict[str, Any]:
    operation = {"parameters": [{"name": "dryRun", "in": "query", "type": "string"}], "x-kubernetes-action": "patch"}
    return {
        "swagger": "2.0",
        "info": {"title": "t", "version": "v"},
        "paths": {"/things/{name}": {"patch": operation}},
        "definitions": definitions,
    }


def test_schemas_survive() -> None:
    """Types, fields, items, references, what is required, extensions."""
    thing = {
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"type": "string"},
            "b": {"type": "array", "items": {"$ref": "#/definitions/other"}, "x-list": ["k"]},
        },
        "x-kind": [{"kind": "Thing"}],
    }
    assert decode_document(encode(_document(thing=thing, other={"type": "object"}))).definitions == {
        "thing": thing,
        "other": {"type": "object"},
    }


def test_lengths_beyond_one_byte_are_written() -> None:
    """A long name is as good as a short one."""
    name = "n" * 20_000

    assert list(decode_document(encode(_document(**{name: {"type": "object"}}))).definitions) == [name]


def test_operations_keep_their_extensions() -> None:
    """By method."""
    paths = decode_document(encode(_document())).paths

    assert paths == {"/things/{name}": {"patch": {"x-kubernetes-action": "patch"}}}
