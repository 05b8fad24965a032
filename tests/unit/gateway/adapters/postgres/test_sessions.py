"""Writers of one account's resources wait for each other, and never in a circle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime

import pytest
from tests.support.mirror_data import ACCOUNT, CLAIM, PODS, request
from tests.support.scripted_bridge import until

from fairlead.contracts.identity import Resource
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.pool import Database, fetch
from fairlead.gateway.adapters.postgres.reading import PostgresReader
from fairlead.gateway.adapters.postgres.sessions import mark_stale
from fairlead.gateway.core.states import ResourceState, StateReport

SERVICES = Resource("", "v1", "services", "Service", namespaced=True)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Database]:
    """A prepared database with the account of the tests."""
    await prepare_schema(database)
    async with Database(database) as opened:
        await PostgresAccounts(opened).claim_account(CLAIM, zone="zone", agent="agent")
        yield opened


async def _report(pool: Database) -> None:
    await PostgresMirror(pool).record_states(
        [StateReport(ACCOUNT, kind, "", ResourceState.REFUSED, SINCE) for kind in (PODS, SERVICES)]
    )


async def _lose(pool: Database) -> None:
    async with pool.transaction() as connection:
        await mark_stale(connection, [ACCOUNT], SINCE, "lost")


@pytest.mark.parametrize(("write", "state"), [(_report, ResourceState.REFUSED), (_lose, ResourceState.STALE)])
async def test_who_waits_for_a_commit_holds_nothing_that_it_needs(
    pool: Database, write: Callable[[Database], Coroutine[None, None, None]], state: ResourceState
) -> None:
    """A commit that holds the account and one resource gets the others; what is said of them follows."""
    mirror = PostgresMirror(pool)
    for kind in (PODS, SERVICES):
        await mirror.open_session(request(resource=kind))
    async with asyncio.TaskGroup() as group, pool.transaction() as commit:
        await commit.execute("select from accounts where name = %s for no key update", [ACCOUNT])
        await commit.execute("select from resources where plural = 'services' for no key update")
        group.create_task(write(pool))
        await until(lambda: _waits(pool))
        await commit.execute("select from resources where plural = 'pods' for no key update")
    assert {view.state for view in await PostgresReader(pool).resources(ACCOUNT)} == {state}


async def _waits(pool: Database) -> bool:
    """Whether a statement of this database waits for a lock."""
    waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with pool.transaction() as connection:
        return bool(await fetch(connection, waiting))
