"""Kubernetes' protobuf, as far as an object's identity: an envelope and fields by number, no schemas.

The envelope is four magic bytes and a ``runtime.Unknown`` (k8s.io/apimachinery, runtime/serializer/protobuf); the wire is
protobuf's own (protobuf.dev, Encoding).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\0"
_TYPE, _RAW = 1, 2
_KIND = 2
_VARINT_BYTES = 10
Field = bytes | int


class MalformedProtobuf(ValueError):
    """The bytes are no protobuf message."""


class Envelope(NamedTuple):
    """What the envelope holds."""

    kind: str
    message: bytes
    """The object itself."""


def open_envelope(body: bytes) -> Envelope:
    """Open the envelope.

    Raises:
        MalformedProtobuf: it is none.

    """
    if not body.startswith(MAGIC):
        raise MalformedProtobuf("the magic bytes are missing")
    outer = fields(body[len(MAGIC) :])
    return Envelope(text(fields(message(outer, _TYPE)), _KIND), message(outer, _RAW))


def fields(data: bytes) -> dict[int, list[Field]]:
    """The fields of a message by number: bytes of strings and messages, integers of numbers.

    Raises:
        MalformedProtobuf: it is none.

    """
    found: dict[int, list[Field]] = {}
    for number, value in _walk(data):
        found.setdefault(number, []).append(value)
    return found


def message(found: dict[int, list[Field]], number: int) -> bytes:
    """A field that is a message; empty when it is missing. Of several the last counts."""
    values = found.get(number)
    return values[-1] if values and isinstance(values[-1], bytes) else b""


def text(found: dict[int, list[Field]], number: int) -> str:
    """A field that is a string; empty when it is missing."""
    try:
        return message(found, number).decode()
    except UnicodeDecodeError:
        raise MalformedProtobuf("a string is no UTF-8") from None


def _walk(data: bytes) -> Iterator[tuple[int, Field]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
                yield tag >> 3, value
            case 2:
                size, at = _varint(data, at)
                yield tag >> 3, _slice(data, at, size)
                at += size
            case 1:
                yield tag >> 3, _slice(data, at, 8)
                at += 8
            case 5:
                yield tag >> 3, _slice(data, at, 4)
                at += 4
            case kind:
                raise MalformedProtobuf(f"no field has the wire type {kind}")


def _slice(data: bytes, at: int, size: int) -> bytes:
    piece = data[at : at + size]
    if len(piece) != size:
        raise MalformedProtobuf("a field ends beyond its message")
    return piece


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for step in range(_VARINT_BYTES):
        if at + step >= len(data):
            raise MalformedProtobuf("a number ends beyond its message")
        byte = data[at + step]
        value |= (byte & 0x7F) << (7 * step)
        if byte < 0x80:
            return value, at + step + 1
    raise MalformedProtobuf("a number is too long")
