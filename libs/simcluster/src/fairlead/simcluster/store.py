"""The memory of the cluster: objects as encoded bytes under one version counter, with history and snapshots.

As in etcd, every write of any resource takes the next version. A table keeps the bytes of each object as they go out,
so that lists and watches only join bytes, and a bounded history of changes from which watches resume and snapshots of
older versions are rebuilt. What a history no longer reaches answers with `CompactedError`.
"""

from __future__ import annotations

import bisect
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SNAPSHOT_CACHE_SIZE: Final = 4
METADATA_START: Final = len(b'{"metadata":')

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class CompactedError(Exception):
    """The history does not reach back to the version asked for."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One object at one version, immutable."""

    key: str
    namespace: str
    name: str
    uid: str
    version: int
    body: bytes
    """JSON without apiVersion and kind, `metadata` first; views put the head of the served version before it."""
    metadata_end: int
    labels: dict[str, str]
    owners: tuple[str, ...]

    @property
    def metadata(self) -> bytes:
        """The encoded `metadata` alone, as a metadata-only view sends it."""
        return self.body[METADATA_START : self.metadata_end]

    def decoded(self) -> dict[str, Any]:
        """A fresh dictionary of the object (without apiVersion and kind)."""
        return _decode(self.body)


class Change(msgspec.Struct, frozen=True, gc=False):
    """One step of the history. A DELETED entry is the last state under the version of the delete."""

    version: int
    type: str
    entry: Entry
    previous: Entry | None


class Backup(msgspec.Struct, frozen=True):
    """All objects at one version, as an etcd snapshot file holds them."""

    version: int
    objects: dict[str, dict[str, Entry]]


def object_key(namespace: str, name: str) -> str:
    """The key that orders objects as etcd does: `namespace/name`, or the name in cluster scope."""
    return f"{namespace}/{name}" if namespace else name


def encode_entry(obj: dict[str, Any], version: int) -> Entry:
    """Encode an object: apiVersion and kind are dropped, resourceVersion is set (or absent for version 0)."""
    metadata = {**obj["metadata"], "resourceVersion": str(version)}
    if not version:
        del metadata["resourceVersion"]
    encoded = _encode(metadata)
    rest = _encode({name: part for name, part in obj.items() if name not in ("metadata", "kind", "apiVersion")})
    tail = b"}" if rest == b"{}" else b"," + rest[1:]
    namespace = metadata.get("namespace") or ""
    return Entry(
        key=object_key(namespace, metadata["name"]),
        namespace=namespace,
        name=metadata["name"],
        uid=metadata.get("uid") or "",
        version=version,
        body=b'{"metadata":' + encoded + tail,
        metadata_end=METADATA_START + len(encoded),
        labels=metadata.get("labels") or {},
        owners=tuple(owner["uid"] for owner in metadata.get("ownerReferences") or ()),
    )


class Table:
    """The objects of one resource, their order and their history."""

    def __init__(self, name: str, history_limit: int, floor: int) -> None:
        self.name = name
        self.objects: dict[str, Entry] = {}
        self.history: list[Change] = []
        self.first_sequence = 0
        """Sequence number of `history[0]`; watches remember sequence numbers while the list is trimmed."""
        self.floor = floor
        """Changes up to this version are forgotten."""
        self.listeners: set[Callable[[], None]] = set()
        self.closings = 0
        """Grows when every watch of the table must end: its kind was removed, or the store was restored."""
        self._history_limit = history_limit
        self._keys: list[str] = []
        self._keys_stale = False
        self._snapshots: OrderedDict[int, list[Entry]] = OrderedDict()

    def sorted_entries(self) -> list[Entry]:
        """The present objects in key order."""
        if self._keys_stale:
            self._keys = sorted(self.objects)
            self._keys_stale = False
        return [self.objects[key] for key in self._keys]

    def fill(self, objects: dict[str, Entry]) -> None:
        """Take objects over without history."""
        self.objects.update(objects)
        self._keys_stale = True

    def record(self, change: Change) -> None:
        """Apply a change to the present state and remember it."""
        key = change.entry.key
        if change.type == "DELETED":
            del self.objects[key]
            self._keys_stale = True
        else:
            if change.previous is None:
                self._keys_stale = True
            self.objects[key] = change.entry
        self.history.append(change)
        if len(self.history) > 2 * self._history_limit:
            self.forget(self.history[-self._history_limit - 1].version)

    def forget(self, version: int) -> None:
        """Drop the history up to and including a version."""
        cut = bisect.bisect_right(self.history, version, key=lambda change: change.version)
        del self.history[:cut]
        self.first_sequence += cut
        self.floor = max(self.floor, version)
        for known in [known for known in self._snapshots if known < version]:
            del self._snapshots[known]

    def sequence_after(self, version: int) -> int:
        """Sequence number of the first change newer than a version; CompactedError when that is forgotten."""
        if version < self.floor:
            raise CompactedError
        return self.first_sequence + bisect.bisect_right(self.history, version, key=lambda change: change.version)

    def snapshot(self, version: int) -> list[Entry]:
        """The objects in key order as they were at a version; CompactedError when that is forgotten."""
        cached = self._snapshots.get(version)
        if cached is not None:
            self._snapshots.move_to_end(version)
            return cached
        if version < self.floor:
            raise CompactedError
        newest = self.history[-1].version if self.history else self.floor
        if version >= newest:
            entries = self.sorted_entries()
        else:
            past = dict(self.objects)
            for change in reversed(self.history):
                if change.version <= version:
                    break
                if change.previous is None:
                    past.pop(change.entry.key, None)
                else:
                    past[change.entry.key] = change.previous
            entries = [past[key] for key in sorted(past)]
        self._snapshots[version] = entries
        if len(self._snapshots) > SNAPSHOT_CACHE_SIZE:
            self._snapshots.popitem(last=False)
        return entries

    def wake(self) -> None:
        """Tell the watches that there is something new."""
        for listener in tuple(self.listeners):
            listener()


