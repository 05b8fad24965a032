"""What LIST and WATCH read, of the mirror in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.mirror_tables import Held, Tables, Tombstone, bytewise

from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core.facade.coverage import Coverage, Standing, stale_since
from fairlead.gateway.core.facade.watching import Occurrence
from fairlead.gateway.core.selectors import selects
from fairlead.gateway.core.states import effective
from fairlead.gateway.core.views import StoredObject
from fairlead.gateway.errors import UnknownAccount
from fairlead.gateway.ports.listing import Extent, Occurrences, Page, Room, Row


class MemoryListing:
    """`ListingStore` over tables in memory."""

    # The port documents these methods.
    # ruff: noqa: D102

    tables: Tables

    @asynccontextmanager
    async def look(self, account: str, group: str, plural: str) -> AsyncIterator[MemoryLook]:
        if account not in self.tables.accounts:
            raise UnknownAccount(f"there is no account {account!r}")
        held = [each for key, each in sorted(self.tables.reflectors.items()) if key[:3] == (account, group, plural)]
        coverage = Coverage(
            self.tables.nonces[account],
            self.tables.changes[account],
            self.tables.floors[account],
            [_standing(each) for each in held],
        )
        yield MemoryLook(coverage, {each.id: _Copy.of(each) for each in held})


@dataclass
class _Copy:
    """A reflector as it stood when somebody looked."""

    rows: dict[ObjectKey, StoredObject]
    added: dict[ObjectKey, int]
    tombstones: dict[ObjectKey, Tombstone]

    @classmethod
    def of(cls, held: Held) -> _Copy:
        return cls(dict(held.rows), dict(held.added), dict(held.tombstones))


class MemoryLook:
    """`Look`."""

    def __init__(self, coverage: Coverage, copies: dict[int, _Copy]) -> None:
        self.coverage = coverage
        self._copies = copies

    async def hides(self, extent: Extent, after: ObjectKey | None) -> bool:
        return any(_hidden(row, extent) for row in self._rows(extent, after))

    async def page(self, extent: Extent, after: ObjectKey | None, room: Room, *, bodies: bool = True) -> Page:
        rows = sorted(self._rows(extent, after), key=lambda row: bytewise(row.key))
        fit = rows[: _fitting([row.body for row in rows], room)]
        page: list[Row] = [(*row.key, _shown(row, extent) if bodies else b"") for row in fit]
        return Page(page, len(fit) < len(rows))

    async def occurrences(self, extent: Extent, after: int, room: Room, *, begun: int | None = None) -> Occurrences:
        copy = self._copies[extent.reflector]
        rows = [row for row in self._rows(extent, None, labels=False) if row.change > after]
        if begun is not None:
            rows = [row for row in rows if row.change > begun or _labelled(row, extent)]
        rows.sort(key=lambda row: row.change)
        fit = rows[: _fitting([row.body for row in rows], room)]
        dead = [(key, each) for key, each in copy.tombstones.items() if extent.selection.covers(key)]
        dead = [(key, each) for key, each in dead if each.change > max(after, after if begun is None else begun)]
        dead.sort(key=lambda pair: pair[1].change)
        gone = dead[: _fitting([each.body for _, each in dead], room)]
        ends = ([fit[-1].change] if len(fit) < len(rows) else []) + (
            [gone[-1][1].change] if len(gone) < len(dead) else []
        )
        end = min(ends, default=self.coverage.change)
        events = [
            Occurrence(row.change, row.key, _shown(row, extent), copy.added[row.key], hidden=_hidden(row, extent))
            for row in fit
        ]
        events += [
            Occurrence(each.change, key, uid=each.uid, version=each.version, last=_last(each, extent))
            for key, each in gone
        ]
        told = sorted((event for event in events if event.change <= end), key=lambda event: event.change)
        return Occurrences(told, end, more=bool(ends))

    async def changed(self, extent: Extent, after: int) -> bool:
        dead = self._copies[extent.reflector].tombstones.items()
        return any(row.change > after for row in self._rows(extent, None, labels=False)) or any(
            each.change > after for key, each in dead if extent.selection.covers(key)
        )

    async def place(self, extent: Extent, version: int) -> int | None:
        copy = self._copies[extent.reflector]
        held: list[StoredObject | Tombstone] = [*copy.rows.values(), *copy.tombstones.values()]
        versions = [(each.version, each.change) for each in held]
        known = [change for at, change in versions if at == version]
        newer = [change - 1 for at, change in versions if at > version]
        return min(known + newer) if known else None

    def _rows(self, extent: Extent, after: ObjectKey | None, *, labels: bool = True) -> list[StoredObject]:
        return list(_selected(self._copies[extent.reflector].rows, extent, after, labels=labels))


def _selected(
    rows: dict[ObjectKey, StoredObject], extent: Extent, after: ObjectKey | None, *, labels: bool
) -> Iterator[StoredObject]:
    selection = extent.selection
    for key, row in rows.items():
        behind = after is None or bytewise(key) > bytewise(after)
        if behind and selection.covers(key) and (not labels or _labelled(row, extent)):
            yield row


def _labelled(row: StoredObject, extent: Extent) -> bool:
    """Whether labels select a row; what is withheld might have any."""
    return bool(row.withheld) or selects(extent.selection.labels, row.labels)


def _fitting(bodies: Sequence[bytes], room: Room) -> int:
    """How many rows there is room for: a row is read when there was room left before it."""
    size = 0
    for number, body in enumerate(bodies[: room.rows]):
        if size >= room.size_bytes:
            return number
        size += len(body)
    return min(len(bodies), room.rows)


def _hidden(row: StoredObject, extent: Extent) -> bool:
    return bool(row.withheld) or (row.redacted and not extent.redacted)


def _last(dead: Tombstone, extent: Extent) -> bytes:
    return dead.body if extent.redacted or not dead.redacted else b""


def _shown(row: StoredObject, extent: Extent) -> bytes:
    return b"" if _hidden(row, extent) else row.body


def _standing(held: Held) -> Standing:
    shown = effective(held.state, lost=held.lost is not None)
    since = held.since
    if held.lost and shown is not held.state:
        since = stale_since(held.state, held.lost[0], held.confirmed)
    sessions = held.sessions
    return Standing(
        held.id,
        held.resource,
        held.namespace,
        shown,
        since,
        held.lost is not None,
        sessions.epoch,
        sessions.checkpoint,
        held.outlived,
        held.heard,
        held.confirmed,
    )
