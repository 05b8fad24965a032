"""What must hold after every step, whatever happened before."""

from __future__ import annotations

from tests.protocol.cluster import KEYS
from tests.protocol.mirrors import Row
from tests.protocol.state import PENDING_MAX, State, Violation

from fairlead.contracts.identity import ObjectKey


class Invariants(State):
    """Checks of I2 to I5; I1 is checked when the world is calm."""

    async def check_rows(
        self, before: dict[ObjectKey, Row], after: dict[ObjectKey, Row], timeline: int, scope: frozenset[str]
    ) -> None:
        for key in before.keys() | after.keys():
            old, new = before.get(key), after.get(key)
            if new is not None and new != old:
                last = self.shown.get(key)
                if (
                    last is not None
                    and (timeline, new.version) <= last
                    and (old is None or (timeline, new.version) < last)
                ):
                    raise Violation(f"I3: {key} shown at {new.version} after {last}")
                self.shown[key] = (timeline, new.version)
            if new is None and old is not None:
                await self._check_removal(key, old, timeline, scope)

    async def _check_removal(self, key: ObjectKey, row: Row, timeline: int, scope: frozenset[str]) -> None:
        standing = self.cluster.objects.get(key)
        if timeline == self.cluster.timeline and key.namespace in scope and standing and standing.uid == row.uid:
            raise Violation(f"I2: {key} {row[:3]} removed, the cluster has {standing.version}")
        if key.namespace in scope:
            self.shown[key] = max(self.shown.get(key, (0, 0)), (timeline, await self.mirror.deleted_at(key) or 0))
        else:
            self.shown.pop(key, None)

    async def check_checkpoint(self, sessions: set[str]) -> None:
        stored = await self.mirror.checkpoint()
        if stored is None or stored == self.checkpoint:
            self.checkpoint = stored
            return
        self.checkpoint = stored
        self.count("checkpoint")
        rows = await self.mirror.rows()
        for session in sessions:
            self._check_complete(stored, rows, self.timelines[session], self.scopes[session])

    def _check_complete(self, stored: int, rows: dict[ObjectKey, Row], timeline: int, scope: frozenset[str]) -> None:
        history = self.cluster.timelines[timeline]
        low = [write for write in history if write.version <= stored]
        twins = [each for each in self.cluster.timelines.values() if [w for w in each if w.version <= stored] == low]
        later = [write for each in twins for write in each if write.version > stored]
        for key in KEYS:
            last = next((write for write in reversed(low) if write.key == key), None)
            row = rows.get(key)
            if key.namespace not in scope:
                continue
            if row is None:
                gone = any(write.key == key and write.body is None for write in later)
                if last and last.body is not None and not gone:
                    raise Violation(f"I4: checkpoint {stored}, but {key} of {last.version} is not in the mirror")
            elif (last is None or row.version < last.version) and not any(
                write.key == key and write.version == row.version for write in later
            ):
                raise Violation(f"I4: checkpoint {stored}, but {key} stands at {row.version}, cluster had {last}")

    def check_bounds(self) -> None:
        """I5."""
        for watcher in self.watchers:
            if watcher.stream is not None and watcher.session.outbox.pending > PENDING_MAX:
                raise Violation(f"I5: {watcher.session.outbox.pending} pending")
