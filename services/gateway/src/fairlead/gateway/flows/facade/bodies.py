"""Bodies on their way through: bounded, overheard, never kept for longer than needed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

from fairlead.gateway.core.facade import statuses
from fairlead.gateway.core.facade.statuses import Refusal

GZIP = 31
"""zlib's window for gzip."""
PIECE_BYTES = 256 * 1024


class Upload:
    """A request's body, read once.

    Args:
        source: its pieces.
        limit_bytes: beyond it reading fails, and `refusal` tells why.
        within_s: so does reading that takes longer.
        overhear_bytes: so much of it is kept in `heard`.

    """

    def __init__(
        self, source: AsyncIterator[bytes], limit_bytes: int, within_s: float, overhear_bytes: int = 0
    ) -> None:
        self._source = source
        self._limit = limit_bytes
        self._within_s = within_s
        self._until = asyncio.get_running_loop().time() + within_s
        self._overhear = overhear_bytes
        self._size = 0
        self.refusal: Refusal | None = None
        """Why nobody will have all of it."""
        self.heard = b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._until):
                piece = await anext(self._source)
        except TimeoutError:
            self.refusal = Refusal(statuses.late_body(self._within_s))
            raise self.refusal from None
        self._size += len(piece)
        if self._size > self._limit:
            self.refusal = Refusal(statuses.too_large(self._limit))
            raise self.refusal
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


async def unpacked(packed: bytes) -> AsyncIterator[bytes]:
    """A body out of gzip, piece by piece; between two others have their turn.

    Raises:
        zlib.error: it is no gzip, or not whole.

    """
    inflater = zlib.decompressobj(GZIP)
    while not inflater.eof:
        piece = inflater.decompress(packed, PIECE_BYTES)
        packed = inflater.unconsumed_tail
        if not piece and not packed and not inflater.eof:
            raise zlib.error("the packed body ends before its end")
        yield piece
        await asyncio.sleep(0)


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
