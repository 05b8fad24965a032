"""Readers that stall, clients that hang up, limits, deadlines: each concerns its own exchange alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.integration.tunnel.test_exchanges import pieces, whole
from tests.support.services import eventually
from tests.support.streaming_api import CONTENT, StreamingApi
from tests.support.tunnel_way import AT_ONCE_S, Way, request, standing

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.gateway.errors import TunnelLost, TunnelRefused, TunnelUnavailable

UNREAD_BYTES = 12 * 1024 * 1024
"""What may lie between the API server and a reader: a window, and the buffers of sockets and HTTP client."""


async def test_a_stalled_reader(way: Way, api: StreamingApi) -> None:
    """It keeps its own API server's end waiting, however long the body; twenty others read theirs meanwhile."""
    async with way.tunnel.exchange(request("GET", "/bytes/1600")) as stalled:
        await anext(stalled.body)

        async def read() -> int:
            async with way.tunnel.exchange(request("GET", "/bytes/16")) as answer:
                return len(await whole(answer.body))

        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(read()) for _ in range(20)]
        sizes = [reader.result() for reader in readers]
        assert sizes == [16 * len(CONTENT)] * 20
        assert api.open == 1
        assert api.sent - sum(sizes) < UNREAD_BYTES
    await eventually(lambda: api.open == 0)


async def test_a_body_of_200_megabytes(way: Way, api: StreamingApi) -> None:
    """Only a little of it is ever on its way, and all of it arrives."""
    received = 0
    unread = 0
    async with way.tunnel.exchange(request("GET", "/bytes/3200")) as answer:
        async for piece in answer.body:
            received += len(piece)
            unread = max(unread, api.sent - received)

    assert received == 3200 * len(CONTENT)
    assert unread < UNREAD_BYTES


@pytest.mark.parametrize("target", ["/watch", "/bytes/1600", "/held"])
async def test_a_client_hangs_up(way: Way, api: StreamingApi, target: str) -> None:
    """Whatever it waited for, the API server's end is ended too."""

    async def ask() -> None:
        async with way.tunnel.exchange(request("GET", target)) as answer:
            await whole(answer.body)

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(ask())
        await eventually(lambda: api.open == 1)
        asking.cancel()

    await eventually(lambda: api.open == 0, within_s=AT_ONCE_S)
    assert asking.cancelled()


async def test_many_come_and_go(way: Way, api: StreamingApi) -> None:
    """Nothing of them stays anywhere."""

    async def ask(number: int) -> None:
        async with way.tunnel.exchange(request("GET", "/watch" if number % 2 else "/bytes/40")):
            pass

    for _ in range(4):
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(ask(number))
    await eventually(lambda: api.open == 0)
    connection = way.gateway.links.link_of("shore")
    assert connection is not None
    assert not connection.tunnels._exchanges
    assert not connection._outbox._tunnels
    assert not connection._answers


async def test_limits(nats_server: NatsServer, kubeconfig: Path, api: StreamingApi) -> None:
    """Beyond the gateway's limit and beyond the executor's nothing is sent; a place that is left is free again."""
    async with standing(nats_server.url, kubeconfig, tunnels=3, executor={"tunnels": 2}) as way:
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(way.tunnel.exchange(request("GET", "/watch")))
            with pytest.raises(TunnelUnavailable, match="executors carry too many"):
                await stack.enter_async_context(way.tunnel.exchange(request("POST", "/x")))
        await way.until_carried()
    async with standing(nats_server.url, kubeconfig, tunnels=1) as way, way.tunnel.exchange(request("GET", "/watch")):
        with pytest.raises(TunnelUnavailable, match="connection carries too many"):
            async with way.tunnel.exchange(request("POST", "/x")):
                pass

    assert not api.audit_ids


async def test_deadlines(way: Way, api: StreamingApi) -> None:
    """An answer that does not begin in time is lost; so is a body that falls silent for too long."""
    with pytest.raises(TunnelLost, match="in time"):
        async with way.tunnel.exchange(request("POST", "/held", answer_within_s=0.3)):
            pass
    async with way.tunnel.exchange(request("GET", "/watch", idle_s=0.3)) as answer:
        with pytest.raises(TunnelLost, match="in time"):
            await anext(answer.body)
    await eventually(lambda: api.open == 0)


@pytest.mark.parametrize("code", [204, 304, 400, 401, 404, 410, 429, 500, 503])
async def test_every_status_is_an_answer(way: Way, code: int) -> None:
    """Also those that tell of failures."""
    async with way.tunnel.exchange(request("GET", f"/status/{code}")) as answer:
        assert answer.status == code
        assert dict(answer.headers)["Retry-After"] == "1"
        assert await whole(answer.body) == b""


