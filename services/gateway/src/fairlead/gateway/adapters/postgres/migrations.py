"""The schema: numbered SQL files in ``sql/``, applied in order and once each, under an advisory lock.

Numbers below 100 are the mirror's, from 100 the doors' and operations'. A file that was released never changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import AsyncConnection

from fairlead.gateway.adapters.postgres.pool import GRANTS, SCHEMA, conninfo_of, translated
from fairlead.gateway.errors import DatabaseUnavailable, SchemaUnfit
from fairlead.runtime import logfields
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

MINIMUM_SERVER = 100000
"""PostgreSQL 10."""
ADVICE = (
    "gateway.database.dsn (or dsnFile) must fit the server: host, port, database, user, password, and sslmode for TLS"
)
_LOCK = 0x666C6D67
"""Key of the advisory lock, any number that nobody else uses."""
LOCK_TIMEOUT_S = 10.0
"""How long a lock is waited for before that is told: who holds it may have died with its node, unnoticed by the server."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    number: int
    name: str
    statements: str


def migrations() -> list[Migration]:
    """All migrations of this program, in order."""
    found = []
    for file in files(__package__).joinpath("sql").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.number)


async def prepare_schema(
    dsn: str, *, wait_s: float = 0.0, change: bool = True, on_wait: Callable[[], None] = lambda: None
) -> list[str]:
    """Bring the schema up to date; returns the names of the migrations that were applied.

    Several gateways may do so at once. A role without DDL rights may run the gateway when nothing is to be done.

    Args:
        dsn: connection string.
        wait_s: how long to wait for a database that is down.
        change: apply what is missing; else only look.
        on_wait: called each time when the database could not be used.

    Raises:
        DatabaseUnavailable: the database stayed down.
        SchemaUnfit: the schema is newer than this program, or must be changed and the role may not; says what to do.

    """
    conninfo = conninfo_of(dsn)
    backoff = Backoff(base_s=0.2, max_s=5.0)
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        try:
            with translated():
                return await _prepare(conninfo, change=change)
        except DatabaseUnavailable as error:
            on_wait()
            delay = backoff.next_s()
            if loop.time() + delay > until:
                raise
            log.warning("waiting for the database", **{
                logfields.REASON: ADVICE, logfields.ERROR: chain(error), logfields.RETRY_S: round(delay, 1)})  # fmt: skip
            await asyncio.sleep(delay)


async def _prepare(conninfo: str, *, change: bool) -> list[str]:
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        if connection.info.server_version < MINIMUM_SERVER:
            raise SchemaUnfit("gateway.database.dsn: PostgreSQL is older than version 10; use a newer server")
        if not await _missing(connection):
            return []
        if not change:
            raise SchemaUnfit(
                "gateway.database.migrate is off, and the database's schema is not up to date; run `fairlead gateway migrate`,"
                " then start again"
            )
        try:
            return await _apply(connection)
        except psycopg.errors.InsufficientPrivilege:
            raise SchemaUnfit(
                f"gateway.database.dsn: the role {connection.info.user!r} may not create or change the schema {SCHEMA!r};"
                " run `fairlead gateway migrate` once with a role that may, then start the gateway again"
            ) from None
        except psycopg.errors.LockNotAvailable as error:
            raise DatabaseUnavailable(
                "the schema is to be changed, and somebody holds a lock: another gateway, `fairlead gateway migrate` or a long"
                " transaction; wait, or end its session (pg_locks and pg_stat_activity tell whose it is)"
            ) from error


async def _apply(connection: AsyncConnection[Any]) -> list[str]:
    await connection.execute(f"set lock_timeout = {LOCK_TIMEOUT_S * 1000:.0f}")
    # Locked before the transaction and not in it: only the begin of one makes a backend forget that tables did not exist.
    await connection.execute("select pg_advisory_lock(%s)", [_LOCK])  # until the connection closes
    async with connection.transaction():
        missing = await _missing(connection)  # another gateway may have been first
        if not await _exists(connection):
            await connection.execute(f"create schema if not exists {SCHEMA}")
        await connection.execute(f"set local search_path = {SCHEMA}")
        await connection.execute(
            "create table if not exists migrations"
            " (number integer primary key, name text not null, applied_at timestamptz not null default now())"
        )
        for migration in missing:
            await connection.execute(migration.statements)
            await connection.execute(
                "insert into migrations (number, name) values (%s, %s)", [migration.number, migration.name]
            )
    for migration in missing:
        log.info("migrated the database", **{logfields.NAME: migration.name})
    return [migration.name for migration in missing]


async def _missing(connection: AsyncConnection[Any]) -> list[Migration]:
    known = migrations()
    applied = await _applied(connection)
    beyond = applied - {migration.number for migration in known}
    if beyond:
        raise SchemaUnfit(
            f"the database's schema is newer than this gateway (migration {max(beyond)}); run the newer release"
        )
    return [migration for migration in known if migration.number not in applied]


async def _applied(connection: AsyncConnection[Any]) -> set[int]:
    try:
        cursor = await connection.execute("select to_regclass(%s) is not null", [f"{SCHEMA}.migrations"])
        row = await cursor.fetchone()
        if not row or not row[0]:
            return set()
        cursor = await connection.execute(f"select number from {SCHEMA}.migrations")  # noqa: S608 - a constant
    except psycopg.errors.InsufficientPrivilege:
        raise SchemaUnfit(
            f"gateway.database.dsn: the role {connection.info.user!r} may not read the schema {SCHEMA!r}; {GRANTS}"
        ) from None
    return {number for (number,) in await cursor.fetchall()}


async def _exists(connection: AsyncConnection[Any]) -> bool:
    cursor = await connection.execute("select to_regnamespace(%s) is not null", [SCHEMA])
    row = await cursor.fetchone()
    return bool(row and row[0])
