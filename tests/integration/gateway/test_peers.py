"""Exchanges that another gateway carries, over real HTTPS: nothing is changed on the way, and every failure says what it is."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.support.direct_tunnel import DirectTunnel
from tests.support.gateway import Authorities
from tests.support.services import eventually
from tests.support.streaming_api import CONTENT, GZIPPED, StreamingApi

from fairlead.gateway.adapters import https, peers
from fairlead.gateway.adapters.facade.app import FacadeApplication
from fairlead.gateway.core import exchanges
from fairlead.gateway.core.doors import Door
from fairlead.gateway.core.facade.headers import returned
from fairlead.gateway.core.keyring import Keyring
from fairlead.gateway.errors import TunnelLost, TunnelUnavailable
from fairlead.gateway.flows.peers import PeerDesk, PeerDoor
from fairlead.gateway.ports.tunnel import TunnelAnswer, TunnelRequest
from fairlead.runtime.errors import ConfigurationError

ID = "01JZ0000000000000000000000"
KEYS = [os.urandom(32)]
SOCKETS_BYTES = 32 * 1024 * 1024
"""More than all sockets and buffers on the way hold."""


@dataclass
class World:
    """A gateway that holds an agent's connection, and the way to it from another one."""

    api: StreamingApi
    beyond: DirectTunnel
    listener: https.Listener
    authorities: Authorities
    client: peers.HttpPeers

    @property
    def address(self) -> str:
        """Of the gateway."""
        return f"https://127.0.0.1:{self.listener.port}"

    @property
    def tunnel(self) -> peers.PeerTunnel:
        """What is tested."""
        return self.client.tunnel(self.address)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Two gateways that share a key."""
    authorities = Authorities(tmp_path)
    ca = tmp_path / "ca.crt"
    door = Door("peers", 0, "127.0.0.1", tmp_path / "gateway.crt", tmp_path / "gateway.key")
    async with (
        StreamingApi() as api,
        peers.opened(PeerDoor(Keyring(KEYS)).token, ca, "localhost") as client,
        asyncio.TaskGroup() as group,
    ):
        beyond = DirectTunnel(api.url, "token", str(ca))
        application = FacadeApplication(PeerDesk(beyond), PeerDoor(Keyring(KEYS)), exchanges.PREFIX)
        async with https.listen(door, application) as listener:
            group.create_task(listener.serve())
            yield World(api, beyond, listener, authorities, client)
            await listener.stop()


def asked(method: str, target: str, body: AsyncIterator[bytes] | None = None, **more: float) -> TunnelRequest:
    """A request of account `ship/shore`."""
    headers = [("Accept", "application/json;as=Table, */*"), ("X-Twice", "a, b"), ("Kubectl-Command", "kubectl apply")]
    if body is not None:
        headers.append(("Content-Type", "application/merge-patch+json"))
    return TunnelRequest(ID, "ship/shore", method, target, tuple(headers), body, **more)


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    """A body."""
    for content in contents:
        yield content


async def whole(answer: TunnelAnswer) -> bytes:
    """Read a body to its end."""
    return b"".join([piece async for piece in answer.body])


@pytest.mark.parametrize(
    ("method", "target", "contents"),
    [
        ("GET", "/api/v1/pods?labelSelector=a%3Db&x=%2F&empty=", None),
        ("POST", "/api/v1/namespaces/a%2Fb/pods", [b"{", b"}"]),
        ("PATCH", "/x?fieldManager=kubectl-client-side-apply", [CONTENT] * 20),
        ("PUT", "/x", [b""]),
        ("DELETE", "/x", None),
        ("DELETE", "/x", [b"{}"]),
        ("OPTIONS", "/", None),
        ("HEAD", "/x", None),
    ],
)
async def test_nothing_is_changed_on_the_way(
    world: World, method: str, target: str, contents: list[bytes] | None
) -> None:
    """Method, target, headers and body are as they are without the other gateway, and so is the answer."""
    told = []
    for tunnel in (world.beyond, world.tunnel):
        body = None if contents is None else pieces(*contents)
        async with tunnel.exchange(asked(method, target, body)) as answer:
            headers = {name.lower(): value for name, value in returned(answer.headers)}
            told.append((answer.status, headers, await whole(answer)))
    direct, carried = world.beyond.requests

    assert told[0] == told[1]
    assert (carried.id, carried.account, carried.target) == (ID, "ship/shore", target)
    assert {name.lower(): value for name, value in carried.headers} == {
        name.lower(): value for name, value in direct.headers
    }
    assert world.api.bodies[0] == world.api.bodies[1]


async def test_times_are_told(world: World) -> None:
    """The other gateway keeps them."""
    async with world.tunnel.exchange(asked("GET", "/x", answer_within_s=3600.0, idle_s=0.5)):
        pass
    assert (world.beyond.requests[0].answer_within_s, world.beyond.requests[0].idle_s) == (3600.0, 0.5)


async def test_bodies_stay_as_they_were_packed(world: World) -> None:
    """Nobody unpacks them on the way, no redirection is followed, and large heads pass."""
    async with world.tunnel.exchange(asked("GET", "/gzip")) as answer:
        assert await whole(answer) == GZIPPED
    async with world.tunnel.exchange(asked("GET", "/status/302")) as answer:
        assert (answer.status, dict(answer.headers)["Retry-After"]) == (302, "1")
    async with world.tunnel.exchange(asked("GET", "/large-head")) as answer:
        assert len(dict(answer.headers)["Warning"]) > 20_000


async def test_failures_of_the_other_gateway_stay_what_they_are(world: World) -> None:
    """Not sent, lost, broken off: the difference is what kubectl's repetitions stand on."""
    async with world.tunnel.exchange(asked("GET", "/cut")) as answer:
        with pytest.raises(TunnelLost, match="broke off"):
            await whole(answer)
    world.beyond.lose_answers = True
    with pytest.raises(TunnelLost, match="the link broke"):
        await _entered(world.tunnel, asked("POST", "/x", pieces(b"{}")))
    world.beyond.away = True
    with pytest.raises(TunnelUnavailable, match="no agent of account 'ship/shore'"):
        await _entered(world.tunnel, asked("POST", "/x", pieces(b"{}")))


