"""Real nats-servers with JetStream, one per test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.containers import ContainerNats
from tests.support.options import OPTIONS
from tests.support.real_parts import require_part

from fairlead.cli.parts.errors import PartMissingError
from fairlead.cli.parts.nats_server import NatsServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def nats_servers(tmp_path: Path) -> Iterator[Callable[..., NatsServer]]:
    """Starts servers that end with the test; takes NatsServer's keyword arguments (``config``, ``tls`` …)."""
    started: list[NatsServer] = []

    def start(**settings: Any) -> NatsServer:
        kind = ContainerNats if OPTIONS.parts == "docker" else NatsServer
        try:
            server = kind(tmp_path / f"nats-{len(started)}", **settings)
        except PartMissingError as error:
            require_part("nats-server", str(error))
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.resume()
        server.stop()
        if isinstance(server, ContainerNats):
            server.wipe()


@pytest.fixture
def nats_server(nats_servers: Callable[..., NatsServer]) -> NatsServer:
    """One running server on a free port with an empty store; it may be stopped, killed, paused, wiped, restarted."""
    return nats_servers()
