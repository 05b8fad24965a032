"""The mirror's store in PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from fairlead.contracts.envelope import Batch
from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.adapters.postgres import commits, sessions
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.sessions import close_sessions
from fairlead.gateway.core.commits import Committed
from fairlead.gateway.core.inventory import StoredVersion
from fairlead.gateway.core.sessions import AHEAD_LIMIT, CloseReason, Opened, OpenRequest
from fairlead.gateway.core.states import StateReport

TOMBSTONE_AGE_S = 3600.0
"""Readers find deletions behind their cursors at least so long."""


def random_session() -> str:
    """A session id that nobody can guess: 128 random bits in hex."""
    return secrets.token_hex(16)


class PostgresMirror:
    """`MirrorStore` in PostgreSQL.

    Args:
        database: where.
        new_session: makes session ids; they must be unique for ever.
        ahead_limit: parts that may wait behind a hole.
        tombstone_age_s: how long deletions are kept for readers at least.

    """

    def __init__(
        self,
        database: Database,
        *,
        new_session: Callable[[], str] = random_session,
        ahead_limit: int = AHEAD_LIMIT,
        tombstone_age_s: float = TOMBSTONE_AGE_S,
    ) -> None:
        self._database = database
        self._new_session = new_session
        self._ahead_limit = ahead_limit
        self._tombstone_age = timedelta(seconds=tombstone_age_s)

    async def open_session(self, request: OpenRequest) -> Opened:
        """Make a fresh session the only writer of a reflector."""
        return await sessions.open_session(self._database, request, self._new_session)

    async def stored_versions(
        self, session: str, after: ObjectKey | None, *, limit: int
    ) -> tuple[list[StoredVersion], bool]:
        """Page through rows and tombstones."""
        return await sessions.stored_versions(self._database, session, after, limit)

    async def commit(self, batches: Sequence[Batch]) -> Committed:
        """Apply the parts of several batches in one transaction."""
        return await commits.commit_batches(self._database, batches, ahead_limit=self._ahead_limit)

    async def close_gaps(self, accounts: Sequence[str], *, older_than_s: float) -> dict[str, CloseReason]:
        """Close sessions whose numbers have had a hole for so long."""
        return await sessions.close_gaps(self._database, accounts, older_than_s)

    async def close_sessions(
        self, reason: CloseReason, *, sessions: Sequence[str] | None = None
    ) -> dict[str, CloseReason]:
        """Close these sessions, or all of them."""
        return await close_sessions(self._database, reason, sessions)

    async def relist(self, account: str, *, new_epoch: bool) -> dict[str, CloseReason]:
        """Make every reflector of an account list again."""
        return await sessions.relist(self._database, account, new_epoch=new_epoch)

    async def record_states(self, reports: Sequence[StateReport]) -> None:
        """Take over what watchers say."""
        await sessions.record_states(self._database, reports)

    async def collect_garbage(self, now: datetime) -> int:
        """Drop tombstones that neither the guard nor readers need."""
        return await sessions.collect_garbage(self._database, now - self._tombstone_age)
