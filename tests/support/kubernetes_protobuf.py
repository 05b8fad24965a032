"""Kubernetes' protobuf envelope, written by hand: an independent writer for what the gateway reads."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """A number."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def put(field: int, value: str | bytes | int) -> bytes:
    """A field: text, a message, or a number."""
    if isinstance(value, int):
        return varint(field << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def envelope(kind: str, message: bytes) -> bytes:
    """An object with its kind, as API servers send it."""
    return b"k8s\0" + put(1, put(1, "v1") + put(2, kind)) + put(2, message) + put(4, "")
