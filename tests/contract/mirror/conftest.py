"""The mirrors under test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import pytest
from tests.support.mirror_data import (
    CLAIM,
)
from tests.support.mirror_store import MemoryMirror, numbered_sessions
from tests.support.mirror_writer import AHEAD_LIMIT, Mirror

from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.listing import PostgresListing
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.reading import PostgresReader
from fairlead.gateway.adapters.postgres.sessions import mark_stale


class PostgresWhole(PostgresMirror, PostgresAccounts, PostgresReader, PostgresListing):
    """All ports over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        PostgresMirror.__init__(self, database, new_session=numbered_sessions(), ahead_limit=AHEAD_LIMIT)

    async def mark_stale(self, accounts: Sequence[str], since: datetime, message: str) -> None:
        """Say that nothing is heard of accounts, as links do."""
        async with self._database.transaction() as connection:
            await mark_stale(connection, accounts, since, message)


@pytest.fixture(params=["memory", "postgres"])
async def mirror(request: pytest.FixtureRequest) -> AsyncIterator[Mirror]:
    """An empty mirror in which the account is claimed."""
    if request.param == "memory":
        memory = MemoryMirror(new_session=numbered_sessions(), ahead_limit=AHEAD_LIMIT)
        await memory.claim_account(CLAIM, zone="zone", agent="agent-0")
        yield memory
        return
    dsn = request.getfixturevalue("database")
    await prepare_schema(dsn)
    async with Database(dsn, size=3) as database:
        whole = PostgresWhole(database)
        await whole.claim_account(CLAIM, zone="zone", agent="agent-0")
        yield whole
