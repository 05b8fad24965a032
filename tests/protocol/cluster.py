"""A cluster of four names with a history: writes, compaction, and an etcd that is restored from a backup."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fairlead.contracts.identity import ObjectKey
from fairlead.watcher.core.session import Observed

KEYS = (ObjectKey("a", "x"), ObjectKey("a", "y"), ObjectKey("b", "x"), ObjectKey("b", "z"))


class Write(NamedTuple):
    """One version of the history; no body means a deletion."""

    version: int
    key: ObjectKey
    uid: str
    body: bytes | None

    @property
    def observed(self) -> Observed:
        """The write as a watch or list shows it."""
        return Observed(self.key, self.uid, self.version, 0, self.body or b"")


@dataclass
class Cluster:
    """The truth. A timeline is a history that no restore has cut."""

    version: int = 10
    objects: dict[ObjectKey, Write] = field(default_factory=dict)
    history: list[Write] = field(default_factory=list)
    compacted: int = 0
    timeline: int = 0
    timelines: dict[int, list[Write]] = field(default_factory=dict)
    passed: int | None = None
    """Version of before a restore that nobody has noticed yet; writes wait, for passing it unseen cannot be detected."""
    _uids: int = 0
    _backup: tuple[int, dict[ObjectKey, Write], list[Write]] | None = None

    def __post_init__(self) -> None:
        self.timelines[0] = self.history

    def write(self, key: ObjectKey, how: int) -> None:
        """Create, update, delete, or delete and create again."""
        if self.passed is not None:
            return
        standing = self.objects.get(key)
        if standing is None:
            self._put(key, None)
        elif how % 5 == 0:
            self._delete(key)
        elif how % 5 == 1:
            self._delete(key)
            self._put(key, None)
        else:
            self._put(key, standing.uid)

    def _put(self, key: ObjectKey, uid: str | None) -> None:
        self.version += 1
        if uid is None:
            self._uids += 1
            uid = f"uid-{self._uids}"
        self.objects[key] = Write(self.version, key, uid, b'{"body":%d,"timeline":%d}' % (self.version, self.timeline))
        self.history.append(self.objects[key])

    def _delete(self, key: ObjectKey) -> None:
        self.version += 1
        self.history.append(Write(self.version, key, self.objects.pop(key).uid, None))

    def at(self, version: int) -> dict[ObjectKey, Write]:
        """What existed at a version."""
        objects: dict[ObjectKey, Write] = {}
        for write in self.history:
            if write.version > version:
                break
            if write.body is None:
                objects.pop(write.key, None)
            else:
                objects[write.key] = write
        return objects

    def compact(self, keep: int) -> None:
        """Forget all but the newest versions."""
        self.compacted = max(self.compacted, self.version - keep)

    def back_up(self) -> None:
        """Keep what stands now for a restore."""
        self._backup = (self.version, dict(self.objects), list(self.history))

    def restore(self, *, bumped: bool) -> bool:
        """Go back to the backup, with versions raised as `etcdutl snapshot restore --bump-revision` does, or naively."""
        if self._backup is None or self.timeline >= 2 or self.passed is not None:
            return False
        before = self.version
        self.version, objects, history = self._backup
        self.objects, self.history = dict(objects), list(history)
        self.timeline += 1
        self.timelines[self.timeline] = self.history
        self.compacted = min(self.compacted, self.version)
        if bumped:
            self.version = self.compacted = before + 100
        elif before > self.version:
            self.passed = before
        return True

    def looked_at(self) -> None:
        """Somebody who may act on it has seen the version."""
        self.passed = None
