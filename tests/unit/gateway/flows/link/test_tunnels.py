"""One connection's end of tunnels: what the agent says, and what its callers make of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support.executor_zone import settled

from fairlead.contracts.tunnels import PIECE_BYTES, WINDOW_BYTES
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.errors import TunnelLost, TunnelRefused, TunnelUnavailable
from fairlead.gateway.flows.link.outbox import Outbox
from fairlead.gateway.flows.link.tunnels import Exchange, LinkTunnels

End = pb.TunnelEnd
HEAD = pb.AgentFrame(tunnel_head=pb.TunnelHead(id="A", status=200))


def piece(sequence: int, content: bytes = b"x", *, last: bool = False) -> pb.AgentFrame:
    """A piece of the answer."""
    return pb.AgentFrame(tunnel_data=pb.TunnelData(id="A", sequence=sequence, content=content, last=last))


def end(code: End.Code, reason: str = "why") -> pb.AgentFrame:
    """An end."""
    return pb.AgentFrame(tunnel_end=End(id="A", code=code, reason=reason))


class Setting:
    """A connection's tunnels, and what they sent."""

    def __init__(self, group: asyncio.TaskGroup, limit: int) -> None:
        self._group = group
        self._written: list[str] = []
        self.outbox = Outbox()
        self.tunnels = LinkTunnels(self.outbox, self._start, limit)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._group.create_task(work)

    def open(self, exchange_id: str = "A", idle_ms: int = 1000) -> Exchange:
        """Open an exchange; its opening is written at once."""
        opened = pb.TunnelOpen(id=exchange_id, method="GET", idle_ms=idle_ms, last=True)
        exchange = self.tunnels.open(opened, "trace")
        self._written += [str(frame.WhichOneof("body")) for frame in self.outbox._tunnels.pop(exchange_id)]
        return exchange

    async def sent(self) -> list[str]:
        """Kinds of the frames that go to the agent."""
        self.outbox.close()
        return self._written + [str(frame.WhichOneof("body")) async for frame in self.outbox.frames()]


@asynccontextmanager
async def setting(limit: int = 4) -> AsyncIterator[Setting]:
    """The tunnels of a connection."""
    async with asyncio.TaskGroup() as group:
        yield Setting(group, limit)


async def test_an_exchange() -> None:
    """The opening grants a window; head and body come; after the last piece the agent is told nothing more."""
    async with setting() as made:
        exchange = made.open()
        assert exchange.opened.window_bytes == WINDOW_BYTES
        for frame in (HEAD, piece(1), piece(2, b"y"), piece(3, b"", last=True), piece(4)):
            made.tunnels.hear(frame)
        assert (await exchange.head()).status == 200
        assert [each async for each in exchange.body] == [b"x", b"y"]
        await made.tunnels.close(exchange.opened)
        made.tunnels.hear(piece(5))
        made.tunnels.hear(pb.AgentFrame())

        assert await made.sent() == ["tunnel_open"]


async def test_credit_is_given_as_it_is_read() -> None:
    """Not before."""
    async with setting() as made:
        exchange = made.open()
        made.tunnels.hear(HEAD)
        for number in (1, 2, 3):
            made.tunnels.hear(piece(number, bytes(PIECE_BYTES)))
        await anext(exchange.body)

        assert await made.sent() == ["tunnel_open", "tunnel_credit"]


ENDS = [
    (End.CODE_NOT_DISPATCHED, TunnelUnavailable),
    (End.CODE_REFUSED, TunnelRefused),
    (End.CODE_LOST, TunnelLost),
    (End.CODE_UNSPECIFIED, TunnelLost),
]


@pytest.mark.parametrize(("code", "error"), ENDS)
async def test_ends_before_the_head(code: End.Code, error: type[Exception]) -> None:
    """The agent says what is known; the agent is told nothing back."""
    async with setting() as made:
        exchange = made.open()
        made.tunnels.hear(end(code))
        with pytest.raises(error, match="why"):
            await exchange.head()
        await made.tunnels.close(exchange.opened)

        assert await made.sent() == ["tunnel_open"]


@pytest.mark.parametrize("code", [each[0] for each in ENDS])
async def test_ends_after_the_head(code: End.Code) -> None:
    """What was answered cannot be unsent: it is lost, after what came of it."""
    async with setting() as made:
        exchange = made.open()
        for frame in (HEAD, piece(1), end(code)):
            made.tunnels.hear(frame)
        assert await anext(exchange.body) == b"x"
        with pytest.raises(TunnelLost):
            await anext(exchange.body)


