"""What LIST and WATCH need of the store: short looks at one resource, each in one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core.facade.coverage import Coverage
from fairlead.gateway.core.facade.selection import Selection
from fairlead.gateway.core.facade.watching import Occurrence

Row = tuple[str, str, bytes]
"""Namespace, name, body; an empty body is one that must not be shown."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What rows are read: of one reflector, within a selection."""

    reflector: int
    selection: Selection
    redacted: bool = True
    """Whether redacted rows may be shown."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of their keys."""

    rows: Sequence[Row]
    more: bool


@dataclass(frozen=True, slots=True)
class Occurrences:
    """What happened behind a change, in order; of each object only the last."""

    events: Sequence[Occurrence]
    end: int
    """Everything up to this change has been told."""
    more: bool


@dataclass(frozen=True, slots=True)
class Room:
    """How much is read at once: rows, and bytes of bodies (one row more at most)."""

    rows: int = 500
    size_bytes: int = 1024 * 1024


class Look(Protocol):
    """One snapshot of an account's resource. Selectors on fields are not applied here."""

    coverage: Coverage

    async def hides(self, extent: Extent, after: ObjectKey | None) -> bool:
        """Whether a row that must not be shown is among those behind a key; fields do not count."""
        ...

    async def page(self, extent: Extent, after: ObjectKey | None, room: Room, *, bodies: bool = True) -> Page:
        """Read rows behind a key."""
        ...

    async def occurrences(self, extent: Extent, after: int, room: Room, *, begun: int | None = None) -> Occurrences:
        """Read what happened behind a change.

        Args:
            extent: which rows; labels and fields do not count.
            after: the change.
            room: how much.
            begun: tell what there is, to somebody who has been told of it since the account stood at this change: up to
                it, what is gone is left out, and what labels do not select.

        """
        ...

    async def changed(self, extent: Extent, after: int) -> bool:
        """Whether anything happened behind a change."""
        ...

    async def place(self, extent: Extent, version: int) -> int | None:
        """From which change on somebody must be told who knows the resource as of a version of the cluster.

        None when no row or tombstone of late has this version, so that nobody can tell.
        """
        ...


class ListingStore(Protocol):
    """The rows."""

    def look(self, account: str, group: str, plural: str) -> AbstractAsyncContextManager[Look]:
        """Look at a resource; leave soon, for a transaction stays open meanwhile.

        Raises:
            UnknownAccount: nobody claimed the account.
            DatabaseUnavailable: the database is away.

        """
        ...


TableRenderer = Callable[[str, str, Sequence[bytes], str], bytes | None]
"""Makes a ``Table`` of objects: group, plural, the objects, ``includeObject``; None when only the API server can."""
