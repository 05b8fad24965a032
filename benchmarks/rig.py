"""What every measurement stands on: a control plane, a stack, and eyes on its database."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from tests.support.kubernetes_control_plane import ControlPlane
from tools.parts.build import missing_binaries, parts_directory

from fairlead.cli.stack.configuration import AccountPlan
from fairlead.cli.stack.stack import DATABASE, Stack

ACCOUNT = "bench"
POLL_S = 0.002
CHANNEL = "fairlead_changes"

POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}
"""As a server of this size would be set up; durable, unlike the settings of tests."""


@dataclass
class Rig:
    """A stack whose agent does not run yet, and how to look at it."""

    stack: Stack
    database: psycopg.Connection[Any]

    @property
    def agent(self) -> list[str]:
        """The agent's processes."""
        return [name for name in self.stack.instances if name != "gateway"]

    def start_agent(self, *, wait: bool = False) -> None:
        """Start the agent's processes."""
        self.stack.start(*self.agent, wait=wait)

    def stop_agent(self) -> None:
        """Stop the agent's processes in order."""
        self.stack.stop(*reversed(self.agent))

    def one(self, query: str, *values: Any) -> Any:
        """The first column of the first row, None when there is none."""
        row = self.database.execute(query, values).fetchone()
        return row[0] if row else None

    def rows(self) -> int:
        """How many objects stand in the mirror."""
        return int(self.one("select count(*) from objects"))

    def wait(self, condition: Callable[[], bool], *, timeout_s: float, poll_s: float = POLL_S) -> float:
        """Wait for a state; returns how long it took in seconds."""
        began = time.perf_counter()
        while not condition():
            if time.perf_counter() - began > timeout_s:
                raise TimeoutError(f"not reached within {timeout_s:g} s")
            time.sleep(poll_s)
        return time.perf_counter() - began

    def pids(self, *names: str) -> dict[str, int]:
        """Process ids of parts; all services and both servers by default."""
        return {name: self._pid(name) for name in names or (*self.stack.instances, "nats", "postgres")}

    def _pid(self, name: str) -> int:
        if name == "nats":
            return self.stack.nats.process.pid
        if name == "postgres":
            process = self.stack.postgres.process
            assert process is not None
            return process.pid
        return self.stack.instances[name].process.pid


@contextlib.contextmanager
def control_plane(directory: Path) -> Iterator[ControlPlane]:
    """A fresh etcd and kube-apiserver, without the controller-manager: it would collect pods that nobody runs."""
    missing = missing_binaries()
    if missing:
        raise SystemExit(f"{', '.join(missing)} not built: run `make parts`")
    plane = ControlPlane(directory, parts_directory())
    try:
        plane.start()
        plane.controller_manager.stop()
        yield plane
    finally:
        plane.stop()


@contextlib.contextmanager
def rig(
    directory: Path, kubeconfig: Path, kinds: Sequence[str], *, one_process: bool, options: Mapping[str, Any] | None = None
) -> Iterator[Rig]:  # fmt: skip
    """Start nats-server, PostgreSQL and the gateway; the agent is prepared."""
    plan = AccountPlan(ACCOUNT, kubeconfig, options={"kinds": list(kinds), **(options or {})})
    stack = Stack(directory, [plan], one_process=one_process, log_level="warning", postgres_settings=POSTGRES)
    try:
        stack.files.directory.mkdir(parents=True, exist_ok=True)
        stack.prepare()
        stack.start("nats", "postgres")
        stack.postgres.create_database(DATABASE)
        stack.start("gateway")
        with psycopg.connect(stack.addresses.database, autocommit=True) as database:
            yield Rig(stack, database)
    finally:
        stack.stop_all()
