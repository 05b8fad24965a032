"""Connections are forgotten together with what is said of their accounts, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from tests.support.mirror_data import ACCOUNT, CLAIM, request
from tests.support.scripted_bridge import until

from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.links import PostgresLinks
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.pool import Database, fetch
from fairlead.gateway.adapters.postgres.reading import PostgresReader
from fairlead.gateway.core.states import ResourceState
from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.ports.links import LinkRecord

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
WAITING = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Database]:
    """A prepared database with the account of the tests and a resource of it."""
    await prepare_schema(database)
    async with Database(database) as opened:
        await PostgresAccounts(opened).claim_account(CLAIM, zone="zone", agent="agent")
        await PostgresMirror(opened).open_session(request())
        yield opened


async def _connect(pool: Database, *ids: str) -> PostgresLinks:
    links = PostgresLinks(pool)
    for each in ids:
        await links.put(LinkRecord(each, f"gateway-{each}", "agent-0", "z", "agent", "1", "c", accounts=(ACCOUNT,)))
    return links


async def _is_stale(pool: Database) -> bool:
    (resource,) = await PostgresReader(pool).resources(ACCOUNT)
    return resource.state is ResourceState.STALE


async def _wait(pool: Database, number: int) -> bool:
    """Whether so many statements of this database wait for a lock."""
    async with pool.transaction() as connection:
        return await fetch(connection, f"select count(*) {WAITING}") == [(number,)]


async def test_the_last_connection_of_an_account(pool: Database) -> None:
    """The account is stale, since then, once nobody serves it."""
    links = await _connect(pool, "first", "second")
    await links.remove("first", [ACCOUNT], since=SINCE, message="gone")
    assert not await _is_stale(pool)
    await links.remove("second", [ACCOUNT], since=SINCE, message="gone too")
    (resource,) = await PostgresReader(pool).resources(ACCOUNT)
    assert (resource.state, resource.since, resource.message) == (ResourceState.STALE, SINCE, "gone too")
    assert not await links.read()


async def test_an_account_whose_connection_was_never_stored(pool: Database) -> None:
    """Nothing is heard of it either."""
    await PostgresLinks(pool).remove("unheard-of", [ACCOUNT], since=SINCE, message="gone")
    assert await _is_stale(pool)


async def test_connections_of_a_dead_gateway(pool: Database) -> None:
    """Those of one that is silent are forgotten, and their accounts are stale unless somebody else serves them."""
    links = await _connect(pool, "dead", "alive")
    for dead in ("dead", "alive"):
        async with pool.transaction() as connection:
            await connection.execute("update links set seen_at = now() - interval '2 minutes' where id = %s", [dead])
        await links.sweep(60, since=SINCE, message="dead")
        assert await _is_stale(pool) is (dead == "alive")
    assert not await links.read()


async def test_two_last_connections_that_end_at_once(pool: Database) -> None:
    """One of the two gateways sees that nobody is left."""
    links = await _connect(pool, "here", "there")
    async with asyncio.TaskGroup() as group, pool.transaction() as commit:
        await commit.execute("select from accounts for no key update")
        for each in ("here", "there"):
            group.create_task(links.remove(each, [ACCOUNT], since=SINCE, message="gone"))
        await until(lambda: _wait(pool, 2))
    assert await _is_stale(pool)


async def test_an_end_in_the_middle(pool: Database) -> None:
    """Until the account is said to be stale the connection stands, so that somebody will say it."""
    links = await _connect(pool, "one")
    async with asyncio.TaskGroup() as group, pool.transaction() as holder:
        await holder.execute("select from resources for no key update")
        removing = group.create_task(_failed(links))
        await until(lambda: _wait(pool, 1))
        async with pool.transaction() as killer:
            await killer.execute(f"select pg_terminate_backend(pid) {WAITING}")
        await removing
    assert [record.id for record in await links.read()] == ["one"]
    assert not await _is_stale(pool)
    await links.remove("one", [ACCOUNT], since=SINCE, message="gone")
    assert await _is_stale(pool)


async def _failed(links: PostgresLinks) -> None:
    with pytest.raises(DatabaseUnavailable):
        await links.remove("one", [ACCOUNT], since=SINCE, message="gone")
