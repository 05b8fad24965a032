"""A real PostgreSQL server on loopback, in a directory of its own."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from fairlead.cli.parts.errors import PartFailedError
from fairlead.cli.parts.ports import free_port
from fairlead.cli.parts.postgres_binaries import blocked_parent, copy_installation, find_postgres, unprivileged_user
from fairlead.cli.parts.processes import Process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SUPERUSER = "fairlead"
"""The role that owns the cluster and every database made here."""

_COMMAND_TIMEOUT_S = 60.0

FAST_SETTINGS: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}
"""For clusters that need not survive a power cut; commits still survive a kill (synchronous_commit stays on)."""


class Postgres:
    """One PostgreSQL cluster whose port and data survive its restarts.

    ``password`` None means trust on loopback (for tests); an empty string means that one is made up. ``settings`` are
    server parameters (``postgres -c``). Started by root, the server runs as an unprivileged user, since PostgreSQL
    refuses root; ``directory`` must then be reachable for that user.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        password: str | None = "",
        settings: Mapping[str, str] | None = None,
        bin_dir: Path | None = None,
    ) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.port = free_port() if port is None else port
        self.password = secrets.token_urlsafe(24) if password == "" else password
        self.bin_dir = find_postgres(bin_dir)
        self._user = unprivileged_user() if os.geteuid() == 0 else None
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "dynamic_shared_memory_type": "mmap",  # inside the data directory, so that a kill leaves nothing elsewhere
            **(settings or {}),
        }
        self.process: Process | None = None

    def dsn(self, database: str = "postgres") -> str:
        """Return the connection string of one database, with the password when there is one."""
        login = SUPERUSER if self.password is None else f"{SUPERUSER}:{quote(self.password, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def start(self, *, timeout_s: float = 60.0) -> None:
        """Make the cluster on first use, start the server and wait until it takes connections."""
        self._make_reachable()
        if not (self.data / "PG_VERSION").exists():
            self._initdb()
        words = [word for key, value in self._settings.items() for word in ("-c", f"{key}={value}")]
        command: list[str | Path] = [self.bin_dir / "postgres", "-D", self.data, *words]
        self.process = Process(
            "postgres", command, log=self.directory / "postgres.log", cwd=self.directory, user=self._user
        )
        self.process.start(self._is_ready, timeout_s=timeout_s)

    def stop(self) -> None:
        """Stop at once but cleanly: PostgreSQL's fast shutdown, which disconnects clients."""
        if self.process is not None:
            self.process.stop(with_signal=signal.SIGINT, timeout_s=30.0)

    def kill(self) -> None:
        """End the server and its backends at once, as a crash would; the next start recovers from the log."""
        if self.process is not None and self.process.running:
            self.process.kill()
            remove_interlock(self.data)

    def restart(self) -> None:
        """Stop and start again on the same port and data; starts a server that was killed."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the postmaster: new connections hang (backends that run already go on)."""
        if self.process is not None:
            self.process.pause()

    def resume(self) -> None:
        """Let a paused postmaster go on."""
        if self.process is not None:
            self.process.resume()

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, optionally as a copy of another that nobody is connected to, and return its DSN."""
        self.execute(
            f"CREATE DATABASE {_identifier(name)}" + (f" TEMPLATE {_identifier(template)}" if template else "")
        )
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop a database; who is connected to it is disconnected."""
        self.execute(f"DROP DATABASE IF EXISTS {_identifier(name)} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run one SQL statement through psql and return its rows as unaligned text."""
        words = [
            *("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
            *("-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, "-d", database, "-c", statement),
        ]
        return self._run("psql", *words).rstrip("\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _initdb(self) -> None:
        words = ["-D", str(self.data), "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--no-sync"]
        if self.password is None:
            self._run("initdb", *words, "--auth=trust")
            return
        password_file = self.directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password, encoding="utf-8")
        if self._user is not None:
            shutil.chown(password_file, self._user)
        try:
            self._run("initdb", *words, "--auth=scram-sha-256", f"--pwfile={password_file}")
        finally:
            password_file.unlink()

    def _is_ready(self) -> bool:
        words = ["-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
        command: list[str | Path] = [self.bin_dir / "pg_isready", *words]
        return subprocess.run(command, check=False, timeout=_COMMAND_TIMEOUT_S).returncode == 0  # noqa: S603 - ours

    def _run(self, program: str, *words: str) -> str:
        """Run one of PostgreSQL's programs as the user that owns the data; its own message on failure."""
        done = subprocess.run(  # noqa: S603 - found by find_postgres; no shell
            [self.bin_dir / program, *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            cwd=self.directory,
            env={"PATH": os.defpath, "PGPASSWORD": self.password or ""},  # never on a command line
            user=self._user,
            extra_groups=None if self._user is None else [],
        )
        if done.returncode != 0:
            raise PartFailedError(f"{program} failed: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def _make_reachable(self) -> None:
        """Under root, give directory and binaries into the unprivileged user's reach."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._user is None:
            return
        shutil.chown(self.directory, self._user)
        blocked = blocked_parent(self.directory)
        if blocked is not None:
            raise PartFailedError(
                f"PostgreSQL runs as user {self._user!r} because it refuses root, and that user cannot enter {blocked}: "
                f"choose a directory under {tempfile.gettempdir()}, or do not run as root"
            )
        if blocked_parent(self.bin_dir / "postgres") is not None:
            self.bin_dir = copy_installation(self.bin_dir, self.directory / "install")


def remove_interlock(data: Path) -> None:
    """Remove the System V segment by which PostgreSQL notices a live server; a killed one leaves it behind.

    Its id is the last word of line 7 of postmaster.pid (src/include/utils/pidfile.h). Nothing is done where there is no
    such file: a server that stopped in order removes both.
    """
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    if len(lines) > 6 and lines[6].split():
        ipc_rmid = 0
        ctypes.CDLL(None).shmctl(int(lines[6].split()[-1]), ipc_rmid, None)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
