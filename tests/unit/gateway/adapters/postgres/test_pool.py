"""Connections that break are replaced; what was under way is told."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.cli.parts.postgres import Postgres
from fairlead.gateway.adapters.postgres.pool import Database, conninfo_of, fetch
from fairlead.gateway.errors import DatabaseUnavailable


async def test_work_goes_on_after_the_server_was_killed(postgres_server: Postgres) -> None:
    """Transactions fail while it is away, and succeed soon after it is back, on every connection of the pool."""
    dsn = postgres_server.create_database("work")
    async with Database(dsn, size=3) as database:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(_select(database))
        await asyncio.to_thread(postgres_server.kill)
        with pytest.raises(DatabaseUnavailable):
            await _select(database)
        await asyncio.to_thread(postgres_server.start)
        async with asyncio.timeout(20):
            while True:
                try:
                    await _select(database)
                    break
                except DatabaseUnavailable:
                    continue
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(_select(database))


async def test_an_error_in_the_block_takes_everything_back(database: str) -> None:
    """Pipelined or not."""
    async with Database(database) as pool:
        async with pool.transaction() as connection:
            await connection.execute("create table public.things (name text)")
        for pipelined in (False, True):
            with pytest.raises(ZeroDivisionError):
                await _insert_and_fail(pool, pipelined=pipelined)
        async with pool.transaction() as connection:
            assert await fetch(connection, "select name from public.things") == []


def test_what_the_connection_string_says_wins() -> None:
    """Ours are defaults."""
    assert "connect_timeout=5" in conninfo_of("host=x")
    assert "connect_timeout=77" in conninfo_of("host=x connect_timeout=77")


async def _select(database: Database) -> None:
    async with database.transaction() as connection:
        assert await fetch(connection, "select 1 from pg_sleep(0.05)") == [(1,)]


async def _insert_and_fail(database: Database, *, pipelined: bool) -> None:
    async with database.transaction(pipelined=pipelined) as connection:
        await connection.execute("insert into public.things values ('x')")
        raise ZeroDivisionError