class Store:
    """All tables under one version counter. `listener` hears every change; it must not write at once.

    Nothing before the first version is remembered: it counts as compacted.
    """

    def __init__(self, *, history_limit: int = 10_000, version: int = 1) -> None:
        self.version = version
        self.tables: dict[str, Table] = {}
        self.listeners: list[Callable[[Table, Change], None]] = []
        self._history_limit = history_limit
        self._compacted = version - 1
        self._owned: dict[str, set[tuple[str, str]]] = {}

    def table(self, name: str) -> Table:
        """The table of that name, made when it is new."""
        table = self.tables.get(name)
        if table is None:
            # A table made late has an empty history that is complete: nothing happened in it before.
            table = self.tables[name] = Table(name, self._history_limit, self._compacted)
        return table

    def get(self, table: str, key: str) -> Entry | None:
        """One object."""
        found = self.tables.get(table)
        return found.objects.get(key) if found else None

    def write(self, table_name: str, obj: dict[str, Any]) -> Entry:
        """Create or replace an object under the next version."""
        table = self.table(table_name)
        metadata = obj["metadata"]
        previous = table.objects.get(object_key(metadata.get("namespace") or "", metadata["name"]))
        entry = encode_entry(obj, self.version + 1)
        self._commit(table, Change(entry.version, "MODIFIED" if previous else "ADDED", entry, previous))
        return entry

    def remove(self, table_name: str, obj: dict[str, Any]) -> Entry:
        """Remove an object, whose last state is given, under the next version."""
        table = self.tables[table_name]
        entry = encode_entry(obj, self.version + 1)
        self._commit(table, Change(entry.version, "DELETED", entry, table.objects[entry.key]))
        return entry

    def _commit(self, table: Table, change: Change) -> None:
        self.version = change.version
        self._index_owners(table.name, change)
        table.record(change)
        table.wake()
        for listener in self.listeners:
            listener(table, change)

    def _index_owners(self, table: str, change: Change) -> None:
        place = (table, change.entry.key)
        before = change.previous.owners if change.previous else ()
        after = change.entry.owners if change.type != "DELETED" else ()
        for uid in before:
            if uid not in after:
                self._owned[uid].discard(place)
                if not self._owned[uid]:
                    del self._owned[uid]
        for uid in after:
            self._owned.setdefault(uid, set()).add(place)

    def owned_by(self, uid: str) -> list[tuple[Table, Entry]]:
        """The objects that name this uid among their owners."""
        places = sorted(self._owned.get(uid, ()))
        return [(self.tables[table], self.tables[table].objects[key]) for table, key in places]

    def entries(self) -> Iterator[tuple[Table, Entry]]:
        """Every object of every table."""
        for table in tuple(self.tables.values()):
            for entry in tuple(table.objects.values()):
                yield table, entry

    def end_watches(self, name: str) -> None:
        """End every watch of a table, as when its kind is no longer served."""
        table = self.table(name)
        table.closings += 1
        table.wake()

    def compact(self, version: int | None = None) -> int:
        """Forget the history up to a version (default: all of it), as etcd's compaction does."""
        upto = self.version if version is None else min(version, self.version)
        self._compacted = max(self._compacted, upto)
        for table in self.tables.values():
            table.forget(upto)
        return upto

    def backup(self) -> Backup:
        """The present objects and version."""
        return Backup(self.version, {name: dict(table.objects) for name, table in self.tables.items()})

    def restore(self, backup: Backup, *, bump: int = 0) -> None:
        """Go back to a backup: versions run backwards unless `bump` lifts the counter, and every watch ends."""
        for name in tuple(self.tables):
            self.end_watches(name)
        self.tables.clear()
        self._owned.clear()
        self.version = backup.version + bump
        self._compacted = self.version
        for name, objects in backup.objects.items():
            table = self.table(name)
            table.fill(objects)
            for entry in objects.values():
                for uid in entry.owners:
                    self._owned.setdefault(uid, set()).add((name, entry.key))