async def _entered(tunnel: peers.PeerTunnel, request: TunnelRequest) -> None:
    async with tunnel.exchange(request):
        pass


async def test_an_answer_of_an_api_server_is_never_taken_for_the_gateways(world: World) -> None:
    """A 503 of the API server is its own."""
    async with world.tunnel.exchange(asked("GET", "/status/503")) as answer:
        assert answer.status == 503


async def test_a_gateway_that_is_not_there(world: World) -> None:
    """Nothing was sent."""
    await world.listener.stop()
    with pytest.raises(TunnelUnavailable, match="cannot be reached"):
        await _entered(world.tunnel, asked("POST", "/x", pieces(b"{}")))


async def test_a_gateway_that_goes_in_the_middle(world: World) -> None:
    """Whether the request took effect is not known."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_outcome(world.tunnel, asked("POST", "/held", pieces(b"{}"))))
        await eventually(lambda: world.api.open == 1)
        await world.listener.stop()
    assert isinstance(running.result(), TunnelLost)


async def _outcome(tunnel: peers.PeerTunnel, request: TunnelRequest) -> Exception | None:
    try:
        await _entered(tunnel, request)
    except (TunnelLost, TunnelUnavailable) as error:
        return error
    return None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_gateway_that_hangs_up(tmp_path: Path, method: str) -> None:
    """What it got is not sent again: it may have been carried."""
    Authorities(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "gateway.crt", tmp_path / "gateway.key")
    heads: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, peers.opened("token", tmp_path / "ca.crt", "localhost") as client:
        with pytest.raises(TunnelLost, match="gave no answer"):
            await _entered(client.tunnel(address), asked(method, "/x"))
    assert len(heads) == 1


async def test_an_answer_that_never_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is bounded here too."""
    monkeypatch.setattr(peers, "PATIENCE_S", 0.1)
    with pytest.raises(TunnelLost, match="no answer"):
        await _entered(world.tunnel, asked("GET", "/held", answer_within_s=0.1))
    await eventually(lambda: world.api.open == 0)


