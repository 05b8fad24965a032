"""Bodies on their way through: bounded, overheard, never kept for longer than needed."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from fairlead.gateway.core.facade import statuses
from fairlead.gateway.core.facade.statuses import Refusal

GZIP = 31
"""zlib's window for gzip."""


class Upload:
    """A request's body, read once.

    Args:
        source: its pieces.
        limit_bytes: beyond it reading fails, and `exceeded` tells why.
        overhear_bytes: so much of it is kept in `heard`.

    """

    def __init__(self, source: AsyncIterator[bytes], limit_bytes: int, overhear_bytes: int = 0) -> None:
        self._source = source
        self._limit = limit_bytes
        self._overhear = overhear_bytes
        self._size = 0
        self.exceeded = False
        self.heard = b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._source)
        self._size += len(piece)
        if self._size > self._limit:
            self.exceeded = True
            raise Refusal(statuses.too_large(self._limit))
        if len(self.heard) < self._overhear:
            self.heard += piece[: self._overhear - len(self.heard)]
        return piece


async def collect(source: bytes | AsyncIterator[bytes], limit_bytes: int) -> tuple[bytes, bool]:
    """Read a body, at most a piece more than the limit; tells whether it is whole."""
    if isinstance(source, bytes):
        return source, len(source) <= limit_bytes
    pieces: list[bytes] = []
    size = 0
    async for piece in source:
        pieces.append(piece)
        size += len(piece)
        if size > limit_bytes:
            return b"".join(pieces), False
    return b"".join(pieces), True


async def chained(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What was read already, and then the rest."""
    yield head
    async for piece in rest:
        yield piece


def plain(body: bytes, encoding: str, limit_bytes: int) -> bytes | None:
    """A body without its content coding; None when it has another one than gzip, or grows beyond the limit."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        return None
    inflater = zlib.decompressobj(GZIP)
    try:
        found = inflater.decompress(body, limit_bytes)
    except zlib.error:
        return None
    return None if inflater.unconsumed_tail else found
