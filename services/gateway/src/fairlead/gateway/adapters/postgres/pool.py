"""Connections to PostgreSQL: one pool, transactions, and what becomes of the driver's errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self

import msgspec
import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row, tuple_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool

from fairlead.gateway.adapters.postgres import arrays
from fairlead.gateway.errors import DatabaseUnavailable, SchemaUnfit
from fairlead.runtime.errors import ConfigurationError

SCHEMA = "fairlead"
"""All tables live in this schema: the database may be shared, and Clouddriver has a table `accounts` too."""

GRANTS = "grant it usage of the schema and select, insert, update and delete on its tables"
"""What a role needs that does not migrate."""
CONNECT_TIMEOUT_S = 5
WAIT_TIMEOUT_S = 10.0
"""How long a transaction waits for a connection."""
_CONNECTION_DEFAULTS = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "application_name": "fairlead-gateway",
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# Every statement here reads by index; plans made while the tables were empty must not stay on sequential scans.
_SESSION = f"""
    set search_path = {SCHEMA};
    set timezone = 'UTC';
    set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;
    set work_mem = '32MB';
    set statement_timeout = '60s'; set lock_timeout = '30s'; set idle_in_transaction_session_timeout = '60s';
"""
# Settings that older servers do not know, with the first version that does. Plans that are made anew for each batch cost more
# than the batch, and hold copies of its bodies.
_NEWER = ((110000, "set jit = off;"), (120000, "set plan_cache_mode = force_generic_plan;"))

Connection = AsyncConnection[DictRow]


class Database:
    """A pool of connections to one database; enter it to open the pool.

    Entering does not wait for the database: transactions do, and raise `DatabaseUnavailable`.

    Args:
        dsn: libpq connection string or URL.
        size: connections at most.

    Raises:
        ConfigurationError: the connection string cannot be parsed.

    """

    def __init__(self, dsn: str, *, size: int = 8) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo_of(dsn),
            connection_class=AsyncConnection[DictRow],
            kwargs={"autocommit": True, "row_factory": dict_row},
            min_size=min(2, size),
            max_size=size,
            timeout=WAIT_TIMEOUT_S,
            reconnect_timeout=2.0,  # then anew with the next demand: the pool's own back-off doubles without a limit
            configure=_configure,
            open=False,
            name="fairlead-gateway",
        )

    async def __aenter__(self) -> Self:
        await self._pool.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self, *, pipelined: bool = False) -> AsyncIterator[Connection]:
        """Give a connection in a transaction, which commits at the end of the block and rolls back on errors.

        Args:
            pipelined: send statements without waiting for the answers of the ones before; rows are waited for when they
                are fetched, and row counts stand after the block.

        Raises:
            DatabaseUnavailable: no connection, or it broke. If it broke during the commit, the work may stand.

        """
        connection: Connection | None = None
        try:
            with translated():
                async with self._pool.connection() as connection:
                    if pipelined:
                        async with connection.pipeline(), connection.transaction():
                            yield connection
                    else:
                        async with connection.transaction():
                            yield connection
        except DatabaseUnavailable:
            if connection is not None and connection.broken:
                # The others broke too, as a rule: replaced unasked they fail nobody. Asking them would take as long as a dead
                # network lets it: the pool's `check` catches cancellations (psycopg_pool 3.3).
                await self._pool.drain()
            raise


async def fetch(
    connection: Connection, statement: str, values: Any = None, *, binary: bool = False
) -> list[tuple[Any, ...]]:
    """Run a statement, which must hold no values of callers, and fetch its rows as tuples."""
    cursor = connection.cursor(row_factory=tuple_row, binary=binary)
    await cursor.execute(statement, values)
    return await cursor.fetchall()


def conninfo_of(dsn: str) -> str:
    """The connection string with our defaults for what it leaves open."""
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise ConfigurationError(
            "gateway.database.dsn: the connection string cannot be parsed; see libpq's documentation"
        ) from None
    defaults: dict[str, Any] = {key: value for key, value in _CONNECTION_DEFAULTS.items() if key not in given}
    return make_conninfo(dsn, **defaults)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors for a database that is away, or that took the work back, into `DatabaseUnavailable`.

    Raises:
        DatabaseUnavailable: as said.
        SchemaUnfit: the role lacks a right.

    """
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        told = error.diag.message_primary or "insufficient privilege"
        raise SchemaUnfit(f"gateway.database.dsn: the role lacks a right ({told}); {GRANTS}") from None
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise DatabaseUnavailable("PostgreSQL cannot be used for now; check that it runs and can be reached") from error


async def _configure(connection: AsyncConnection[Any]) -> None:
    arrays.register(connection)
    set_json_loads(msgspec.json.decode, connection)
    set_json_dumps(msgspec.json.encode, connection)
    newer = [statement for version, statement in _NEWER if connection.info.server_version >= version]
    await connection.execute(_SESSION + "".join(newer))