async def test_a_head_request(way: Way) -> None:
    """Its answer has a length and no body."""
    async with way.tunnel.exchange(request("HEAD", "/gzip")) as answer:
        assert int(dict(answer.headers)["Content-Length"]) > 0
        assert await whole(answer.body) == b""


async def test_long_headers(way: Way) -> None:
    """Long warnings of the API server pass; what no API server would take is refused."""
    async with way.tunnel.exchange(request("GET", "/large-head")) as answer:
        assert len(dict(answer.headers)["Warning"]) > 20_000
    with pytest.raises(TunnelRefused, match="longer than"):
        async with way.tunnel.exchange(request("GET", "/x", headers=(("X-Long", "x" * 300_000),))):
            pass


REFUSED = [
    ("GET", "/api/v1/namespaces/a/pods/b/exec", (("Upgrade", "websocket"), ("Connection", "Upgrade")), "plain HTTP"),
    ("CONNECT", "/x", (), "method"),
    ("GET", "@elsewhere.example/x", (), "no path"),
    ("GET", "/x y", (), "no path"),
    ("GET", "/x", (("X-Bad", "a\r\nAuthorization: b"),), "malformed"),
    ("GET", "/x", (("X Bad", "a"),), "malformed"),
]


@pytest.mark.parametrize("case", REFUSED, ids=[each[3] for each in REFUSED])
async def test_what_is_refused(
    way: Way, api: StreamingApi, case: tuple[str, str, tuple[tuple[str, str], ...], str]
) -> None:
    """It never leaves the executor."""
    method, target, headers, why = case
    with pytest.raises(TunnelRefused, match=why):
        async with way.tunnel.exchange(request(method, target, headers=headers)):
            pass

    assert not api.requests


async def test_a_write_is_sent_once(way: Way, api: StreamingApi) -> None:
    """The same id again is refused, whoever sends it."""
    write = request("POST", "/x")
    async with way.tunnel.exchange(write) as answer:
        await whole(answer.body)
    with pytest.raises(TunnelRefused, match="sent before"):
        async with way.tunnel.exchange(write):
            pass

    assert api.audit_ids == [f"{write.id}.1"]


async def test_an_upload_that_fails(way: Way, api: StreamingApi) -> None:
    """Its own error comes back, and the API server never sees a whole request."""

    class Broken(Exception):
        pass

    async def body() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield CONTENT
        raise Broken

    with pytest.raises(Broken):
        async with way.tunnel.exchange(request("POST", "/x", body=body())):
            pass
    await way.until_carried()

    assert not api.audit_ids


async def test_an_answer_before_the_end_of_the_upload(way: Way) -> None:
    """It is handed on, and the upload ends."""

    async def body() -> AsyncIterator[bytes]:
        yield CONTENT * 2
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        async with way.tunnel.exchange(request("POST", "/early", body=body())) as answer:
            assert answer.status == 413
            assert await whole(answer.body) == b"too large"


async def test_a_connection_grows_old(way: Way, api: StreamingApi) -> None:
    """What is open finishes on it; what comes after the new one has the account goes there."""
    links = way.gateway.links
    old = links.link_of("shore")
    assert old is not None
    async with way.tunnel.exchange(request("GET", "/watch")) as answer:
        old.drain("age")
        await eventually(lambda: len(links.records()) == 2)
        await way.claim()
        new = links.link_of("shore")
        assert new is not None
        assert new is not old
        async with way.tunnel.exchange(request("POST", "/x", body=pieces(b"x"))) as other:
            assert await whole(other.body) == b"x"
        api.events.set()
        assert await anext(answer.body)
        assert len(links.records()) == 2
    await eventually(lambda: len(links.records()) == 1)


async def test_the_gateway_stops(way: Way, api: StreamingApi) -> None:
    """Within its grace; what is open is lost."""
    async with way.tunnel.exchange(request("GET", "/watch")) as answer:
        async with asyncio.timeout(5):
            await way.gateway.links.stop(0.3)
        with pytest.raises(TunnelLost, match="connection ended"):
            await anext(answer.body)
    await eventually(lambda: api.open == 0)


async def test_an_executor_stops(nats_server: NatsServer, kubeconfig: Path, api: StreamingApi) -> None:
    """A watch ends at once, a write has its time."""

    async def write(way: Way) -> bytes:
        async with way.tunnel.exchange(request("POST", "/held")) as answer:
            return await whole(answer.body)

    async with standing(nats_server.url, kubeconfig) as way, way.tunnel.exchange(request("GET", "/watch")) as watch:
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(write(way))
            await eventually(lambda: api.open == 2)
            closing = group.create_task(way.scopes["executor"].close(5.0))
            with pytest.raises(TunnelLost, match="stops"):
                await anext(watch.body)
            api.answering.set()
        assert writing.result() == b"at last"
        assert closing.result() == []
