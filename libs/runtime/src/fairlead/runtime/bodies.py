"""Bodies that travel in pieces, each end of one: credit bounds what is under way, numbers show what was lost.

The reader gives credit (`Inlet`), the sender spends it (`Outlet`); what carries the pieces between them keeps them in
order and may lose some. So a reader that stalls stops its own sender and nobody else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from fairlead.contracts.tunnels import PIECE_BYTES, cost_of
from fairlead.runtime.errors import PermanentError


class BodyBroken(PermanentError):
    """A body cannot be whole any more: a piece was lost, or its sender broke the rules."""


class Inlet:
    """The reading end; iterate over it once.

    Args:
        window_bytes: credit that the sender has from the start.
        grant: gives the sender more.

    """

    def __init__(self, window_bytes: int, grant: Callable[[int], Awaitable[None]]) -> None:
        self._grant = grant
        self._grain = window_bytes // 4
        self._credit = window_bytes
        self._owed = 0
        self._pieces: deque[bytes] = deque()
        self._next = 1
        self._whole = False
        self._failure: Exception | None = None
        self._moved = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether nothing more can come."""
        return self._whole or self._failure is not None

    def put(self, sequence: int, content: bytes, *, last: bool) -> None:
        """Take a piece.

        Raises:
            BodyBroken: it is not the next one, or there was no credit for it.

        """
        if self.ended:
            return
        if sequence != self._next:
            raise BodyBroken("a piece of the body was lost on the way")
        self._credit -= cost_of(content)
        if self._credit < 0:
            raise BodyBroken("more of the body was sent than there was credit for")
        self._next += 1
        self._pieces.append(content)
        self._whole = last
        self._moved.set()

    def fail(self, error: Exception) -> None:
        """Break off: what has come is read first, and then this is raised. A body that is whole stays so."""
        if not self.ended:
            self._failure = error
            self._moved.set()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while True:
            while not self._pieces:
                if self._failure is not None:
                    raise self._failure
                if self._whole:
                    raise StopAsyncIteration
                self._moved.clear()
                await self._moved.wait()
            piece = self._pieces.popleft()
            await self._give_back(cost_of(piece))
            if piece:
                return piece

    async def _give_back(self, size: int) -> None:
        """Credit goes back in grains: a frame for each small piece would cost more than it carries."""
        self._owed += size
        if self._owed >= self._grain and not self.ended:
            size, self._owed = self._owed, 0
            self._credit += size
            await self._grant(size)


class Outlet:
    """The sending end.

    Args:
        send: takes the number, the content, and whether it is the last piece; what it raises ends `carry`.
        credit_bytes: what the reader gave from the start.

    """

    def __init__(self, send: Callable[[int, bytes, bool], Awaitable[None]], credit_bytes: int) -> None:
        self._send = send
        self._credit = credit_bytes
        self._sequence = 0
        self._more = asyncio.Event()

    def grant(self, size: int) -> None:
        """The reader gave credit."""
        self._credit += size
        self._more.set()

    async def carry(self, body: AsyncIterator[bytes]) -> None:
        """Send a whole body, in its reader's time."""
        async for content in body:
            for start in range(0, len(content), PIECE_BYTES):
                await self._put(content[start : start + PIECE_BYTES], last=False)
        await self._put(b"", last=True)

    async def _put(self, content: bytes, *, last: bool) -> None:
        while self._credit < cost_of(content):
            self._more.clear()
            await self._more.wait()
        self._credit -= cost_of(content)
        self._sequence += 1
        await self._send(self._sequence, content, last)
