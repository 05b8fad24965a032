"""Lists out of the mirror: pages that are read one after the other, each in a short transaction, as fast as the client reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.facade import documents
from fairlead.gateway.core.facade.continuation import Continuation
from fairlead.gateway.core.facade.coverage import Coverage
from fairlead.gateway.core.facade.cursors import Cursor
from fairlead.gateway.core.facade.formats import Format, Shape
from fairlead.gateway.core.facade.listing import Unanswerable
from fairlead.gateway.errors import CursorExpired
from fairlead.gateway.ports.listing import Extent, ListingStore, Page, Room, Row, TableRenderer

ROOM = Room()


@dataclass
class Listing:
    """One list under way.

    Objects that change meanwhile appear in their newest state; the list's version is that of its first page, so that a
    watch from there tells of all of them again.

    Args:
        store: of the rows.
        account: whose.
        resource: what is listed.
        extent: which rows.
        form: how they are written.
        cursor: the list's version.
        limit: most items, 0 for all.
        tables: makes tables.
        include_object: what tables hold of each object.

    """

    store: ListingStore
    account: str
    resource: Resource
    extent: Extent
    form: Format
    cursor: Cursor
    limit: int = 0
    tables: TableRenderer | None = None
    include_object: str = "Metadata"

    def room(self, listed: int = 0) -> Room:
        """How much to read next."""
        if not self.limit or self.extent.selection.fields:
            return ROOM
        return Room(min(ROOM.rows, self.limit - listed), ROOM.size_bytes)

    def begin(self, page: Page) -> AsyncIterator[bytes]:
        """The body, which begins with this page.

        Raises:
            Unanswerable: the first page cannot be written; nothing was sent.

        """
        columns = self._columns(page) if self.form.shape is Shape.TABLE else b""
        return self._body(documents.list_head(self.resource, self.form, columns), page)

    async def _body(self, head: bytes, page: Page) -> AsyncIterator[bytes]:
        """Pieces of the body; an error in the middle must end the connection, so that nobody takes it for the whole."""
        listed, token = 0, ""
        while True:
            rows, cut = self._shown(page.rows, listed)
            listed += len(rows)
            piece = head + documents.joined(self._items(rows)) if rows else b""
            if self.limit and listed == self.limit and (cut or page.more):
                token = str(Continuation(self.cursor, ObjectKey(*rows[-1][:2])))
            more, after = page.more and not token, page.rows[-1][:2] if page.rows else ("", "")
            del page, rows  # while the client takes its time
            if piece:
                yield piece
                head = documents.SEPARATOR
            if not more:
                break
            page = await self._next(ObjectKey(*after), listed)
        yield (b"" if listed else head) + documents.list_tail(self.cursor, token)

    def _shown(self, rows: Sequence[Row], listed: int) -> tuple[Sequence[Row], bool]:
        """Rows that are in the selection, no more than may be listed yet; and whether there were more."""
        if not all(row[2] for row in rows):
            raise CursorExpired("a row that must not be shown came into the list; list again")
        if self.extent.selection.fields:
            rows = [row for row in rows if self.extent.selection.fields_met(row[2])]
        left = self.limit - listed if self.limit else len(rows)
        return rows[:left], len(rows) > left

    def _items(self, rows: Sequence[Row]) -> list[bytes]:
        match self.form.shape:
            case Shape.OBJECT:
                return [body for _, _, body in rows]
            case Shape.METADATA:
                return [documents.metadata_of(body, self.form) for _, _, body in rows]
            case Shape.TABLE:
                return documents.split_table(self._table(rows))[1] if rows else []

    def _columns(self, page: Page) -> bytes:
        return documents.split_table(self._table(page.rows))[0]

    def _table(self, rows: Sequence[Row]) -> bytes:
        bodies = [body for _, _, body in rows]
        render, (group, plural) = self.tables, (self.resource.group, self.resource.plural)
        table = render(group, plural, bodies, self.include_object) if render else None
        if table is None:
            raise Unanswerable
        return table

    async def _next(self, after: ObjectKey, listed: int) -> Page:
        async with self.store.look(self.account, self.resource.group, self.resource.plural) as look:
            if not continues(look.coverage, self.extent, self.cursor):
                raise CursorExpired("the rows were taken away in the middle of the list; list again")
            return await look.page(self.extent, after, self.room(listed))


def continues(coverage: Coverage, extent: Extent, cursor: Cursor) -> bool:
    """Whether what began at a cursor can go on: the account is the same, and no rows were dropped without being buried."""
    same = coverage.nonce == cursor.nonce and coverage.floor <= cursor.change <= coverage.change
    return same and any(standing.id == extent.reflector for standing in coverage.standings)
