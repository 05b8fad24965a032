"""What a watch tells its client of what happened."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core.facade.selection import Selection


class Told(StrEnum):
    """Types of events in a watch."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """The last thing that happened to an object. Without a body it is gone, or ``hidden``: then nobody may see it."""

    change: int
    key: ObjectKey
    body: bytes = b""
    added: int = 0
    """The change with which the object came."""
    uid: str = ""
    """Of an object that is gone, as ``version``, that of its deletion, and ``last``, its last known state if one may be shown."""
    version: int = 0
    last: bytes = b""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Everything that happened behind ``start`` up to ``end``."""

    start: int
    end: int
    settled: bool
    """Nothing was left out behind ``end`` as it was read, so that everything that was there then has been told."""
    events: Sequence[Occurrence] = ()
    size: int = 0
    """Bytes of bodies."""
    written: dict[Hashable, bytes] = field(default_factory=dict, compare=False, repr=False)
    """Lines made of it for clients that know and want the same: one entry, for most of those who watch are alike."""


MEMBERS_LIMIT = 50_000
"""Keys that a watch with selectors remembers; beyond, deletions are told of objects too that the client may not know."""


@dataclass(slots=True)
class Viewer:
    """What one client knows.

    An object that came behind what the client knows is ADDED, any other MODIFIED. What the client knows moves on only where
    a chunk is settled: before, an object may have come and have changed between two readings. Deletions are always told: a
    client may have known an earlier object of the same name.

    Args:
        selection: what the client asked for.
        position: everything up to this change has been told; -1 for a client that knows nothing.
        members: the client's objects of a selection that objects may leave, None when they are not remembered.

    """

    selection: Selection
    position: int
    members: set[ObjectKey] | None = None
    known: int = field(init=False)
    _members_from: int | None = None
    """``members`` are the client's from where everything up to this change has been told; None: they are."""

    def __post_init__(self) -> None:
        self.known = self.position

    def tell(self, event: Occurrence) -> Told | None:
        """What the client is told of an event behind its position; None for nothing.

        Raises:
            msgspec.DecodeError: the body is no object.

        """
        if not self.selection.covers(event.key):
            return None
        shown = bool(event.body) and (not self.selection.fickle or self.selection.shows(event.body))
        was_member = self._moved(event.key, shown) if self.selection.fickle else None
        if was_member is None or self._members_from is not None:
            was_member = not shown or event.added <= self.known
        if shown:
            return Told.MODIFIED if was_member else Told.ADDED
        return Told.DELETED if was_member else None

    def moved_on(self, chunk: Chunk) -> None:
        """Note that a chunk has been told."""
        self.position = max(self.position, chunk.end)
        if chunk.settled:
            self.known = self.position
            if self._members_from is not None and self.position >= self._members_from:
                self._members_from = None

    def remember(self, members: set[ObjectKey], change: int) -> None:
        """Take what was selected at a change for the client's objects, once the client has been told of all up to it.

        Until then what changes and is not selected may still be the client's: its row may have left the selection before
        that change, and have changed again since.
        """
        self.members, self._members_from = members, change

    def _moved(self, key: ObjectKey, shown: bool) -> bool | None:
        """Note whether an object is in the selection; returns whether it was, None when that is not remembered."""
        if self.members is None:
            return None
        was_member = key in self.members
        if not shown:
            self.members.discard(key)
        elif not was_member:
            self.members.add(key)
            if len(self.members) > MEMBERS_LIMIT:
                self.members = None
        return was_member