async def test_who_leaves_ends_it_at_the_other_end(world: World) -> None:
    """A watch that nobody reads any more does not stay open."""
    async with world.tunnel.exchange(asked("GET", "/watch")) as answer:
        world.api.events.set()
        assert await anext(aiter(answer.body)) == b'{"type":"ADDED"}\n'
        assert world.api.open == 1
    await eventually(lambda: (world.api.open, world.beyond.open) == (0, 0))


async def settled(measure: Callable[[], int], for_s: float = 0.5, within_s: float = 20.0) -> None:
    """Wait until a number stays the same for a while."""
    loop = asyncio.get_running_loop()
    end, last, since = loop.time() + within_s, measure(), loop.time()
    while loop.time() - since < for_s:
        assert loop.time() < end, "it does not settle"
        await asyncio.sleep(0.02)
        if measure() != last:
            last, since = measure(), loop.time()


async def test_a_reader_that_stalls_stops_the_other_end(world: World) -> None:
    """Of 250 MB only what the sockets hold is under way."""
    async with world.tunnel.exchange(asked("GET", "/bytes/4000")) as answer:
        await anext(aiter(answer.body))
        await settled(lambda: world.api.sent)
        assert world.api.sent < SOCKETS_BYTES
    await eventually(lambda: world.api.open == 0)


@pytest.mark.parametrize("token", ["", "Bearer x.y", f"Bearer {PeerDoor(Keyring([os.urandom(32)])).token}"])
async def test_only_gateways_are_let_in(world: World, token: str) -> None:
    """Those that have a key in common."""
    headers = {"Authorization": token, exchanges.ID: ID, exchanges.ANSWER_WITHIN: "1", exchanges.IDLE: "1"}
    trust = world.client.tls
    async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
        answer = await client.get(f"{world.address}/peers/shop/x", headers=headers)
    assert answer.status_code == 401
    assert not world.beyond.requests


async def test_gateways_without_a_common_key(world: World) -> None:
    """It says what to change."""
    async with _client(world, PeerDoor(Keyring([os.urandom(32)])).token) as others:
        with pytest.raises(TunnelUnavailable, match="keyFile"):
            await _entered(others.tunnel(world.address), asked("GET", "/x"))


@asynccontextmanager
async def _client(world: World, token: str, server_name: str = "localhost") -> AsyncIterator[peers.HttpPeers]:
    async with peers.opened(token, world.authorities.directory / "ca.crt", server_name) as client:
        yield client


async def test_a_certificate_of_another_name(world: World) -> None:
    """The other end is not a gateway of ours, as far as can be told."""
    async with _client(world, world.client.token, "elsewhere") as others:
        with pytest.raises(TunnelUnavailable, match="cannot be reached"):
            await _entered(others.tunnel(world.address), asked("GET", "/x"))


async def test_a_request_that_no_gateway_sends(world: World) -> None:
    """It is refused, and not carried."""
    headers = {"Authorization": f"Bearer {world.client.token}"}
    async with httpx.AsyncClient(verify=world.client.tls, trust_env=False) as client:
        answer = await client.get(f"{world.address}/peers/shop/x", headers=headers)
    assert (answer.status_code, answer.headers[exchanges.OUTCOME]) == (502, "refused")


async def test_an_authority_that_cannot_be_used(tmp_path: Path) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigurationError, match=r"gateway\.peers\.caFile"):
        async with peers.opened("token", tmp_path / "none.crt", ""):
            pass