BREACHES = [
    [HEAD, piece(2)],
    [HEAD, piece(1, bytes(WINDOW_BYTES + 1))],
    [HEAD, HEAD],
    [piece(1)],
    [pb.AgentFrame(tunnel_head=pb.TunnelHead(id="A", status=0))],
]


@pytest.mark.parametrize("frames", BREACHES)
async def test_an_agent_that_breaks_the_rules(frames: list[pb.AgentFrame]) -> None:
    """It loses this exchange, and only this one; the agent is told."""
    async with setting() as made:
        exchange, other = made.open(), made.open("B")
        for frame in frames:
            made.tunnels.hear(frame)
        with pytest.raises(TunnelLost):
            async for _ in exchange.body:
                pass
        assert not other.ended

        assert await made.sent() == ["tunnel_open", "tunnel_open", "tunnel_end"]


async def test_leaving_early() -> None:
    """The agent is told that nobody waits, and an upload ends."""
    async with setting() as made:
        exchange = made.open()

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x"

        exchange.upload(endless())
        await settled()
        await made.tunnels.close(exchange.opened)

        assert await made.sent() == ["tunnel_open", "tunnel_end"]


async def test_an_upload_waits_for_credit() -> None:
    """It begins without any."""
    async with setting() as made:
        exchange = made.open()

        async def body() -> AsyncIterator[bytes]:
            yield bytes(3 * PIECE_BYTES)

        exchange.upload(body())
        await settled()
        assert not made.outbox._tunnels
        made.tunnels.hear(pb.AgentFrame(tunnel_credit=pb.TunnelCredit(id="A", bytes=2 * PIECE_BYTES)))
        await settled()
        assert len(made.outbox._tunnels["A"]) == 1
        made.tunnels.hear(pb.AgentFrame(tunnel_credit=pb.TunnelCredit(id="A", bytes=8 * PIECE_BYTES)))
        await settled()
        assert len(made.outbox._tunnels["A"]) == 4
        assert made.outbox._tunnels["A"][-1].tunnel_data.last


async def test_an_upload_that_fails() -> None:
    """Its error is what the caller gets."""
    async with setting() as made:
        exchange = made.open()
        made.tunnels.hear(pb.AgentFrame(tunnel_credit=pb.TunnelCredit(id="A", bytes=WINDOW_BYTES)))

        async def broken() -> AsyncIterator[bytes]:
            yield b"x"
            raise ConnectionError("the client left")

        exchange.upload(broken())
        with pytest.raises(ConnectionError):
            await exchange.head()
        await made.tunnels.close(exchange.opened)

        assert await made.sent() == ["tunnel_open", "tunnel_end"]


async def test_the_connection_ends() -> None:
    """Everything under way is lost, and nothing begins any more."""
    async with setting() as made:
        exchange = made.open()
        made.tunnels.end_all("gone")
        with pytest.raises(TunnelLost, match="gone"):
            await exchange.head()
        with pytest.raises(TunnelUnavailable):
            made.open("B")


async def test_the_connection_ends_before_an_opening_was_written() -> None:
    """Then it certainly was not sent; what the connection still writes has nothing of it."""
    async with setting() as made:
        exchange = made.tunnels.open(pb.TunnelOpen(id="A", method="POST", last=True), "trace")
        made.tunnels.end_all("gone")
        with pytest.raises(TunnelUnavailable, match="gone; it was not sent"):
            await exchange.head()

        assert await made.sent() == []


async def test_limits() -> None:
    """A connection carries so many; one of an id at once; what is closed makes room."""
    async with setting(limit=2) as made:
        exchange = made.open("A")
        with pytest.raises(TunnelRefused):
            made.open("A")
        await made.tunnels.close(pb.TunnelOpen(id="A"))
        made.open("B")
        with pytest.raises(TunnelUnavailable, match="too many"):
            made.open("C")
        await made.tunnels.close(exchange.opened)
        made.open("C")


async def test_what_lasts_leaves_room() -> None:
    """Watches and followed logs fill no connection: short exchanges still get through."""
    async with setting(limit=4) as made:
        for name in ("A", "B", "C"):
            made.open(name, idle_ms=0)
        with pytest.raises(TunnelUnavailable, match="followed logs"):
            made.open("D", idle_ms=0)
        made.open("D")
