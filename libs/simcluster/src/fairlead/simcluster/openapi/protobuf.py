"""OpenAPI v2 as protobuf: gnostic's `openapi.v2.Document`, which kubectl up to 1.27 demands.

Only what Kubernetes' clients read is written: definitions with their extensions, and paths with the query parameters of
their operations. Field numbers are those of gnostic's OpenAPIv2.proto.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

METHODS: Final = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}


def encode(document: dict[str, Any]) -> bytes:
    """A JSON document of OpenAPI v2 as a `Document` message."""
    info = _put(1, document["info"]["title"]) + _put(2, document["info"]["version"])
    paths = b"".join(_put(2, _put(1, path) + _put(2, _path_item(item))) for path, item in document["paths"].items())
    return _put(1, document["swagger"]) + _put(2, info) + _put(8, paths) + _put(9, _named(document["definitions"]))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _put(field: int, value: str | bytes) -> bytes:
    """A text or a message as a length-delimited field."""
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _named(schemas: dict[str, Any]) -> bytes:
    return b"".join(_put(1, _put(1, name) + _put(2, _schema(schema))) for name, schema in schemas.items())


def _extensions(field: int, holder: dict[str, Any]) -> bytes:
    """Vendor extensions: each value as YAML, of which JSON is a part."""
    return b"".join(
        _put(field, _put(1, name) + _put(2, _put(2, msgspec.json.encode(value))))
        for name, value in holder.items()
        if name.startswith("x-")
    )


def _schema(schema: dict[str, Any]) -> bytes:
    parts = [_put(number, schema[name]) for name, number in (("$ref", 1), ("format", 2)) if name in schema]
    if "description" in schema:
        parts.append(_put(4, schema["description"]))
    parts.extend(_put(19, name) for name in schema.get("required", ()))
    if "additionalProperties" in schema:
        parts.append(_put(21, _put(1, _schema(schema["additionalProperties"]))))
    if "type" in schema:
        parts.append(_put(22, _put(1, schema["type"])))
    if "items" in schema:
        parts.append(_put(23, _put(1, _schema(schema["items"]))))
    if "properties" in schema:
        parts.append(_put(25, _named(schema["properties"])))
    return b"".join(parts) + _extensions(31, schema)


def _path_item(item: dict[str, Any]) -> bytes:
    return b"".join(_put(METHODS[method], _operation(operation)) for method, operation in item.items())


def _operation(operation: dict[str, Any]) -> bytes:
    parameters = b"".join(
        _put(8, _put(1, _put(2, _put(3, _put(2, each["in"]) + _put(4, each["name"]) + _put(6, each["type"])))))
        for each in operation["parameters"]
    )
    return parameters + _extensions(13, operation)
