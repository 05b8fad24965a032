"""The facade's listener: bytes in and out, clients that hang up or do not read, and what strangers see."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.support.facade_doubles import ScriptedTunnel, answering
from tests.support.facade_front import Front, running_front
from tests.support.services import eventually

from fairlead.gateway.adapters import https
from fairlead.gateway.adapters.facade import app
from fairlead.gateway.core.facade.admission import Admission
from fairlead.gateway.errors import TunnelLost
from fairlead.gateway.flows.facade.passthrough import Bounds
from fairlead.gateway.ports.tunnel import TunnelAnswer, TunnelRequest

POD, LOG = "/api/v1/namespaces/a/pods/p", "/api/v1/namespaces/a/pods/p/log"
PIECE = b"x" * 65536
UNREAD_LIMIT = 512
"""Pieces (32 MiB) that the buffers of two sockets and of TLS may hold for a client that does not read; kernels let them grow."""


class Stream:
    """A body that goes on as long as somebody reads it."""

    def __init__(self) -> None:
        self.sent = 0
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None

    def script(self, request: TunnelRequest, sent: bytes) -> TunnelAnswer:
        """Answer with it."""
        return TunnelAnswer(200, (("Content-Type", "text/plain"),), self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        while True:
            await self.go.wait()
            if self.error:
                raise self.error
            self.sent += 1
            yield PIECE


@pytest.fixture
def stream() -> Stream:
    """A stream of the test's own."""
    return Stream()


@pytest.fixture
def tunnel(stream: Stream) -> ScriptedTunnel:
    """Answers with the stream."""
    return ScriptedTunnel(stream.script)


@pytest.fixture
async def front(tunnel: ScriptedTunnel, tmp_path: Path) -> AsyncIterator[Front]:
    """A front that listens."""
    bounds = Bounds(body_bytes=1000)
    async with running_front(tunnel, tmp_path, bounds=bounds, admission=Admission(20, 20)) as started:
        yield started


@contextlib.asynccontextmanager
async def raw(front: Front) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection without a client library."""
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port, ssl=front.trust, limit=2**20)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def head(method: str, target: str, *headers: str, token: str = "writer") -> bytes:  # noqa: S107
    """The head of a request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *headers, "", ""]
    return "\r\n".join(lines).encode()


async def test_targets_are_not_touched(front: Front, tunnel: ScriptedTunnel) -> None:
    """Whatever is escaped in path and query, and however, the cluster reads as the client wrote it."""
    tunnel.script = answering(200, b"ok")
    target = "/api/v1/namespaces/a/pods/p%2Fq:r?labelSelector=app+%3D+x&a=%41;b&c"
    async with raw(front) as (reader, writer):
        writer.write(head("GET", f"/accounts/s%68op{target}", "Connection: close"))
        await reader.read()

    assert [(each.account, each.target) for each in tunnel.requests] == [("shop", target)]


@pytest.mark.parametrize("token", ["", "unknown", "bad token"])
async def test_strangers_get_what_an_api_server_gives_them(front: Front, token: str) -> None:
    """The same for every account and path."""
    for account in ("shop", "ghost"):
        async with front.client(token, account) as client:
            answer = await client.get("/apis")
        assert answer.status_code == 401
        assert answer.json() == {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "Unauthorized",
            "reason": "Unauthorized", "code": 401,
        }  # fmt: skip


