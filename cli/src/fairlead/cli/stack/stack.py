"""Starts, breaks and ends all parts on this machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import yaml

from fairlead.cli import certs, kubeconfig
from fairlead.cli.gateway import Gateway
from fairlead.cli.nats import password_of
from fairlead.cli.nats_config import authorization
from fairlead.cli.parts.errors import PartFailedError
from fairlead.cli.parts.nats_server import NatsServer
from fairlead.cli.parts.ports import free_port, free_ports
from fairlead.cli.parts.postgres import FAST_SETTINGS, Postgres
from fairlead.cli.parts.processes import Process
from fairlead.cli.private_files import write_file, write_secret
from fairlead.cli.stack.configuration import (
    AGENT,
    AGENT_SERVICES,
    GATEWAY,
    LOOPBACK,
    AccountPlan,
    Addresses,
    Files,
    Settings,
    document,
    doors,
    service_of,
    variables,
)
from fairlead.contracts.accounts import account_path
from fairlead.runtime.settings import merge

NATS = "nats"
POSTGRES = "postgres"
DATABASE = "fairlead"
BUS_ADMINISTRATOR = "admin"
"""A user of the bus who may do everything; no service has its password."""
READY_TIMEOUT_S = 60.0
_PROBE_TIMEOUT_S = 2.0


class Instance:
    """One process of a service, with the ports on which it tells its health and its figures.

    A gateway beside the first one has an address of its own.
    """

    def __init__(self, name: str, files: Files) -> None:
        self.name = name
        self.service = service_of(name)
        self.health_port, self.metrics_port = free_ports(2)
        self.api = ""
        environment = variables(name, self.service, files, self.health_port, self.metrics_port)
        if self.service == GATEWAY and name != GATEWAY:
            link_port, api_port = free_ports(2)
            self.api = f"https://{LOOPBACK}:{api_port}"
            environment |= doors(link_port, api_port)
        self.process = Process(
            name,
            [
                sys.executable,
                "-m",
                *(["fairlead.cli", AGENT] if self.service == AGENT else [f"fairlead.{self.service}"]),
            ],
            log=files.logs / f"{name}.log",
            extra_env=environment,
            without_env="FAIRLEAD_",
        )

    @property
    def metrics_url(self) -> str:
        """Where its figures are."""
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"

    def missing(self) -> dict[str, str]:
        """What it lacks for being ready, by the name of the condition; empty when it is ready."""
        connection = http.client.HTTPConnection(LOOPBACK, self.health_port, timeout=_PROBE_TIMEOUT_S)
        try:
            connection.request("GET", "/readyz")
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return {self.name: "does not answer"}
        finally:
            connection.close()
        return {} if answer.get("status") == "UP" else dict(answer.get("missing") or {self.name: "not ready"})


class Stack:
    """All parts by name: ``nats``, ``postgres``, ``gateway``, ``watcher``, ``scrubber``, ``bridge``, ``executor``.

    Args:
        directory: for everything; under root, PostgreSQL's user must be able to enter it (see `parts.postgres`).
        accounts: the clusters.
        one_process: whether the agent is one process (``agent``) instead of four.
        replicas: how many processes of a service, one by default; the second watcher is ``watcher-2``.
        overrides: laid over the configuration file.
        log_level: of all services.
        postgres_settings: server parameters.

    """

    def __init__(  # noqa: PLR0913 - what a stack is: keyword arguments with defaults
        self,
        directory: Path,
        accounts: Sequence[AccountPlan],
        *,
        one_process: bool = False,
        replicas: Mapping[str, int] | None = None,
        overrides: Mapping[str, Any] | None = None,
        log_level: str = "info",
        postgres_settings: Mapping[str, str] = FAST_SETTINGS,
    ) -> None:
        self.files = Files(directory)
        self.accounts = tuple(accounts)
        self.overrides: Settings = dict(overrides or {})
        self.log_level = log_level
        passwords = {name: _password(self.files, name) for name in (*AGENT_SERVICES, BUS_ADMINISTRATOR)}
        self.nats = NatsServer(
            directory / "nats", config=authorization(passwords.__getitem__, administrator=BUS_ADMINISTRATOR)
        )
        self.postgres = Postgres(directory / "postgres", settings=postgres_settings)
        self.addresses = Addresses(self.nats.url, self.postgres.dsn(DATABASE), free_port(), free_port())
        services = (GATEWAY, AGENT) if one_process else (GATEWAY, *AGENT_SERVICES)
        self.instances = {
            name: Instance(name, self.files)
            for service in services
            for name in _instance_names(service, (replicas or {}).get(service, 1))
        }

    # ---- the whole

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of all parts, in the order in which they start."""
        return (NATS, POSTGRES, *self.instances)

    def prepare(self) -> None:
        """Write certificates, tokens, passwords and the configuration; what is there stays, the configuration is new."""
        certs.make(certs.Plan(self.files.pki), datetime.now(UTC))
        for path in (self.files.api_token, self.files.agent_token, self.files.facade_token):
            if not path.exists():
                write_secret(path, secrets.token_urlsafe(32))
        self.configure({})

    def configure(self, overrides: Mapping[str, Any]) -> None:
        """Lay more over the configuration file; services read it when they start."""
        self.overrides = merge(self.overrides, dict(overrides))
        base = document(self.files, self.addresses, self.accounts, self.log_level)
        text = yaml.safe_dump(merge(base, self.overrides), sort_keys=False)
        write_file(self.files.configuration, text.encode())

    def start_all(self, *, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Prepare, start every part and wait until all are ready."""
        self.start_neighbours()
        self.start(*self.instances, timeout_s=timeout_s)

    def start_neighbours(self) -> None:
        """Prepare, and start nats-server and PostgreSQL with the gateway's database."""
        self.prepare()
        self.start(NATS, POSTGRES)
        if DATABASE not in self.postgres.execute("SELECT datname FROM pg_database").split():
            self.postgres.create_database(DATABASE)

    def stop_all(self) -> None:
        """Stop every part that runs, the last one first; one that will not end is killed."""
        for name in reversed(self.parts):
            with contextlib.suppress(PartFailedError):
                self.resume(name)
                self.stop(name)

    def __enter__(self) -> Self:
        try:
            self.start_all()
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    # ---- parts by name

    def start(self, *names: str, timeout_s: float = READY_TIMEOUT_S, wait: bool = True) -> None:
        """Start parts, all at once, and wait until they are ready.

        Raises:
            PartFailedError: with the end of the log of the part that did not get ready.

        """
        for name in names:
            match name:
                case "nats":
                    self.nats.start()
                case "postgres":
                    self.postgres.start()
                case _:
                    self.instances[name].process.start()
        if wait:
            for name in names:
                self.wait_ready(name, timeout_s=timeout_s)

    def wait_ready(self, name: str, *, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until a service says that it is ready."""
        if name not in self.instances:
            return
        instance = self.instances[name]
        try:
            instance.process.wait_ready(lambda: not instance.missing(), timeout_s=timeout_s)
        except PartFailedError as error:
            raise PartFailedError(f"{error}\n(missing: {instance.missing()})") from error

    def stop(self, *names: str) -> None:
        """Stop parts in order, as an operator would."""
        for name in names:
            self._part(name).stop()

    def kill(self, *names: str) -> None:
        """End parts at once, as a crash would."""
        for name in names:
            self._part(name).kill()

    def restart(self, *names: str) -> None:
        """Stop parts and start them again; starts those that were killed."""
        self.stop(*names)
        self.start(*names)

    def pause(self, *names: str) -> None:
        """Freeze parts: connections stay open and nothing answers."""
        for name in names:
            self._part(name).pause()

    def resume(self, *names: str) -> None:
        """Let frozen parts go on."""
        for name in names:
            self._part(name).resume()

    def running(self, name: str) -> bool:
        """Whether a part lives."""
        process = self._process(name)
        return process is not None and process.running

    def tail(self, name: str, lines: int = 10) -> str:
        """The end of a part's log."""
        process = self._process(name)
        return "(it was never started)" if process is None else process.tail(lines)

    def log(self, name: str) -> Path:
        """The log of a part."""
        if name == NATS:
            return self.nats.process.log
        if name == POSTGRES:
            return self.postgres.directory / "postgres.log"
        return self.instances[name].process.log

    # ---- doors

    def gateway(self) -> Gateway:
        """Open the REST API as an administrator; close it when done."""
        token = self.files.api_token.read_text(encoding="utf-8").strip()
        return Gateway(self.addresses.api, token=token, ca_file=self.files.ca, trust_env=False)

    def facade(self, account: str, *, gateway: str = GATEWAY) -> str:
        """Address of an account's Kubernetes API at a gateway."""
        return (self.instances[gateway].api or self.addresses.api) + account_path(account)

    def kubeconfig(self, account: str, *, gateway: str = GATEWAY) -> Path:
        """Write a kubeconfig that reaches an account through a gateway, as `fairlead kubeconfig` would."""
        path = self.files.facade_kubeconfig(account if gateway == GATEWAY else f"{account}-{gateway}")
        login = {"token": self.files.facade_token.read_text(encoding="utf-8").strip()}
        write_secret(path, kubeconfig.render(account, self.facade(account, gateway=gateway), login, self.files.ca))
        return path

    def bus_login(self) -> tuple[str, str]:
        """User and password of the bus's administrator."""
        return BUS_ADMINISTRATOR, password_of(self.files.secrets, BUS_ADMINISTRATOR)

    def _part(self, name: str) -> NatsServer | Postgres | Process:
        return self.nats if name == NATS else self.postgres if name == POSTGRES else self.instances[name].process

    def _process(self, name: str) -> Process | None:
        match name:
            case "nats":
                return self.nats.process
            case "postgres":
                return self.postgres.process
            case _:
                return self.instances[name].process


def _instance_names(service: str, count: int) -> list[str]:
    return [service, *(f"{service}-{number}" for number in range(2, count + 1))][:count]


def _password(files: Files, name: str) -> str:
    return f'"{password_of(files.secrets, name)}"'  # made of URL-safe letters: nothing to escape
