"""One session of a reflector: the rules of the observation protocol on the watcher's side (docs/observation.md).

A session begins with what the gateway answered to its opening, lists or resumes, follows a watch, and hands out numbered
parts. It ends by being dropped: a failed list, a 410, an overload or a notice of the gateway leads to a new session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from fairlead.contracts.envelope import Change, Event, Inventory, InventoryEntry, Part
from fairlead.contracts.identity import ObjectKey
from fairlead.contracts.streams import MAX_PAYLOAD_BYTES
from fairlead.watcher.core.outbox import LISTED, Outbox

INVENTORY_CHUNK_ENTRIES = 2000
OBJECT_BYTES_MAX = MAX_PAYLOAD_BYTES - 64 * 1024
"""Larger objects do not fit on the bus: a stub goes out, and the object is read live."""


class VersionsRanBackwards(Exception):
    """The cluster shows less than was seen before: it was restored. A new epoch has to begin, with a list."""


class Known(NamedTuple):
    """What the gateway holds of an object; no UID means a tombstone."""

    epoch: int
    version: int
    uid: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """The gateway's answer to the opening of a session."""

    session: str
    epoch: int
    checkpoint: int | None
    checkpoint_age_ms: int
    highest: int
    """Highest version among rows, tombstones and checkpoint of this epoch, 0 for none."""


class Observed(NamedTuple):
    """A state of an object as the API server showed it."""

    key: ObjectKey
    uid: str
    version: int
    changed_ms: int
    object: bytes


class Phase(Enum):
    """Where a session stands."""

    OPENED = "opened"
    LISTING = "listing"
    WATCHING = "watching"