async def test_a_token_that_cannot_be_looked_up_is_not_refused(front: Front, tunnel: ScriptedTunnel) -> None:
    """Clients give up at 401 at once; this is temporary, and they come back by themselves."""
    async with front.client("new") as client:
        answer = await client.get(POD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "nothing was sent to the cluster" in answer.json()["message"]
    assert not tunnel.requests


async def test_the_rest_of_the_listener_is_not_the_facades(front: Front) -> None:
    """Neither are paths that only look like it."""
    async with httpx.AsyncClient(base_url=front.address, verify=front.trust, trust_env=False) as client:
        for path in ("/", "/v1/accounts", "/accounts", "/accountsx/shop"):
            assert (await client.get(path)).status_code == 418, path
        assert (await client.get("/accounts/")).status_code == 401


@pytest.mark.parametrize(
    ("target", "code"), [("/accounts/shop/api/%zz", 400), ("/accounts/shop/api/%", 400), ("/accounts/shop/api/v1/%00", 400), ("/accounts/%2e%2e/api", 404),
                         ("/accounts/shop/api/v1/pods#x", 400), ("/accounts/a%2Fb/api/v1/pods", 404), ("/accounts/shop/api/v1/%2e%2e/x", 400), ("/accounts//api", 404)],
)  # fmt: skip
async def test_paths_that_nobody_means(front: Front, tunnel: ScriptedTunnel, target: str, code: int) -> None:
    """They name nothing, and reach nothing."""
    async with raw(front) as (reader, writer):
        writer.write(head("GET", target, "Connection: close"))
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 %d " % code)
    assert not tunnel.requests


async def test_bodies_go_up_in_pieces(front: Front, tunnel: ScriptedTunnel) -> None:
    """With a length and without."""
    tunnel.script = answering(201, b"{}")

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"a":'
        yield b"1}"

    async with front.client() as client:
        assert (await client.post(POD, content=pieces())).status_code == 201
        assert (await client.post(POD, content=b'{"b":2}')).status_code == 201
        assert (await client.delete(POD)).status_code == 201

    assert tunnel.bodies == [b'{"a":1}', b'{"b":2}', b""]
    assert [each.body is None for each in tunnel.requests] == [False, False, True]


@pytest.mark.parametrize("length_is_told", [True, False])
async def test_bodies_have_a_limit(front: Front, tunnel: ScriptedTunnel, length_is_told: bool) -> None:
    """413 as from an API server, and no exchange is left."""
    body = b"x" * 1001

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    async with front.client() as client:
        answer = await client.put(POD, content=body if length_is_told else pieces())

    assert (answer.status_code, answer.json()["message"]) == (413, "Request entity too large: limit is 1000")
    assert tunnel.open == 0


async def test_what_streams_arrives_as_it_is_sent(front: Front, stream: Stream) -> None:
    """A line of a log is not held back for the next one."""
    stream.go.clear()
    async with front.client() as client, client.stream("GET", LOG) as answer:
        pieces = answer.aiter_raw()
        for _ in range(3):
            got = 0
            stream.go.set()
            while got < len(PIECE):
                got += len(await anext(pieces))
            stream.go.clear()


async def test_a_client_that_hangs_up_ends_its_exchange(front: Front, tunnel: ScriptedTunnel) -> None:
    """In the middle of an answer that never ends nor ever waits, and before the head of one."""
    async with front.client() as client:
        async with client.stream("GET", LOG) as answer:
            assert tunnel.open == 1
            await anext(answer.aiter_raw())
        await eventually(lambda: tunnel.open == 0, what="the end of the exchange")
        tunnel.held = asyncio.Event()
        async with raw(front) as (_, writer):
            writer.write(head("GET", f"/accounts/shop{POD}"))
            await eventually(lambda: tunnel.open == 1, what="the exchange")
        await eventually(lambda: tunnel.open == 0, what="the end of the exchange")


async def test_a_client_that_hangs_up_within_its_body_changes_nothing(front: Front, tunnel: ScriptedTunnel) -> None:
    """The cluster never had the request whole."""
    async with raw(front) as (_, writer):
        writer.write(head("POST", f"/accounts/shop{POD}", "Content-Length: 100") + b"half")
        await eventually(lambda: tunnel.open == 1, what="the exchange")
    await eventually(lambda: tunnel.open == 0, what="the end of the exchange")
    await eventually(lambda: len(front.journal.finished) == 1, what="the end of the row")

    assert not tunnel.bodies


async def test_who_does_not_read_is_not_sent_to(front: Front, tunnel: ScriptedTunnel, stream: Stream) -> None:
    """What waits for a client is bounded, and others are served meanwhile."""
    async with raw(front) as (reader, writer):
        writer.write(head("GET", f"/accounts/shop{LOG}"))
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        before = -1
        while before != stream.sent:  # until nothing moves any more
            before = stream.sent
            await asyncio.sleep(0.2)
        assert 0 < stream.sent < UNREAD_LIMIT
        tunnel.script = answering(200, b"ok")
        async with front.client() as client:
            assert (await client.get(POD)).text == "ok"


async def test_a_client_that_takes_nothing_is_left(
    front: Front, tunnel: ScriptedTunnel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an answer that should have had its end long ago: its place is another's. A log may rest, say in a pager."""
    monkeypatch.setattr(app, "STALLED_S", 1.0)
    async with raw(front) as (reader, writer), raw(front) as (resting, asking):
        for side, connection, path in ((reader, writer, POD), (resting, asking, LOG)):
            connection.write(head("GET", f"/accounts/shop{path}"))
            await side.readuntil(b"\r\n\r\n")
            side._transport.pause_reading()  # type: ignore[attr-defined]
        assert tunnel.open == 2
        await eventually(lambda: tunnel.open == 1, what="the end of the exchange")
        await asyncio.sleep(1.2)  # that nothing happens can only be waited for
        assert tunnel.open == 1


@pytest.mark.parametrize("silent", [False, True])
async def test_a_revoked_token_ends_what_it_opened(
    front: Front, tunnel: ScriptedTunnel, stream: Stream, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    """A log may go on for days, and a watch be silent: neither outlives the token."""
    monkeypatch.setattr(app, "GRANT_S", 0.05)
    if silent:
        stream.go.clear()
    async with front.client() as client, client.stream("GET", LOG) as answer:
        front.doorkeeper.revoked.add("other")
        await asyncio.sleep(0.15)  # that nothing happens can only be waited for
        assert tunnel.open == 1
        front.doorkeeper.revoked.add("writer")
        with pytest.raises(httpx.RemoteProtocolError):
            [piece async for piece in answer.aiter_raw()]
    await eventually(lambda: tunnel.open == 0, what="the end of the exchange")


async def test_an_answer_that_breaks_off_does_not_look_whole(
    front: Front, tunnel: ScriptedTunnel, stream: Stream
) -> None:
    """The connection ends without the end of the body, and what carried it hears why."""
    async with front.client() as client, client.stream("GET", LOG) as answer:
        pieces = answer.aiter_raw()
        await anext(pieces)
        stream.error = TunnelLost("the link broke")
        with pytest.raises(httpx.RemoteProtocolError):
            [piece async for piece in pieces]
    await eventually(lambda: [type(each) for each in tunnel.ended] == [TunnelLost], what="the end of the exchange")


@pytest.mark.parametrize(("method", "code"), [("HEAD", 200), ("OPTIONS", 405), ("TRACE", 405), ("PURGE", 405)])
async def test_other_methods(front: Front, tunnel: ScriptedTunnel, method: str, code: int) -> None:
    """HEAD is a get without a body; what no API server takes is refused as by one."""
    tunnel.script = answering(200, b"body", Content_Length="4")
    async with front.client() as client:
        answer = await client.request(method, POD)

    assert answer.status_code == code
    assert answer.content == b"" if method == "HEAD" else answer.json()["reason"] == "MethodNotAllowed"


@pytest.mark.parametrize("protocol", ["websocket", "SPDY/3.1"])
async def test_upgrades_are_refused(front: Front, tunnel: ScriptedTunnel, protocol: str) -> None:
    """With a Status that says why, on a connection that goes on."""
    upgrade = ("Connection: Upgrade", f"Upgrade: {protocol}", "Content-Length: 0")
    async with raw(front) as (reader, writer):
        writer.write(head("POST", f"/accounts/shop{POD}/exec?command=ls", *upgrade))
        answer = await reader.readuntil(b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 501 ")
    assert not tunnel.requests


async def test_headers_of_one_name_are_one_list(front: Front, tunnel: ScriptedTunnel) -> None:
    """As HTTP has it: clients may split Accept."""
    tunnel.script = answering(200, b"ok")
    async with raw(front) as (reader, writer):
        writer.write(
            head("GET", f"/accounts/shop{POD}", "Accept: application/json", "Accept: */*", "Connection: close")
        )
        await reader.read()

    assert dict(tunnel.requests[0].headers)["accept"] == "application/json, */*"


async def test_a_query_without_measure_is_refused(front: Front) -> None:
    """Reading it would cost more than it is worth."""
    async with front.client() as client:
        answer = await client.get(f"{POD}?{'&'.join(f'a={number}' for number in range(1001))}")

    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")


async def test_connections_without_a_request_end(
    tunnel: ScriptedTunnel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether nothing comes or half a head; a request that takes its time is none of them."""
    monkeypatch.setattr(https, "HEAD_S", 0.3)
    tunnel.held = asyncio.Event()
    tunnel.script = answering(200, b"ok")
    async with running_front(tunnel, tmp_path) as front, raw(front) as (silent, _), raw(front) as (slow, typing):
        typing.write(b"GET / HTTP/1.1\r\nHost:")
        async with raw(front) as (reader, writer):
            writer.write(head("GET", f"/accounts/shop{POD}", "Connection: close"))
            assert await silent.read() == b""
            assert await slow.read() == b""
            tunnel.held.set()
            assert (await reader.read()).endswith(b"ok\r\n0\r\n\r\n")


async def test_a_head_that_never_ends_ends_its_connection(
    tunnel: ScriptedTunnel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also behind a request that was answered: a stranger's is, with 401, and a byte now and then must not hold a place."""
    monkeypatch.setattr(https, "HEAD_S", 0.3)
    tunnel.script = answering(200, b"ok")
    async with running_front(tunnel, tmp_path) as front, raw(front) as (reader, writer), raw(front) as (used, using):
        for each in (writer, using):
            each.write(head("GET", f"/accounts/shop{POD}"))
        assert (await reader.readuntil(b"0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        await used.readuntil(b"0\r\n\r\n")

        async def trickle() -> None:
            with contextlib.suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(b"G")
                    await asyncio.sleep(0.05)

        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            trickling = group.create_task(trickle())
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            trickling.cancel()
        using.write(head("GET", f"/accounts/shop{POD}"))  # one that said nothing meanwhile is served on
        assert (await used.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_stalled_body_ends_its_request(tunnel: ScriptedTunnel, tmp_path: Path) -> None:
    """Lists wait for a write that is under way: one whose client stalls must not be so for ever."""
    async with (
        running_front(tunnel, tmp_path, bounds=Bounds(body_s=0.2)) as front,
        raw(front) as (reader, writer),
    ):
        writer.write(head("POST", f"/accounts/shop{POD}", "Content-Length: 100") + b"half")
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        await eventually(lambda: tunnel.open == 0, what="the end of the exchange")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert [(written, dispatched) for _, written, dispatched in front.journal.finished] == [(None, False)]


async def test_a_stop_ends_what_is_open(tunnel: ScriptedTunnel, stream: Stream, tmp_path: Path) -> None:
    """Streams have no end of their own; they are given a few seconds, and leave nothing."""
    stream.go.clear()
    async with running_front(tunnel, tmp_path) as front, raw(front) as (reader, writer), asyncio.TaskGroup() as group:
        writer.write(head("GET", f"/accounts/shop{LOG}"))
        await reader.readuntil(b"\r\n\r\n")
        group.create_task(front.stop())
        assert await reader.read() == b""

    assert tunnel.open == 0
