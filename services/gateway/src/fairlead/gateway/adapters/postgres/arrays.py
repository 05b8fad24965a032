"""Arrays as PostgreSQL reads them in binary, built from whole columns.

psycopg dumps a list item by item through Python objects; for the bodies and names of a batch that costs more than the rest of
the commit. The format is that of ``array_recv`` (src/backend/utils/adt/arrayfuncs.c): dimensions, flags, element type,
then length and lower bound of each dimension, then each item behind its length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from psycopg import BaseConnection
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = struct.Struct(">iiIii")
_EMPTY = struct.Struct(">iiI")
_LENGTH = struct.Struct(">i").pack
_NULL = _LENGTH(-1)


class Array:
    """A dumped array."""

    __slots__ = ("data",)
    element: ClassVar[int]

    def __init__(self, items: Sequence[bytes | None]) -> None:
        if not items:
            self.data = _EMPTY.pack(0, 0, self.element)
            return
        pieces = [_HEADER.pack(1, int(None in items), self.element, len(items), 1)]
        for item in items:
            if item is None:
                pieces.append(_NULL)
            else:
                pieces.append(_LENGTH(len(item)))
                pieces.append(item)
        self.data = b"".join(pieces)


class TextArray(Array):
    """``text[]``."""

    __slots__ = ()
    element = 25

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> TextArray:
        """Build from texts and nulls."""
        return cls([None if text is None else text.encode() for text in texts])


class BytesArray(Array):
    """``bytea[]``."""

    __slots__ = ()
    element = 17


class IntArray(Array):
    """``bigint[]``."""

    __slots__ = ()
    element = 20

    @classmethod
    def of(cls, numbers: Iterable[int | None]) -> IntArray:
        """Build from numbers and nulls."""
        return cls([None if number is None else number.to_bytes(8, "big", signed=True) for number in numbers])


class BoolArray(Array):
    """``boolean[]``."""

    __slots__ = ()
    element = 16

    @classmethod
    def of(cls, flags: Iterable[bool]) -> BoolArray:
        """Build from flags."""
        return cls([b"\1" if flag else b"\0" for flag in flags])


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        """Give the array's bytes away."""
        return obj.data


class _TextArrayDumper(_ArrayDumper):
    oid = 1009


class _BytesArrayDumper(_ArrayDumper):
    oid = 1001


class _IntArrayDumper(_ArrayDumper):
    oid = 1016


class _BoolArrayDumper(_ArrayDumper):
    oid = 1000


def register(connection: BaseConnection[Any]) -> None:
    """Let a connection take these arrays as parameters."""
    connection.adapters.register_dumper(TextArray, _TextArrayDumper)
    connection.adapters.register_dumper(BytesArray, _BytesArrayDumper)
    connection.adapters.register_dumper(IntArray, _IntArrayDumper)
    connection.adapters.register_dumper(BoolArray, _BoolArrayDumper)
