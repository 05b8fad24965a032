"""Real PostgreSQL: one server for the session with a database per test, or a server of the test's own."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.containers import ContainerPostgres
from tests.support.options import OPTIONS
from tests.support.processes import SESSION_PROCESSES
from tests.support.real_parts import require_part

from fairlead.cli.parts.errors import PartMissingError
from fairlead.cli.parts.postgres import FAST_SETTINGS, Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of the session; tests must leave it running."""
    directory = _directory()
    server = _new_server(directory)
    server.start()
    if server.process is not None:
        SESSION_PROCESSES.append(server.process)
    yield server
    _dispose(server)


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """DSN of an empty database of the test's own."""
    name = f"test_{secrets.token_hex(6)}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture
def postgres_server() -> Iterator[Postgres]:
    """A running server of the test's own, which may be stopped, killed, paused and restarted."""
    directory = _directory()
    server = _new_server(directory)
    server.start()
    yield server
    server.resume()
    _dispose(server)


def _new_server(directory: Path) -> Postgres:
    kind = ContainerPostgres if OPTIONS.parts == "docker" else Postgres
    try:
        return kind(directory, password=None, settings=FAST_SETTINGS)
    except PartMissingError as error:
        require_part("PostgreSQL", str(error))


def _dispose(server: Postgres) -> None:
    server.stop()
    if isinstance(server, ContainerPostgres):
        server.remove()
    shutil.rmtree(server.directory, ignore_errors=True)


def _directory() -> Path:
    """A folder that an unprivileged user can reach: under root, PostgreSQL runs as one (pytest's own are private)."""
    directory = Path(tempfile.mkdtemp(prefix="fairlead-postgres-"))
    directory.chmod(0o755)
    return directory
