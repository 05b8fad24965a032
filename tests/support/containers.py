"""NATS and PostgreSQL as containers (``TEST_PARTS=docker``), with the same verbs as the embedded ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from fairlead.cli.parts.nats_server import MAX_PAYLOAD_BYTES, NatsServer
from fairlead.cli.parts.ports import free_port
from fairlead.cli.parts.postgres import SUPERUSER, Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fairlead.cli.parts.nats_server import NatsTls

NATS_IMAGE = "nats:2.12"
POSTGRES_IMAGE = "postgres:17"

_READY_TIMEOUT_S = 60.0


class Container:
    """One container on a fixed port of loopback; made at its first start, kept over restarts."""

    def __init__(self, image: str, *, port: int, inner_port: int) -> None:
        self._image = image
        self._ports = (inner_port, port)
        self._container: Any = None

    def start(self, configure: Callable[[Any], None], ready: Callable[[], bool]) -> None:
        """Make or start the container and wait until it is ready; no engine is a failure of the test."""
        if self._container is None:
            from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - asks for an engine when imported

            try:
                container: Any = DockerContainer(self._image)
                inner, outer = self._ports
                container.ports[str(inner)] = ("127.0.0.1", outer)  # with_bind_ports would bind every address
                configure(container)
                container.start()
            except Exception as error:  # noqa: BLE001 - docker, requests and testcontainers each raise their own
                pytest.fail(f"TEST_PARTS=docker: {self._image} cannot be started: {error}", pytrace=False)
            self._container = container
        else:
            self._container.get_wrapped_container().start()
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not ready():
            if time.monotonic() > deadline:
                pytest.fail(
                    f"TEST_PARTS=docker: {self._image} is not ready after {_READY_TIMEOUT_S:g} s", pytrace=False
                )
            time.sleep(0.05)

    def call(self, verb: str) -> None:
        """Call a verb of the docker container (``stop``, ``kill``, ``pause``, ``unpause``) if it fits its state."""
        if self._container is None:
            return
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        fits = "paused" if verb == "unpause" else "running"
        if wrapped.status == fits:
            getattr(wrapped, verb)()

    def run(self, *command: str) -> str:
        """Run a command inside and return what it prints."""
        code, output = self._container.exec(list(command))
        if code != 0:
            pytest.fail(
                f"{command[0]} failed in {self._image}: {output.decode(errors='replace')[-2000:]}", pytrace=False
            )
        return str(output.decode())

    def succeeds(self, *command: str) -> bool:
        """Whether a command inside ends well."""
        return bool(self._container.exec(list(command)).exit_code == 0)

    def remove(self) -> None:
        """Remove the container with everything it stored."""
        if self._container is not None:
            self._container.stop()
            self._container = None


class ContainerNats(NatsServer):
    """nats-server in a container; its store lives in the container."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        config: str = "",
        tls: NatsTls | None = None,
        sync_interval: str = "2m",
    ) -> None:
        if tls is not None:
            pytest.skip("TEST_PARTS=docker has no TLS for NATS")
        self.directory = directory
        self.port = free_port() if port is None else port
        self.config = config
        self.tls = None
        self.sync_interval = sync_interval
        self._container = Container(NATS_IMAGE, port=self.port, inner_port=4222)

    def version(self) -> tuple[int, int, int]:
        """Version that the image is tagged with."""
        major, minor = NATS_IMAGE.partition(":")[2].split(".")
        return int(major), int(minor), 0

    def start(self, *, timeout_s: float = _READY_TIMEOUT_S) -> None:
        """Start the container and wait until clients are served."""
        self.directory.mkdir(parents=True, exist_ok=True)
        jetstream = f'jetstream {{ store_dir: "/data", sync_interval: "{self.sync_interval}" }}'
        text = f"listen: 0.0.0.0:4222\nmax_payload: {MAX_PAYLOAD_BYTES}\n{jetstream}\n{self.config}\n"
        (self.directory / "nats.conf").write_text(text, encoding="utf-8")

        def configure(container: Any) -> None:
            container.with_volume_mapping(str(self.directory), "/etc/fairlead", "ro")
            container.with_command("-c /etc/fairlead/nats.conf")

        self._container.start(configure, self._is_ready)

    def stop(self) -> None:
        """Stop the container."""
        self._container.call("stop")

    def kill(self) -> None:
        """Kill the container."""
        self._container.call("kill")

    def pause(self) -> None:
        """Freeze the container."""
        self._container.call("pause")

    def resume(self) -> None:
        """Thaw the container."""
        self._container.call("unpause")

    def wipe(self) -> None:
        """Remove the stopped container, and the store with it."""
        self._container.remove()


class ContainerPostgres(Postgres):
    """PostgreSQL in a container; its data live in the container."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        password: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.port = free_port() if port is None else port
        self.password = password
        self.process = None
        self._settings = dict(settings or {})
        self._container = Container(POSTGRES_IMAGE, port=self.port, inner_port=5432)

    def start(self, *, timeout_s: float = _READY_TIMEOUT_S) -> None:
        """Start the container and wait until it takes connections."""

        def configure(container: Any) -> None:
            container.with_env("POSTGRES_USER", SUPERUSER)
            container.with_env("POSTGRES_DB", "postgres")
            container.with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
            container.with_command(" ".join(f"-c {key}={value}" for key, value in self._settings.items()))

        # Over TCP: while the image initialises, its server listens on the socket alone.
        self._container.start(configure, lambda: self._container.succeeds("pg_isready", "-q", "-h", "127.0.0.1"))

    def stop(self) -> None:
        """Stop the container."""
        self._container.call("stop")

    def kill(self) -> None:
        """Kill the container."""
        self._container.call("kill")

    def pause(self) -> None:
        """Freeze the container."""
        self._container.call("pause")

    def resume(self) -> None:
        """Thaw the container."""
        self._container.call("unpause")

    def remove(self) -> None:
        """Remove the container with its data."""
        self._container.remove()

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run one SQL statement through the container's psql."""
        words = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER, "-d", database, "-c", statement]
        return self._container.run("psql", *words).rstrip("\n")
