"""The OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from fairlead.contracts.operations import OperationRequest
from fairlead.gateway.adapters.rest.openapi import document


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_the_document_is_whole() -> None:
    """It is JSON; every reference leads somewhere; every part of a path is a parameter."""
    made = json.loads(json.dumps(document("1")))
    for reference in _references(made):
        assert reference.rpartition("/")[2] in made["components"]["schemas"], reference
    for path, methods in made["paths"].items():
        named = {parameter["name"] for parameter in methods.get("parameters", ())}
        assert named == set(re.findall(r"{(\w+)}", path))


def test_requests_are_described_field_by_field() -> None:
    """The schema of a request has every field that the decoder knows, under its wire name."""
    properties = document("1")["components"]["schemas"]["OperationRequest"]["properties"]
    assert set(properties) == set(OperationRequest.__struct_encode_fields__)