@dataclass
class Session:
    """State and rules of one session; methods are called in the order in which the API server showed things."""

    opened: Opened
    known: dict[ObjectKey, Known] = field(default_factory=dict)
    """What the gateway holds, for the comparison during a list; emptied when the list ends."""
    phase: Phase = Phase.OPENED
    position: int = 0
    """Version up to which the watch was read."""
    outbox: Outbox = field(default_factory=Outbox)
    complete: bool = False
    """Whether the map was filled by a read of the API server, not by the gateway's rows: only then may it be told."""
    _map: dict[ObjectKey, tuple[str, int]] = field(default_factory=dict)
    _listed: dict[ObjectKey, tuple[str, int]] = field(default_factory=dict)
    _suspects: dict[ObjectKey, int] = field(default_factory=dict)
    _checkpoint_min: int = 0
    _checkpoint_told: int = -1
    _base: tuple[int, dict[ObjectKey, tuple[str, int]]] | None = None
    _base_is_news: bool = False
    _since_resume: dict[ObjectKey, tuple[str | None, int]] = field(default_factory=dict)

    @property
    def objects(self) -> int:
        """How many objects are known to exist."""
        return len(self._map)

    # ---- versions

    def probe(self, current: int) -> None:
        """Compare a consistent read of the cluster's version with what was seen and stored.

        Raises:
            VersionsRanBackwards: the cluster is at an older version.

        """
        if current < max(self.position, self.opened.highest):
            raise VersionsRanBackwards(f"the cluster is at version {current}, seen or stored was a higher one")

    # ---- list

    def resume(self) -> None:
        """Watch on from the checkpoint, without a list."""
        if self.opened.checkpoint is None:
            raise ValueError("there is no checkpoint to resume from")
        self.position = self._checkpoint_min = self.opened.checkpoint
        self.known.clear()
        self.phase = Phase.WATCHING

    def list_begins(self) -> None:
        """Begin the one list of this session."""
        self.phase = Phase.LISTING
        self._listed.clear()
        self._suspects.clear()

    def listed(self, states: Iterable[Observed]) -> None:
        """Take a page of the list; only what differs from the gateway's rows is sent.

        A streaming list may show a newer state of an object later.
        """
        epoch = self.opened.epoch
        for state in states:
            self._listed[state.key] = (state.uid, state.version)
            self._suspects.pop(state.key, None)
            known = self.known.get(state.key)
            if known is not None and known.epoch == epoch:
                if known.version == state.version and known.uid == state.uid:
                    continue
                if known.version >= state.version:
                    self._suspects[state.key] = known.version
            self.outbox.put(_upsert(state), LISTED)

    def delisted(self, state: Observed) -> None:
        """Take a deletion that a streaming list shows before its end."""
        self._listed.pop(state.key, None)
        self._suspects.pop(state.key, None)
        self.outbox.put(_delete(state), LISTED)

    def list_ends(self, version: int, *, consistent: bool) -> None:
        """Take the version of the list, tell what exists, and watch on from there.

        Args:
            version: of the snapshot that the list showed.
            consistent: whether the list was a consistent read; only such a one is believed to show the newest version.

        Raises:
            VersionsRanBackwards: the list contradicts what the gateway holds.

        """
        if consistent:
            self.probe(version)
        for key, stored in self._suspects.items():
            if stored <= version:
                raise VersionsRanBackwards(f"{key.namespace}/{key.name} is listed older than it was stored")
        self._map, self._listed = self._listed, {}
        self.known.clear()
        self._suspects.clear()
        self.complete = True
        self.position = self._checkpoint_min = version
        self.phase = Phase.WATCHING
        self.tell_inventory()

    # ---- watch

    def changed(self, state: Observed) -> None:
        """Take an ADDED or MODIFIED event of the watch."""
        self._map[state.key] = (state.uid, state.version)
        self._seen(state.key, state.uid, state.version)
        self.outbox.put(_upsert(state), state.version)

    def deleted(self, state: Observed) -> None:
        """Take a DELETED event of the watch; its version is that of the deletion."""
        self._map.pop(state.key, None)
        self._seen(state.key, None, state.version)
        self.outbox.put(_delete(state), state.version)

    def bookmark(self, version: int) -> None:
        """Take a bookmark: everything up to this version was seen."""
        self.position = max(self.position, version)
        self._settle_base()
        if self._base_is_news:
            self.tell_inventory()

    def _seen(self, key: ObjectKey, uid: str | None, version: int) -> None:
        self.position = max(self.position, version)
        if not self.complete:
            self._since_resume[key] = (uid, version)
            self._settle_base()

    # ---- checkpoint

    @property
    def checkpoint(self) -> int | None:
        """The highest c such that every change up to c is in parts that are numbered already, None when there is none."""
        if self.phase is not Phase.WATCHING:
            return None
        oldest = self.outbox.oldest
        reached = self.position if oldest is None else min(self.position, oldest - 1)
        return reached if reached >= self._checkpoint_min else None

    def tell_checkpoint(self) -> None:
        """Let an empty part carry the checkpoint, when it is news and no part is left that was numbered before."""
        reached = self.checkpoint
        if reached is not None and reached > self._checkpoint_told and not self.outbox.is_ready:
            self.outbox.put_checkpoint(reached)
            self._checkpoint_told = reached

    # ---- inventory

    def base_listed(self, version: int, entries: dict[ObjectKey, tuple[str, int]]) -> None:
        """Take a metadata-only list made after a resume; it counts once the watch was read up to its version."""
        self._base = (version, entries)
        self._settle_base()

    def _settle_base(self) -> None:
        """Fill the map from the base list and what the watch showed beyond its version."""
        if self._base is None or self.position < self._base[0]:
            return
        version, entries = self._base
        for key, (uid, seen) in self._since_resume.items():
            if seen > version:
                if uid is None:
                    entries.pop(key, None)
                else:
                    entries[key] = (uid, seen)
        self._map = entries
        self._base = None
        self._since_resume.clear()
        self.complete = self._base_is_news = True

    def tell_inventory(self) -> None:
        """Let numbered parts tell everything that exists at this position.

        Only from a complete map, and not while a former inventory still waits: what waits is bounded.
        """
        if not self.complete or self.phase is not Phase.WATCHING or self.outbox.inventory_waits:
            return
        self._base_is_news = False
        self.outbox.put_inventory(self._inventory(), self.checkpoint)
        self._checkpoint_told = max(self._checkpoint_told, self.checkpoint or -1)

    def _inventory(self) -> list[Inventory]:
        keys = sorted(self._map)
        starts = list(range(0, len(keys), INVENTORY_CHUNK_ENTRIES)) or [0]
        chunks = []
        for start in starts:
            until = start + INVENTORY_CHUNK_ENTRIES
            entries = [self._entry(key) for key in keys[start:until]]
            first = keys[start] if start else None
            chunks.append(Inventory(self.position, first, keys[until] if until < len(keys) else None, entries))
        return chunks

    def _entry(self, key: ObjectKey) -> InventoryEntry:
        uid, version = self._map[key]
        return InventoryEntry(key, uid, None if key in self.outbox else version)

    # ---- repair

    def fetched(self, state: Observed) -> bool:
        """Take an object that was fetched by name for a repair; False when the watch knows better by now."""
        if self._map.get(state.key) != (state.uid, state.version):
            return False
        self.outbox.put(_upsert(state), LISTED)
        return True

    # ---- parts

    def take(self, events_max: int, bytes_max: int, *, at_least_one: bool = True) -> Part | None:
        """Take the next part, None when there is nothing to say (or, without ``at_least_one``, nothing that fits)."""
        part = self.outbox.take_ready()
        if part is not None:
            return part
        events = self.outbox.take_events(events_max, bytes_max, at_least_one=at_least_one)
        if not events:
            return None
        reached = self.checkpoint
        self._checkpoint_told = max(self._checkpoint_told, -1 if reached is None else reached)
        return self.outbox.carry(events, reached)


def _delete(state: Observed) -> Event:
    return Event(Change.DELETE, state.key, state.uid, state.version, state.changed_ms, b"")


def _upsert(state: Observed) -> Event:
    if len(state.object) <= OBJECT_BYTES_MAX:
        return Event(Change.UPSERT, state.key, state.uid, state.version, state.changed_ms, state.object)
    return Event(Change.UPSERT, state.key, state.uid, state.version, state.changed_ms, b"", withheld="too large")
