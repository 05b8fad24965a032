"""What LIST and WATCH of the facade read: short transactions, ordered pages, bodies as they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Any

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.adapters.postgres.columns import Row, number
from fairlead.gateway.adapters.postgres.label_conditions import conditions
from fairlead.gateway.adapters.postgres.pool import WAIT_TIMEOUT_S, Connection, Database, fetch
from fairlead.gateway.core.facade.coverage import Coverage, Standing, stale_since
from fairlead.gateway.core.facade.selection import NAME, Selection
from fairlead.gateway.core.facade.watching import Occurrence
from fairlead.gateway.core.states import ResourceState, effective
from fairlead.gateway.errors import DatabaseUnavailable, UnknownAccount
from fairlead.gateway.ports.listing import Extent, Occurrences, Page, Room

PLACE_ROWS = 5000
"""Versions are looked for among so many of the latest changes."""

_COVERAGE = """
    select a.nonce, a.change, a.floor, r.id, r.api_version, r.kind, r.namespaced, r.namespace, r.state,
        coalesce(r.lost_since, r.state_since), r.lost_since is not null, r.epoch, r.checkpoint::text, r.outlived::text,
        r.heard_at, r.checkpoint_at, r.state_since
    from accounts a left join resources r on r.account_id = a.id and r.api_group = %s and r.plural = %s
    where a.name = %s order by r.namespace
"""
# The window adds sizes up without reading bodies, so that a page of large objects ends early; it has one row at least.
_PAGE = """
    select namespace, name, body, count from (
        select namespace, name, {body} as body, row_number() over w as number, count(*) over () as count,
            sum(octet_length(body)) over w - octet_length(body) as before
        from (select * from objects where resource_id = %s{conditions} order by namespace, name limit %s) as o
        window w as (order by namespace, name rows unbounded preceding)
    ) as p
    where number <= %s and before < %s order by namespace, name
"""
_UPSERTS = """
    select change, added, namespace, name, body, hidden, count from (
        select change, added, namespace, name, {body} as body, {hidden} as hidden, row_number() over w as number,
            count(*) over () as count, sum(octet_length(body)) over w - octet_length(body) as before
        from (select * from objects where resource_id = %s and change > %s{conditions} order by change limit %s) as o
        window w as (order by change rows unbounded preceding)
    ) as p
    where number <= %s and before < %s order by change
"""
_DELETIONS = """
    select change, namespace, name, uid, version, body, count from (
        select change, namespace, name, uid, version::text as version, {body} as body, row_number() over w as number,
            count(*) over () as count, sum(octet_length(body)) over w - octet_length(body) as before
        from (select * from tombstones where resource_id = %s and change > %s{conditions} order by change limit %s) as o
        window w as (order by change rows unbounded preceding)
    ) as p
    where number <= %s and before < %s order by change
"""
_HIDES = "select exists (select from objects where resource_id = %s and {hidden}{conditions})"
_CHANGED = """
    select exists (select from objects where resource_id = %s and change > %s{conditions})
        or exists (select from tombstones where resource_id = %s and change > %s{conditions})
"""
_PLACE = """
    select min(change) filter (where version = %s::numeric), min(change) filter (where version > %s::numeric) from (
        (select change, version from objects where resource_id = %s order by change desc limit %s)
        union all (select change, version from tombstones where resource_id = %s order by change desc limit %s)
    ) as latest
