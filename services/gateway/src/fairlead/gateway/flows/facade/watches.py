"""One client's watch out of the mirror."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field

import msgspec

from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core.facade import documents
from fairlead.gateway.core.facade.cursors import Cursor
from fairlead.gateway.core.facade.formats import Format, Shape
from fairlead.gateway.core.facade.statuses import expired
from fairlead.gateway.core.facade.watching import MEMBERS_LIMIT, Chunk, Occurrence, Told, Viewer
from fairlead.gateway.errors import CursorExpired, DatabaseUnavailable, UnknownAccount
from fairlead.gateway.flows.facade.feeds import ROOM, Feed, Feeds, Source
from fairlead.gateway.flows.facade.lists import continues
from fairlead.gateway.ports.listing import Extent, ListingStore, TableRenderer
from fairlead.runtime import logfields, metrics
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
BOOKMARK_S = 45.0
"""Longest time between two bookmarks; API servers send one a minute."""


@dataclass
class Watch:
    """A watch under way. It holds one chunk at most; while its client does not read, it does nothing.

    Args:
        store: of the rows.
        feeds: of what happens to them.
        source: what is watched.
        extent: which rows.
        form: how events are written.
        viewer: what the client knows.
        begun: where the account stood at the start.
        lasts_s: how long it may last.
        bookmarks: whether the client takes bookmarks.
        ends_initial: whether it wants to be told where what there was ends.
        tables: makes tables.
        include_object: what tables hold of each object.

    """

    store: ListingStore
    feeds: Feeds
    source: Source
    extent: Extent
    form: Format
    viewer: Viewer
    begun: int
    lasts_s: float
    bookmarks: bool = False
    ends_initial: bool = False
    tables: TableRenderer | None = None
    include_object: str = "Metadata"
    _until: float = field(init=False, default=0.0)
    _bookmark_at: float = field(init=False, default=0.0)

    async def body(self) -> AsyncIterator[bytes]:
        """Lines, some at a time, until time is over or nothing more can be told."""
        loop = asyncio.get_running_loop()
        self._until, self._bookmark_at = loop.time() + self.lasts_s, loop.time() + BOOKMARK_S
        metrics.GATEWAY_WATCHES.inc()
        try:
            with self.feeds.joined(self.source, self.begun) as feed:
                async with aclosing(self._lines(feed)) as pieces:
                    async for lines in pieces:
                        yield lines
        except (CursorExpired, UnknownAccount, msgspec.DecodeError) as error:
            metrics.GATEWAY_WATCHES_EXPIRED.inc()
            log.info("a watch has to begin anew", **{
                logfields.ACCOUNT: self.source.account, logfields.RESOURCE: self.source.standing.resource.name,
                logfields.ERROR: chain(error)})  # fmt: skip
            yield documents.failure(expired("the mirror can no longer tell what happened since; list again"))
        finally:
            metrics.GATEWAY_WATCHES.dec()

    async def _lines(self, feed: Feed) -> AsyncGenerator[bytes]:
        loop = asyncio.get_running_loop()
        if self.viewer.position < 0:
            async with aclosing(self._what_there_is()) as pieces:
                async for lines in pieces:
                    yield lines
        elif self.viewer.selection.fickle:
            await self._find_members()
        pause = Backoff(base_s=0.1, max_s=5.0)
        while (left_s := self._until - loop.time()) > 0:
            within_s = min(left_s, self._bookmark_at - loop.time()) if self.bookmarks else left_s
            try:
                lines = await self._next(feed, max(0.0, within_s))
            except DatabaseUnavailable:
                await asyncio.sleep(min(pause.next_s(), left_s))
                continue
            pause.reset()
            if self.bookmarks and (lines or loop.time() >= self._bookmark_at):
                lines += self._bookmark()
            if lines:
                yield lines
        if self.bookmarks:
            yield self._bookmark()

    async def _next(self, feed: Feed, within_s: float) -> bytes:
        chunk = await feed.after(self.viewer.position, self.viewer.selection, within_s)
        return b"" if chunk is None else self._told(chunk)

    async def _what_there_is(self) -> AsyncGenerator[bytes]:
        """Tell of all rows in the order in which they came into their state, so that the last one tells where a client is."""
        resource = self.source.standing.resource
        more = True
        while more:
            async with self.store.look(self.source.account, resource.group, resource.plural) as look:
                if not continues(look.coverage, self.extent, Cursor(self.source.nonce, self.begun)):
                    raise CursorExpired("the rows were taken away; list again")
                found = await look.occurrences(self.extent, self.viewer.position, ROOM, begun=self.begun)
            more = found.more
            lines = self._told(Chunk(self.viewer.position, found.end, settled=not more, events=found.events))
            del found  # while the client takes its time
            if lines:
                yield lines
        if self.bookmarks:
            yield self._bookmark(ends_initial=self.ends_initial)

    async def _find_members(self) -> None:
        """Find out what the client has of a selection that objects may leave."""
        resource = self.source.standing.resource
        after, members = None, set[ObjectKey]()
        while len(members) <= MEMBERS_LIMIT:
            async with self.store.look(self.source.account, resource.group, resource.plural) as look:
                page = await look.page(self.extent, after, ROOM, bodies=bool(self.extent.selection.fields))
                change = look.coverage.change
            members.update(ObjectKey(*row[:2]) for row in page.rows if self._is_member(row[2]))
            if not page.more:
                self.viewer.remember(members, change)
                return
            after = ObjectKey(*page.rows[-1][:2])

    def _is_member(self, body: bytes) -> bool:
        return not self.extent.selection.fields or (bool(body) and self.extent.selection.fields_met(body))

    def _told(self, chunk: Chunk) -> bytes:
        viewer = self.viewer
        alike = viewer.selection, viewer.position, viewer.known, self.form, self.include_object
        lines = None if viewer.selection.fickle else chunk.written.get(alike)
        if lines is None:
            lines = b"".join(self._events(chunk))
            if not viewer.selection.fickle:
                chunk.written.clear()
                chunk.written[alike] = lines
        viewer.moved_on(chunk)
        metrics.GATEWAY_WATCH_TOLD.inc(len(lines))
        return lines

    def _events(self, chunk: Chunk) -> Iterator[bytes]:
        start = self.viewer.position
        for event in chunk.events:
            if event.change <= start or not self.viewer.selection.covers(event.key):
                continue
            if event.hidden:
                raise CursorExpired("a row that must not be shown came into the watch; list again")
            told = self.viewer.tell(event)
            if told is not None:
                yield self._line(told, event)

    def _line(self, told: Told, event: Occurrence) -> bytes:
        body = event.body or documents.last_state(self.source.standing.resource, event)
        match self.form.shape:
            case Shape.OBJECT:
                return documents.event(told, body)
            case Shape.METADATA:
                return documents.event(told, documents.metadata_of(body, self.form))
            case Shape.TABLE:
                return documents.event(told, self._table(body))

    def _table(self, body: bytes) -> bytes:
        resource = self.source.standing.resource
        table = self.tables(resource.group, resource.plural, [body], self.include_object) if self.tables else None
        if table is None:
            raise CursorExpired("this object's table cannot be made here; list again")
        return table

    def _bookmark(self, *, ends_initial: bool = False) -> bytes:
        self._bookmark_at = asyncio.get_running_loop().time() + BOOKMARK_S
        cursor = Cursor(self.source.nonce, self.viewer.position)
        return documents.bookmark(self.source.standing.resource, self.form, cursor, ends_initial=ends_initial)
