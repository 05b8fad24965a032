"""One connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from tests.support.gateway_doubles import MemoryLinks, RememberingMirror
from tests.support.services import eventually

from fairlead.contracts.codec import Decoder
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.operations import Dispatch
from fairlead.gateway.core.tokens import Grant, Kind
from fairlead.gateway.errors import LinkViolation
from fairlead.gateway.flows.link import connection as module
from fairlead.gateway.flows.link.calls import Calls
from fairlead.gateway.flows.link.connection import Connection, LinkTiming, welcome
from fairlead.gateway.flows.link.lane import CommitLane
from fairlead.gateway.flows.link.outbox import Outbox


class Wire:
    """Both ends of a connection in memory."""

    def __init__(self, timing: LinkTiming | None = None) -> None:
        self.mirror = RememberingMirror()
        self.inbound: asyncio.Queue[pb.AgentFrame | None] = asyncio.Queue()
        self.written: list[pb.GatewayFrame] = []
        self.gone = False
        grant = Grant("token", Kind.AGENT, ("*",))
        outbox = Outbox()
        lane = CommitLane(self.mirror, MemoryLinks(), Decoder(strict=True), grant.allows, outbox, 1_000_000)
        hello = pb.Hello(agent_id="agent-0", claims_incarnation="bucket-1")
        calls = Calls(hello, grant, self.mirror, self, self._claimed, lambda _: None)
        self.connection = Connection(calls, lane, outbox, timing or LinkTiming())

    async def report(self, report: pb.OperationReport) -> None:
        """Take every report."""

    async def _claimed(self, account: str) -> None:
        """Take every claim."""

    async def frames(self) -> AsyncIterator[pb.AgentFrame]:
        """What the agent sends."""
        while (frame := await self.inbound.get()) is not None:
            yield frame

    async def write(self, frame: pb.GatewayFrame) -> None:
        """What the agent gets."""
        if self.gone:
            raise ConnectionResetError("gone")
        self.written.append(frame)

    def bodies(self) -> list[str | None]:
        """Kinds of the frames that were written."""
        return [frame.WhichOneof("body") for frame in self.written]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[asyncio.Task[None]]:
        """Run the connection; it is given up at the end of the context."""
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.connection.run(self.frames(), self.write))
            yield running
            running.cancel()


async def test_calls_are_answered_and_heartbeats_taken() -> None:
    """A call gets its answer, a heartbeat tells the incarnation, and the end of the frames ends the connection."""
    wire = Wire()
    async with wire.open() as running:
        wire.inbound.put_nowait(pb.AgentFrame(heartbeat=pb.Heartbeat(claims_incarnation="bucket-2")))
        claims = pb.ClaimAccounts(accounts=[pb.AccountClaim(name="shop")])
        wire.inbound.put_nowait(pb.AgentFrame(call=1, claim_accounts=claims))
        await eventually(lambda: wire.bodies() == ["claim_verdicts"])
        assert wire.connection.claims_incarnation == "bucket-2"
        assert wire.connection.accounts == {"shop"}
        wire.inbound.put_nowait(None)
        await running


async def test_calls_that_wait_hold_nothing_else_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database answers no call, heartbeats and exchanges get through; past a bound the agent waits."""
    wire, stuck = Wire(), asyncio.Event()
    monkeypatch.setattr(wire, "report", lambda _: stuck.wait())
    report = pb.OperationReport(id="1", account="shop", state=pb.OperationReport.STATE_CLAIMED, body=bytes(1000))
    async with wire.open() as running:
        for _ in range(2 * module.CALLS_AT_ONCE):
            wire.inbound.put_nowait(pb.AgentFrame(call=1, operation_report=report))
        wire.inbound.put_nowait(pb.AgentFrame(heartbeat=pb.Heartbeat(claims_incarnation="bucket-2")))
        await eventually(lambda: wire.connection.claims_incarnation == "bucket-2")

        monkeypatch.setattr(module, "CALLS_BYTES", 100)
        wire.inbound.put_nowait(pb.AgentFrame(call=1, operation_report=report))
        wire.inbound.put_nowait(pb.AgentFrame(heartbeat=pb.Heartbeat(claims_incarnation="bucket-3")))
        await eventually(lambda: wire.inbound.qsize() == 1)
        assert wire.connection.claims_incarnation == "bucket-2"
        stuck.set()
        await eventually(lambda: wire.connection.claims_incarnation == "bucket-3")
        wire.inbound.put_nowait(None)
        await running
    assert wire.bodies() == ["done"] * (2 * module.CALLS_AT_ONCE + 1)


async def test_a_violation_ends_it_after_what_was_to_be_said() -> None:
    """What breaks the rules ends the connection with the reason, and frames before it are still written."""
    wire = Wire()
    wire.connection.drain("test")
    wire.inbound.put_nowait(pb.AgentFrame(hello=pb.Hello()))
    with pytest.raises(LinkViolation, match="second Hello"):
        await wire.connection.run(wire.frames(), wire.write)
    assert wire.bodies() == ["drain"]


async def test_a_gone_agent_ends_it() -> None:
    """When nothing can be written any more, the connection ends."""
    wire = Wire()
    async with wire.open() as running:
        wire.gone = True
        wire.connection.drain("test")
        await running


async def test_operations_and_cancellations() -> None:
    """Operations are offered only to a connection that stays; cancellations overtake them."""
    wire = Wire()
    assert wire.connection.takes_operations
    wire.connection.send_operation(Dispatch("1", "shop", 1, "bucket-1", datetime.now(UTC), b"{}"))
    wire.connection.send_cancel("1", "shop")
    async with wire.open():
        await eventually(lambda: len(wire.written) == 2)
        assert wire.bodies() == ["cancel_operation", "operation"]
        wire.connection.drain("test")
        assert not wire.connection.takes_operations


async def test_no_operation_before_there_is_a_claims_bucket() -> None:
    """A resend could not tell a lost claim from none."""
    wire = Wire()
    wire.connection.claims_incarnation = ""

    assert not wire.connection.takes_operations


async def test_silence_and_age() -> None:
    """Silence of three heartbeats is a violation; age is a drain, then an end in order."""
    wire = Wire(LinkTiming(heartbeat_s=0.3))
    with pytest.raises(LinkViolation, match="nothing was heard"):
        await wire.connection.run(wire.frames(), wire.write)
    assert "heartbeat" in wire.bodies()
    wire = Wire(LinkTiming(max_age_s=0.02, grace_s=0.02))
    await wire.connection.run(wire.frames(), wire.write)
    assert wire.bodies() == ["drain"]


def test_welcome() -> None:
    """Welcome tells the agent what it needs to keep the rules."""
    told = welcome(1, gateway="g", software_version="v", heartbeat_s=1.5, window_bytes=5).welcome
    assert (told.protocol_version, told.heartbeat_interval_ms, told.data_window_bytes) == (1, 1500, 5)
    assert told.frame_limit_bytes > 0
