"""Connections that break are replaced; what was under way is told."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
from psycopg.conninfo import make_conninfo
from tests.support.tcp_proxy import TcpProxy

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


async def test_a_loss_is_told_at_once_although_the_other_connections_hang(database: str, postgres: Postgres) -> None:
    """They are replaced without being asked anything, and work goes on."""
    with TcpProxy(postgres.port) as proxy:
        async with Database(make_conninfo(database, port=proxy.port), size=3) as pool:
            await _backends(pool, 3)
            async with asyncio.TaskGroup() as group:
                losing = group.create_task(_loses(pool, proxy))
                told, _ = await asyncio.wait({losing}, timeout=10)
                proxy.thaw()
            assert told == {losing}
            assert losing.result()
            await _backends(pool, 3)


async def test_work_that_is_taken_back_costs_no_connection(database: str) -> None:
    """Nor does it cost the others: only a loss does."""
    async with Database(database, size=2) as pool:
        before = await _backends(pool, 2)
        with pytest.raises(DatabaseUnavailable):
            await _cancel_itself(pool)
        assert await _backends(pool, 2) == before


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


async def _backends(database: Database, size: int) -> set[int]:
    """Use as many connections at once; returns the server's processes behind them."""
    together = asyncio.Barrier(size)

    async def backend() -> int:
        async with database.transaction() as connection:
            async with asyncio.timeout(20):
                await together.wait()
            return connection.info.backend_pid

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(backend()) for _ in range(size)]
    return {task.result() for task in tasks}


async def _loses(database: Database, proxy: TcpProxy) -> bool:
    """Break one connection while nothing comes through the others; tells whether that was told."""
    try:
        async with database.transaction() as connection:
            proxy.freeze()
            with socket.socket(fileno=os.dup(connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)
            await connection.execute("select 1")
    except DatabaseUnavailable:
        return True
    return False


async def _cancel_itself(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("select pg_cancel_backend(pg_backend_pid()), pg_sleep(20)")
