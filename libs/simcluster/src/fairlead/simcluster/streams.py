"""Streams on their connections: watches until their time is over, logs until their container has ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NoReturn

from fairlead.simcluster.api.watching import error_line
from fairlead.simcluster.faults import OpenWatch

if TYPE_CHECKING:
    from aiohttp import web

    from fairlead.simcluster.api.answers import WatchAnswer
    from fairlead.simcluster.api.logs import LogCursor
    from fairlead.simcluster.faults import Faults
    from fairlead.simcluster.state import State

CHUNK_BYTES: Final = 256 * 1024
DEFAULT_WATCH_TIMEOUT_S: Final = 2700.0
DROP_S: Final = 5.0
"""How long a handler waits at most to be cancelled after its connection was broken."""
LAST_BOOKMARK_S: Final = 2.0
"""A watch gets a bookmark this long before its time is over, as the real server's watch cache does."""


class WatchStream:
    """One watch on its connection: waits for changes, bookmarks, faults and the end of its time."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a stream
        self,
        state: State,
        faults: Faults,
        raw: web.Request,
        response: web.StreamResponse,
        answer: WatchAnswer,
        cut_after: int | None,
    ) -> None:
        self._state = state
        self._faults = faults
        self._raw = raw
        self._response = response
        self._cursor = answer.cursor
        self._news = asyncio.Event()
        self._watch = OpenWatch(answer.resource, self._news.set)
        self._left = cut_after
        started = asyncio.get_running_loop().time()
        self._deadline = started + (answer.timeout_s or DEFAULT_WATCH_TIMEOUT_S)
        self._next_bookmark = min(started + state.bookmark_interval_s, self._deadline - LAST_BOOKMARK_S)
        if self._next_bookmark <= started:
            self._next_bookmark = self._deadline - 0.1

    async def run(self) -> None:
        """Serve until the time is over, the cursor ends, or a fault ends it."""
        self._cursor.table.listeners.add(self._news.set)
        self._faults.watches.append(self._watch)
        try:
            await self._run()
        finally:
            self._cursor.table.listeners.discard(self._news.set)
            self._faults.watches.remove(self._watch)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            if self._watch.cut:
                await self._cut()
                return
            held = self._faults.holds(self._watch.resource)
            chunk = b"" if held else self._cursor.take(CHUNK_BYTES)
            if chunk:
                await self._write(chunk)
            if self._cursor.ended:
                break
            now = loop.time()
            if now >= self._deadline:
                break
            if not held and self._cursor.bookmarks and now >= self._next_bookmark:
                await self._write(self._cursor.bookmark())
                self._next_bookmark = now + self._state.bookmark_interval_s
                if self._next_bookmark > self._deadline - LAST_BOOKMARK_S > now:
                    self._next_bookmark = self._deadline - LAST_BOOKMARK_S
            if not chunk:
                await self._wait(min(self._next_bookmark, self._deadline) - now)
        await self._response.write_eof()

    async def _wait(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(max(timeout_s, 0.01)):
                await self._news.wait()
        except TimeoutError:
            return

    async def _write(self, data: bytes) -> None:
        if not data:
            return
        if self._left is not None and len(data) >= self._left:
            await self._response.write(data[: self._left])
            await drop(self._raw)
        if self._left is not None:
            self._left -= len(data)
        await self._response.write(data)

    async def _cut(self) -> None:
        if self._watch.error is not None:
            await self._write(error_line(self._watch.error))
        if self._watch.cut == "mid-line":
            await self._write(b'{"type":"MODIFIED","object":{"kind":"')
        if self._watch.cut != "clean":
            await drop(self._raw)
        await self._response.write_eof()


async def drop(raw: web.Request) -> NoReturn:
    """Break the connection as a crashed server would; aiohttp then cancels the handler."""
    if raw.transport is not None:
        raw.transport.abort()
    await asyncio.sleep(DROP_S)
    raise ConnectionResetError


async def follow_log(state: State, response: web.StreamResponse, cursor: LogCursor) -> None:
    """Send lines as they are printed, until the container has ended or the client hangs up."""
    news = asyncio.Event()
    pods = state.store.table("pods")
    state.logs.listeners.add(news.set)
    pods.listeners.add(news.set)
    try:
        while True:
            news.clear()
            if data := cursor.take():
                await response.write(data)
            if cursor.ended:
                break
            await news.wait()
        await response.write_eof()
    finally:
        state.logs.listeners.discard(news.set)
        pods.listeners.discard(news.set)