"""
_WITHHELD, _REDACTED = "withheld <> ''", "(withheld <> '' or redacted)"


class PostgresListing:
    """`ListingStore` in PostgreSQL.

    Args:
        database: where.
        at_once: connections that readers may have together, so that those who write always find one.

    """

    def __init__(self, database: Database, *, at_once: int = 4) -> None:
        self._database = database
        self._slots = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def look(self, account: str, group: str, plural: str) -> AsyncIterator[PostgresLook]:
        """Look at a resource in one snapshot."""
        async with self._slot(), self._database.transaction(pipelined=True) as connection:
            await connection.execute("set transaction isolation level repeatable read read only")
            rows = await fetch(connection, _COVERAGE, [group, plural, account])
            if not rows:
                raise UnknownAccount(f"there is no account {account!r}")
            yield PostgresLook(connection, _coverage(group, plural, rows))

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            await asyncio.wait_for(self._slots.acquire(), WAIT_TIMEOUT_S)
        except TimeoutError:
            raise DatabaseUnavailable("too many read from the mirror at once; try again") from None
        try:
            yield
        finally:
            self._slots.release()


class PostgresLook:
    """`Look`."""

    def __init__(self, connection: Connection, coverage: Coverage) -> None:
        self._connection = connection
        self.coverage = coverage

    async def hides(self, extent: Extent, after: ObjectKey | None) -> bool:
        """Whether a row that must not be shown is among those behind a key."""
        where, values = _conditions(extent.selection, after)
        statement = _HIDES.format(hidden=_hidden(extent), conditions=where)
        return bool((await fetch(self._connection, statement, [extent.reflector, *values]))[0][0])

    async def page(self, extent: Extent, after: ObjectKey | None, room: Room, *, bodies: bool = True) -> Page:
        """Read rows behind a key."""
        where, values = _conditions(extent.selection, after)
        statement = _PAGE.format(body=_body(extent) if bodies else "''::bytea", conditions=where)
        parameters = [extent.reflector, *values, room.rows + 1, room.rows, room.size_bytes]
        rows = await fetch(self._connection, statement, parameters, binary=True)
        return Page([row[:3] for row in rows], bool(rows) and rows[0][3] > len(rows))

    async def occurrences(self, extent: Extent, after: int, room: Room, *, begun: int | None = None) -> Occurrences:
        """Read what happened behind a change."""
        where, values = _conditions(extent.selection, None, labels=False)
        shown, told = where, list(values)
        if begun is not None and extent.selection.labels:
            labelled, parameters = _labelled(extent.selection)
            shown, told = f"{where} and (change > %s or {labelled})", [*values, begun, *parameters]
        statement = _UPSERTS.format(body=_body(extent), hidden=_hidden(extent), conditions=shown)
        bounds = [room.rows + 1, room.rows, room.size_bytes]
        upserts = await fetch(self._connection, statement, [extent.reflector, after, *told, *bounds], binary=True)
        statement = _DELETIONS.format(body=_body(extent), conditions=where)
        behind = after if begun is None else max(after, begun)
        gone = await fetch(self._connection, statement, [extent.reflector, behind, *values, *bounds], binary=True)
        ends = [rows[-1][0] for rows in (upserts, gone) if rows and rows[0][-1] > len(rows)]
        end = min(ends, default=self.coverage.change)
        events = [Occurrence(row[0], ObjectKey(row[2], row[3]), row[4], row[1], hidden=row[5]) for row in upserts]
        events += [
            Occurrence(row[0], ObjectKey(row[1], row[2]), uid=row[3], version=int(row[4]), last=row[5]) for row in gone
        ]
        events = sorted((event for event in events if event.change <= end), key=attrgetter("change"))
        return Occurrences(events, end, more=bool(ends))

    async def changed(self, extent: Extent, after: int) -> bool:
        """Whether anything happened behind a change."""
        where, values = _conditions(extent.selection, None, labels=False)
        one = [extent.reflector, after, *values]
        return bool((await fetch(self._connection, _CHANGED.format(conditions=where), one + one))[0][0])

    async def place(self, extent: Extent, version: int) -> int | None:
        """From which change on somebody must be told who knows the resource as of a version of the cluster."""
        latest = [extent.reflector, PLACE_ROWS]
        rows = await fetch(self._connection, _PLACE, [str(version), str(version), *latest, *latest])
        known, newer = rows[0]
        if known is None:
            return None
        return int(known if newer is None else min(known, newer - 1))


def _conditions(selection: Selection, after: ObjectKey | None, *, labels: bool = True) -> tuple[str, list[Any]]:
    """Conditions on keys, and on labels when they are asked for."""
    where, values = "", []
    if selection.namespace:
        where, values = " and namespace = %s", [selection.namespace]
    for term in selection.keys:
        where += f" and {'name' if term.field == NAME else 'namespace'} {'=' if term.equal else '<>'} %s"
        values.append(term.value)
    if after is not None:
        where += " and (namespace, name) > (%s, %s)"
        values += after
    if labels and selection.labels:
        labelled, parameters = _labelled(selection)
        return f"{where} and {labelled}", values + parameters
    return where, values


def _labelled(selection: Selection) -> tuple[str, list[Any]]:
    """A condition on labels. Those of what is withheld are not known, so that it may be selected by any."""
    clauses, parameters = conditions(selection.labels)
    return f"(withheld <> '' or true{clauses})", parameters


def _hidden(extent: Extent) -> str:
    return _WITHHELD if extent.redacted else _REDACTED


def _body(extent: Extent) -> str:
    return "body" if extent.redacted else "case when redacted then ''::bytea else body end"


def _coverage(group: str, plural: str, rows: Sequence[Row]) -> Coverage:
    nonce, change, floor = rows[0][:3]
    return Coverage(nonce, change, floor, [_standing(group, plural, row) for row in rows if row[3] is not None])


def _standing(group: str, plural: str, row: Row) -> Standing:
    id_, version, kind, namespaced, namespace, state, since, lost, epoch, checkpoint, outlived, *times = row[3:]
    heard, confirmed, own = times
    reported = ResourceState(state)
    shown = effective(reported, lost=lost)
    return Standing(
        id_,
        Resource(group, version, plural, kind, namespaced),
        namespace,
        shown,
        own if shown is reported else stale_since(reported, since, confirmed),
        lost,
        epoch,
        number(checkpoint),
        number(outlived),
        heard,
        confirmed,
    )
