"""The store under test, with a look inside, a backup and a restore."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import NamedTuple

from tests.support.mirror_store import Held, MemoryMirror, Tables

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.claims import AccountClaim, ClusterIdentity
from fairlead.gateway.core.sessions import CloseReason

ACCOUNT = "account"
CLUSTER = ClusterIdentity("cluster-uid", "cluster:443", "")
PODS = Resource("", "v1", "pods", "Pod", True)
FAR_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """A row of the mirror."""

    epoch: int
    version: int
    uid: str
    body: bytes


class MirrorUnderTest:
    """The in-memory store, which runs the gateway's own decisions."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.store = MemoryMirror(new_session=lambda: f"s{next(numbers)}", ahead_limit=20, clock=lambda: LONG_AGO)
        self._backup: Tables | None = None

    async def prepare(self) -> None:
        """Let the account be known."""
        await self.store.claim_account(AccountClaim(ACCOUNT, CLUSTER), zone="zone", agent="agent")

    async def rows(self) -> dict[ObjectKey, Row]:
        """Every row."""
        held = self._held()
        return {key: Row(row.epoch, row.version, row.uid, row.body) for key, row in held.rows.items()} if held else {}

    async def checkpoint(self) -> int | None:
        """The stored checkpoint."""
        held = self._held()
        return held.sessions.checkpoint if held and held.sessions else None

    async def deleted_at(self, key: ObjectKey) -> int | None:
        """Version of an object's tombstone, None when there is none."""
        held = self._held()
        return held.tombstones[key].version if held and key in held.tombstones else None

    async def back_up(self) -> None:
        """Keep what stands now."""
        self._backup = self.store.backup()

    async def restore(self) -> bool:
        """Go back to the backup, by the book: every session is closed before anything else happens."""
        if self._backup is None:
            return False
        self.store.restore(self._backup)
        await self.store.close_sessions(CloseReason.RESTORED)
        return True

    async def lose(self) -> None:
        """Begin with an empty database."""
        self.store.restore(None)
        await self.prepare()

    async def tear(self, key: ObjectKey) -> None:
        """Lose a row and its tombstone, as no rule foresees."""
        held = self._held()
        if held:
            held.rows.pop(key, None)
            held.tombstones.pop(key, None)

    def _held(self) -> Held | None:
        return self.store.tables.reflectors.get((ACCOUNT, "", "pods", ""))
