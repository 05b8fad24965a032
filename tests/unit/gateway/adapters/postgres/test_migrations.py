"""The schema: made once by whoever comes first, and never by whoever may not."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fairlead.cli.parts.postgres import Postgres
from fairlead.gateway.adapters.postgres import migrations as module
from fairlead.gateway.adapters.postgres.migrations import migrations, prepare_schema
from fairlead.gateway.errors import DatabaseUnavailable, SchemaUnfit
from fairlead.runtime.errors import ConfigurationError


def test_migrations_are_numbered_once() -> None:
    """No two of one number, and in order."""
    numbers = [migration.number for migration in migrations()]
    assert numbers == sorted(set(numbers))
    assert migrations()[0].name == "mirror"


async def test_several_gateways_prepare_one_schema(database: str) -> None:
    """All succeed, one does it, and a later start finds nothing to do."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(prepare_schema(database)) for _ in range(3)]
    assert sorted(len(task.result()) for task in tasks) == [0, 0, len(migrations())]
    assert await prepare_schema(database) == []


async def test_a_role_without_rights_is_told_what_to_run(database: str, postgres: Postgres) -> None:
    """It may use a schema that is up to date, and may not make one."""
    role = f"plain_{database.rsplit('_', 1)[-1]}"
    name = database.rsplit("/", 1)[-1]
    postgres.execute(f"create role {role} login")
    plain = make_conninfo(database, user=role)
    try:
        with pytest.raises(SchemaUnfit, match="fairlead gateway migrate"):
            await prepare_schema(plain)
        await prepare_schema(database)
        with pytest.raises(SchemaUnfit, match="grant it usage"):
            await prepare_schema(plain)
        postgres.execute(
            f"grant usage on schema fairlead to {role}; grant select on all tables in schema fairlead to {role}", name
        )
        assert await prepare_schema(plain) == []
    finally:
        postgres.execute(f"drop owned by {role}", name)
        postgres.execute(f"drop role {role}")


async def test_a_newer_schema_is_refused(database: str) -> None:
    """An old program must not write into it."""
    await prepare_schema(database)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute("insert into fairlead.migrations (number, name) values (9999, 'future')")
    with pytest.raises(SchemaUnfit, match="newer"):
        await prepare_schema(database)


async def test_a_database_that_is_down_is_waited_for(postgres_server: Postgres) -> None:
    """As long as the caller says."""
    dsn = postgres_server.create_database("late")
    postgres_server.stop()
    with pytest.raises(DatabaseUnavailable):
        await prepare_schema(dsn)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(prepare_schema(dsn, wait_s=60))
        await asyncio.to_thread(postgres_server.start)
    assert waiting.result()


async def test_a_lock_that_another_holds_is_told_and_waited_for(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds it may have died with its node: nobody waits in silence until the server notices."""
    monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.1)
    told = asyncio.Event()
    async with (
        asyncio.timeout(60),
        asyncio.TaskGroup() as group,
        await psycopg.AsyncConnection.connect(database) as other,
    ):
        await other.execute("select pg_advisory_lock(%s)", [module._LOCK])
        with pytest.raises(DatabaseUnavailable, match="fairlead gateway migrate"):
            await prepare_schema(database)
        waiting = group.create_task(prepare_schema(database, wait_s=60, on_wait=told.set))
        await told.wait()
    assert waiting.result()


async def test_a_connection_string_that_is_none_is_a_fault_of_the_configuration() -> None:
    """Its text, which may hold a password, is not repeated."""
    with pytest.raises(ConfigurationError) as error:
        await prepare_schema("password:s3cret")
    assert "s3cret" not in str(error.value)
