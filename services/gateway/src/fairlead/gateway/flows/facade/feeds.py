"""What happens to the rows, read once for all who watch them.

A feed reads its reflector's changes when a hint says that there are some, and now and then without a hint. Nobody owns it: of
those who wait, the first that wakes reads for all. What was read last is kept for a moment, within limits; who has fallen
behind it reads the rows by himself, and so delays nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from fairlead.gateway.core.facade.coverage import Answerer, Coverage, Standing, answerer
from fairlead.gateway.core.facade.selection import Selection
from fairlead.gateway.core.facade.watching import Chunk
from fairlead.gateway.errors import CursorExpired, UnknownAccount
from fairlead.gateway.ports.listing import Extent, ListingStore, Occurrences, Room
from fairlead.gateway.ports.operations import NoticeBoard
from fairlead.runtime import metrics

ROOM = Room(rows=500, size_bytes=256 * 1024)
"""What is read at once: of it, a client that does not read makes the gateway hold two."""
POLL_S = 10.0
"""Longest time between two readings while somebody watches."""
KEPT_S = 5.0
"""How long a chunk is kept for those who lag."""
FEED_BYTES = 1024 * 1024
"""Bodies that one feed keeps, beside the last chunk; what was written of them for clients comes on top, once."""
ALL_BYTES = 64 * 1024 * 1024
"""Bodies that all feeds keep."""
MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Source:
    """What a feed reads."""

    account: str
    nonce: int
    standing: Standing
    redacted: bool

    @property
    def extent(self) -> Extent:
        """All rows of the reflector."""
        resource = self.standing.resource
        return Extent(self.standing.id, Selection(resource.group, resource.plural), self.redacted)


@dataclass
class Feeds:
    """The feeds that somebody watches.

    Args:
        store: of the rows.
        notices: hints of commits.
        now: the time.

    """

    store: ListingStore
    notices: NoticeBoard
    now: Callable[[], datetime]
    size: int = 0
    """Bytes that all feeds keep."""
    _feeds: dict[tuple[int, int], Feed] = field(default_factory=dict)

    async def listen(self) -> None:
        """Pass hints on; a task of the service."""
        async for notice in self.notices.stream():
            ids = set() if notice.topic == MISSED else {int(each) for each in notice.key.split() if each.isdigit()}
            for feed in list(self._feeds.values()):
                if not ids or feed.source.standing.id in ids:
                    feed.hint()

    @contextmanager
    def joined(self, source: Source, change: int) -> Iterator[Feed]:
        """Take part in a feed, which begins at this change when nobody did before."""
        key = source.standing.id, source.standing.epoch
        feed = self._feeds.get(key)
        if feed is None or feed.ended:
            feed = self._feeds[key] = Feed(self, source, change)
        feed.watchers += 1
        try:
            yield feed
        finally:
            feed.watchers -= 1
            if not feed.watchers:
                feed.drop_all()
                if self._feeds.get(key) is feed:
                    del self._feeds[key]


class Feed:
    """Changes of one reflector; `Feeds` makes it."""

    def __init__(self, feeds: Feeds, source: Source, change: int) -> None:
        self.source = source
        self.tip = change
        """Everything up to this change has been read."""
        self.watchers = 0
        self.ended = False
        self._feeds = feeds
        self._chunks: deque[tuple[float, Chunk]] = deque()
        self._size = 0
        self._hinted = asyncio.Event()
        self._hinted.set()  # something may have happened since the caller looked
        self._reading = asyncio.Lock()
        self._begun = 0
        """How many readings have begun. Each takes the hint, so who waited meanwhile need not read for the same one."""
        self._read_at = asyncio.get_running_loop().time()

    def hint(self) -> None:
        """Say that something may have happened."""
        self._hinted.set()

    async def after(self, position: int, selection: Selection, within_s: float) -> Chunk | None:
        """What happened behind a position; None when nothing did in this time.

        Args:
            position: where the caller is.
            selection: what the caller may leave out when it has to read by itself.
            within_s: how long to wait.

        Raises:
            CursorExpired: nobody can go on from there.
            DatabaseUnavailable: nothing can be read for now.

        """
        if self.ended:
            raise CursorExpired("the rows were taken away; list again")
        self._forget()
        kept = self._kept(position)
        if kept is not None:
            return kept
        if position < self.tip:
            return await self.read(position, selection)
        begun = self._begun
        if await self._waited(within_s):
            async with self._reading:
                if self._begun == begun and self.tip <= position and not self.ended:
                    await self._advance()
        return self._kept(position)

    async def read(self, position: int, selection: Selection) -> Chunk:
        """Read what happened behind a position, for one who has fallen behind; of what is selected by key alone."""
        metrics.GATEWAY_WATCH_READS.labels("catching up").inc()
        extent = Extent(self.source.standing.id, selection, self.source.redacted)
        return _chunk(position, await self._occurrences(extent, position))

    def drop_all(self) -> None:
        """Keep nothing any more."""
        while self._chunks:
            self._drop()

    async def _waited(self, within_s: float) -> bool:
        """Wait for a hint; tells whether it is time to read."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(min(within_s, POLL_S)):
                await self._hinted.wait()
        except TimeoutError:
            return loop.time() - self._read_at >= POLL_S
        return True

    async def _advance(self) -> None:
        """Read on for all."""
        self._begun += 1
        self._hinted.clear()
        try:
            found = await self._occurrences(self.source.extent, self.tip)
        except (CursorExpired, UnknownAccount):
            self.ended = True
            self._hinted.set()
            raise
        except BaseException:
            self._hinted.set()  # also when the client that read for all hangs up in the middle
            raise
        metrics.GATEWAY_WATCH_READS.labels("feed").inc()
        if found.more:
            self._hinted.set()
        self._read_at = asyncio.get_running_loop().time()
        chunk = _chunk(self.tip, found)
        self.tip = found.end
        self._keep(chunk)

    async def _occurrences(self, extent: Extent, after: int) -> Occurrences:
        resource = self.source.standing.resource
        async with self._feeds.store.look(self.source.account, resource.group, resource.plural) as look:
            if not self._goes_on(look.coverage, after):
                raise CursorExpired("the rows were taken away; list again")
            return await look.occurrences(extent, after, ROOM)

    def _goes_on(self, coverage: Coverage, after: int) -> bool:
        """Whether these are still the rows that the feed began with, and the mirror may speak for them."""
        if coverage.nonce != self.source.nonce or not coverage.floor <= after <= coverage.change:
            return False
        began = self.source.standing
        for standing in coverage.standings:
            if (standing.id, standing.epoch) == (began.id, began.epoch):
                return answerer(standing, self._feeds.now(), inf) is Answerer.STORE
        return False

    def _kept(self, position: int) -> Chunk | None:
        if not self._chunks or position < self._chunks[0][1].start:
            return None
        return next((chunk for _, chunk in self._chunks if position < chunk.end), None)

    def _keep(self, chunk: Chunk) -> None:
        if chunk.end == chunk.start:
            return
        self._chunks.append((self._read_at, chunk))
        self._count(chunk.size)
        while len(self._chunks) > 1 and (self._size > FEED_BYTES or self._feeds.size > ALL_BYTES):
            self._drop()

    def _forget(self) -> None:
        kept_since = asyncio.get_running_loop().time() - KEPT_S
        while self._chunks and self._chunks[0][0] < kept_since:
            self._drop()

    def _drop(self) -> None:
        _, chunk = self._chunks.popleft()
        self._count(-chunk.size)

    def _count(self, size: int) -> None:
        self._size += size
        self._feeds.size += size
        metrics.GATEWAY_WATCH_BYTES.set(self._feeds.size)


def _chunk(start: int, found: Occurrences) -> Chunk:
    size = sum(len(event.body) + len(event.last) for event in found.events)
    return Chunk(start, found.end, settled=not found.more, events=found.events, size=size)
