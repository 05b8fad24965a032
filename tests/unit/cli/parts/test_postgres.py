"""The embedded PostgreSQL, by its real binaries."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from fairlead.cli.parts.errors import PartFailedError
from fairlead.cli.parts.postgres import FAST_SETTINGS, Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def reachable_path() -> Iterator[Path]:
    """A folder that PostgreSQL's unprivileged user can enter."""
    path = Path(tempfile.mkdtemp(prefix="fairlead-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_a_password_is_made_up_and_asked_for(reachable_path: Path) -> None:
    """By default the server takes its own DSN and refuses a wrong password."""
    with Postgres(reachable_path, settings=FAST_SETTINGS) as server:
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.dsn().replace(f":{server.password}@", ":wrong@"))


def test_data_survive_a_kill(postgres_server: Postgres) -> None:
    """What was committed is there after a kill and a restart on the same port."""
    dsn = postgres_server.create_database("shop")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE boat AS SELECT 'cutter' AS rig")
    postgres_server.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)
    postgres_server.restart()

    assert postgres_server.execute("SELECT rig FROM boat", "shop") == "cutter"


def test_a_database_can_be_a_copy(postgres_server: Postgres) -> None:
    """A database made from a template has its tables; dropping it leaves the template."""
    postgres_server.create_database("model")
    postgres_server.execute("CREATE TABLE boat (rig text)", "model")
    postgres_server.create_database("copy", template="model")

    assert postgres_server.execute("SELECT count(*) FROM boat", "copy") == "0"
    postgres_server.drop_database("copy")
    assert (
        postgres_server.execute("SELECT string_agg(datname, ',') FROM pg_database WHERE datname IN ('copy','model')")
        == "model"
    )


def test_a_faulty_statement_says_what_is_wrong(postgres_server: Postgres) -> None:
    """PostgreSQL's own message comes back."""
    with pytest.raises(PartFailedError, match='relation "nowhere" does not exist'):
        postgres_server.execute("SELECT * FROM nowhere")


def test_a_fresh_database_per_test(database: str) -> None:
    """The fixture gives an empty database of the test's own."""
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
