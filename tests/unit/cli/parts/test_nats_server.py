"""The embedded nats-server, by its real binary."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import nats
import pytest
from tests.support.kubernetes_certificates import Authority

from fairlead.cli.parts.errors import PartFailedError, PartMissingError
from fairlead.cli.parts.nats_server import MAX_PAYLOAD_BYTES, NatsServer, NatsTls, find_nats_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from nats.aio.client import Client


@contextlib.asynccontextmanager
async def connected(server: NatsServer, **options: object) -> AsyncIterator[Client]:
    """Connect a client for a while."""
    client = await nats.connect(server.url, **options)
    try:
        yield client
    finally:
        await client.close()


async def test_it_serves_jetstream_with_our_limits(nats_server: NatsServer) -> None:
    """A started server takes messages of the agreed size and has JetStream."""
    async with connected(nats_server) as client:
        assert client.max_payload == MAX_PAYLOAD_BYTES
        await client.jetstream().add_stream(name="letters", subjects=["letters"])

    assert nats_server.version() >= (2, 10, 0)


async def test_the_store_survives_a_kill_and_not_a_wipe(nats_server: NatsServer) -> None:
    """After a restart on the same port the stream is there; after a wipe it is not."""
    async with connected(nats_server) as client:
        await client.jetstream().add_stream(name="letters", subjects=["letters"])
        await client.jetstream().publish("letters", b"dear")
    nats_server.kill()
    nats_server.restart()
    async with connected(nats_server) as client:
        assert (await client.jetstream().stream_info("letters")).state.messages == 1
    nats_server.stop()
    nats_server.wipe()
    nats_server.start()
    async with connected(nats_server) as client:
        assert await client.jetstream().streams_info() == []


def test_a_running_store_is_not_wiped(nats_server: NatsServer) -> None:
    """Wiping under a live server is refused."""
    with pytest.raises(PartFailedError, match="stop nats-server"):
        nats_server.wipe()


async def test_tls_and_added_configuration(nats_servers: Callable[..., NatsServer], tmp_path: Path) -> None:
    """A server with TLS asks for the certificate's authority, and added text makes users."""
    authority = Authority(tmp_path / "pki")
    authority.issue_server("nats")
    server = nats_servers(
        tls=NatsTls(cert=tmp_path / "pki/nats.crt", key=tmp_path / "pki/nats.key"),
        config='authorization { users: [{user: "ann", password: "pass"}] }',
    )
    import ssl  # noqa: PLC0415 - one test only

    context = ssl.create_default_context(cafile=tmp_path / "pki/ca.crt")
    async with connected(server, tls=context, user="ann", password="pass") as client:
        assert client.is_connected


def test_faulty_configuration_says_what_is_wrong(tmp_path: Path) -> None:
    """A configuration that nats-server refuses fails the start with nats-server's own words."""
    with pytest.raises(PartFailedError, match="Parse error"):
        NatsServer(tmp_path / "nats", config="nonsense: {").start()


def test_a_binary_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A path that was named and does not exist is not replaced by another server."""
    with pytest.raises(PartMissingError, match="absent"):
        find_nats_server(tmp_path / "absent")
