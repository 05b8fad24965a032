"""A reader of OpenAPI v2 as protobuf (gnostic's `openapi.v2.Document`), as far as Kubernetes' clients read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_METHODS = {2: "get", 3: "put", 4: "post", 5: "delete", 8: "patch"}


@dataclass(frozen=True)
class OpenApiDocument:
    """Definitions and paths, in the shape of the JSON form."""

    definitions: dict[str, dict[str, Any]]
    paths: dict[str, dict[str, Any]]


def decode_document(data: bytes) -> OpenApiDocument:
    """Read a Document message."""
    definitions: dict[str, dict[str, Any]] = {}
    paths: dict[str, dict[str, Any]] = {}
    for number, value in _fields(data):
        if number == 9:
            definitions = _named(value)
        elif number == 8:
            paths = {name: _path(item) for name, item in _pairs(value, 2)}
    return OpenApiDocument(definitions, paths)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the length-delimited fields; the others are passed over."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 2:
            length, at = _varint(data, at)
            yield key >> 3, data[at : at + length]
            at += length
        elif wire == 0:
            _, at = _varint(data, at)
        else:
            at += 8 if wire == 1 else 4


def _pairs(data: bytes, field: int) -> Iterator[tuple[str, bytes]]:
    """The named entries of a map."""
    for number, entry in _fields(data):
        if number == field:
            parts = dict(_fields(entry))
            yield parts[1].decode(), parts.get(2, b"")


def _named(data: bytes) -> dict[str, dict[str, Any]]:
    return {name: _schema(value) for name, value in _pairs(data, 1)}


def _schema(data: bytes) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for number, value in _fields(data):
        match number:
            case 1:
                schema["$ref"] = value.decode()
            case 19:
                schema.setdefault("required", []).append(value.decode())
            case 22:
                schema["type"] = dict(_fields(value))[1].decode()
            case 23:
                schema["items"] = _schema(dict(_fields(value))[1])
            case 25:
                schema["properties"] = _named(value)
            case 31:
                _extend(schema, value)
    return schema


def _extend(holder: dict[str, Any], data: bytes) -> None:
    """An extension, whose value is YAML: read when it is JSON, or YAML's plain forms of text and one flat map."""
    parts = dict(_fields(data))
    text = dict(_fields(parts[2]))[2].decode()
    try:
        holder[parts[1].decode()] = json.loads(text)
    except ValueError:
        lines = [line.partition(": ") for line in text.strip().split("\n")]
        flat = {name: value.strip('"') for name, colon, value in lines if colon}
        holder[parts[1].decode()] = flat or text.strip()


def _path(data: bytes) -> dict[str, Any]:
    return {_METHODS[number]: _operation(value) for number, value in _fields(data) if number in _METHODS}


def _operation(data: bytes) -> dict[str, Any]:
    operation: dict[str, Any] = {}
    for number, value in _fields(data):
        if number == 13:
            _extend(operation, value)
    return operation
