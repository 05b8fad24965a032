"""Choosing a connection, and what of a request travels with its opening."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

import pytest
from tests.support.tunnel_way import request

from fairlead.contracts.tunnels import FEATURE, PIECE_BYTES
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.errors import TunnelLost, TunnelUnavailable
from fairlead.gateway.flows import tunnel as module
from fairlead.gateway.flows.link.connection import Connection
from fairlead.gateway.flows.link.outbox import Outbox
from fairlead.gateway.flows.link.tunnels import LinkTunnels
from fairlead.gateway.flows.tunnel import AgentTunnel


@dataclass
class OneLink:
    """`Agents` with one connection, of which only its tunnels and its Hello are there."""

    group: asyncio.TaskGroup
    hello: pb.Hello = field(default_factory=lambda: pb.Hello(agent_id="pod-1", features=[FEATURE]))
    outbox: Outbox = field(default_factory=Outbox)
    tunnels: LinkTunnels = field(init=False)
    away: bool = False

    def __post_init__(self) -> None:
        self.tunnels = LinkTunnels(self.outbox, self.group.create_task, 4)

    @property
    def agent(self) -> str:
        """Its name."""
        return self.hello.agent_id

    def link_of(self, _: str) -> Connection | None:
        """The one, unless it is away."""
        return None if self.away else cast("Connection", self)

    async def opened(self) -> pb.TunnelOpen:
        """The opening that the agent is sent."""
        async for frame in self.outbox.frames():
            if frame.HasField("tunnel_open"):
                return frame.tunnel_open
        raise AssertionError("nothing was opened")

    async def answer(self, opened: pb.TunnelOpen) -> None:
        """Answer as an agent."""
        headers = [pb.HttpHeader(name="X", value="y")]
        self.tunnels.hear(pb.AgentFrame(tunnel_head=pb.TunnelHead(id=opened.id, status=201, headers=headers)))
        self.tunnels.hear(pb.AgentFrame(tunnel_data=pb.TunnelData(id=opened.id, sequence=1, content=b"z", last=True)))


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    """A request's body."""
    for content in contents:
        yield content


async def exchanged(link: OneLink, **more: object) -> tuple[pb.TunnelOpen, int, bytes]:
    """Send a request and have it answered; gives its opening, and the answer."""
    sent = request("POST", "/x?y=z", headers=(("A", "1"), ("A", "2")), **more)

    async def answered() -> pb.TunnelOpen:
        opened = await link.opened()
        await link.answer(opened)
        return opened

    answering = link.group.create_task(answered())
    async with AgentTunnel(link).exchange(sent) as answer:
        assert answer.headers == (("X", "y"),)
        body = b"".join([piece async for piece in answer.body])
    return await answering, answer.status, body


async def test_a_request() -> None:
    """Everything about it stands in its opening, a short body too."""
    async with asyncio.TaskGroup() as group:
        opened, status, body = await exchanged(OneLink(group), body=pieces(b"a", b"b"), answer_within_s=3.0, idle_s=0.5)

    assert (opened.method, opened.target, opened.account) == ("POST", "/x?y=z", "shore")
    assert [(each.name, each.value) for each in opened.headers] == [("A", "1"), ("A", "2")]
    assert (opened.content, opened.last) == (b"ab", True)
    assert (opened.answer_within_ms, opened.idle_ms) == (3000, 500)
    assert (status, body) == (201, b"z")


@pytest.mark.parametrize(
    ("contents", "last"),
    [
        ((), True),
        ((b"x" * PIECE_BYTES,), True),
        ((b"x" * PIECE_BYTES, b"y"), False),
        ((b"x" * (PIECE_BYTES + 1),), False),
    ],
)
async def test_what_travels_with_the_opening(contents: tuple[bytes, ...], *, last: bool) -> None:
    """A body of one piece; a longer one follows as a whole."""
    async with asyncio.TaskGroup() as group:
        opened, _, _ = await exchanged(OneLink(group), body=pieces(*contents))

    assert opened.last is last
    assert opened.content == (b"".join(contents) if last else b"")


async def test_no_agent() -> None:
    """Nothing was sent."""
    async with asyncio.TaskGroup() as group:
        link = OneLink(group, away=True)
        with pytest.raises(TunnelUnavailable, match="no agent of account 'shore'"):
            async with AgentTunnel(link).exchange(request("GET", "/")):
                pass


async def test_an_older_agent() -> None:
    """One that does not announce the tunnel is not sent anything that it would not understand."""
    async with asyncio.TaskGroup() as group:
        link = OneLink(group, hello=pb.Hello(agent_id="pod-0"))
        with pytest.raises(TunnelUnavailable, match="agent pod-0 is of a release"):
            async with AgentTunnel(link).exchange(request("GET", "/")):
                pass
        assert not link.outbox._tunnels


async def test_a_body_that_fails_at_once() -> None:
    """Before anything was sent: the error is the caller's own."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionError("the client left")

    async with asyncio.TaskGroup() as group:
        link = OneLink(group)
        with pytest.raises(ConnectionError):
            async with AgentTunnel(link).exchange(request("POST", "/", body=broken())):
                pass
        assert not link.outbox._tunnels


async def test_an_agent_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps the time itself; when even that does not come, the answer is lost, and the agent is told."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    async with asyncio.TaskGroup() as group:
        link = OneLink(group)
        group.create_task(link.opened())
        with pytest.raises(TunnelLost, match=r"within 0\.05 s"):
            async with AgentTunnel(link).exchange(request("POST", "/", answer_within_s=0.05)):
                pass
        link.outbox.close()
        assert [frame.WhichOneof("body") async for frame in link.outbox.frames()] == ["tunnel_end"]


async def test_an_agent_that_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was never written to it was certainly not sent, and will not be."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    async with asyncio.TaskGroup() as group:
        link = OneLink(group)
        with pytest.raises(TunnelUnavailable, match="it was not sent"):
            async with AgentTunnel(link).exchange(request("POST", "/", answer_within_s=0.05)):
                pass
        link.outbox.close()
        assert [frame async for frame in link.outbox.frames()] == []
