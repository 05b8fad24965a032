"""Relaying tunnels: which end is told what, when the other one is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support.bridge_doubles import MemoryWire
from tests.support.services import eventually
from tests.support.tunnel_doubles import BRIDGE, ID, RememberingTunnelZone, opening
from tests.unit.bridge.flows.test_relay import Tasks, beat

from fairlead.bridge.core.lanes import TUNNEL_LIMIT_BYTES
from fairlead.bridge.errors import NoExecutor, ZoneUnavailable
from fairlead.bridge.flows import tunnels as module
from fairlead.bridge.flows.connection import Connection, Timing
from fairlead.bridge.flows.tunnels import TunnelRelay
from fairlead.contracts.v1 import link_pb2 as pb

DATA = pb.GatewayFrame(tunnel_data=pb.TunnelData(id=ID, sequence=1, content=b"x"))
CANCEL = pb.GatewayFrame(tunnel_end=pb.TunnelEnd(id=ID, code=pb.TunnelEnd.CODE_CANCELLED))
HEAD = pb.AgentFrame(tunnel_head=pb.TunnelHead(id=ID, status=200))
LAST = pb.AgentFrame(tunnel_data=pb.TunnelData(id=ID, sequence=1, last=True))


class Setting:
    """A relay between doubles; its connections are not run, what they would send stays in their lanes."""

    def __init__(self) -> None:
        self.zone = RememberingTunnelZone()
        self.tasks = Tasks()
        self.relay = TunnelRelay(self.zone, self.tasks.spawn)
        self.connection = self.connect(1)

    def connect(self, number: int) -> Connection:
        """Make a connection."""
        return Connection(
            number=number,
            wire=MemoryWire(),
            welcome=pb.Welcome(),
            timing=Timing(),
            beat=beat,
            deliver=self.relay.deliver,
        )

    async def open(self, exchange_id: str = ID, **more: Any) -> None:
        """Open a tunnel, until an executor has it."""
        await self.relay.deliver(self.connection, opening(id=exchange_id, bridge="", **more))
        await self.tasks.run()

    def up(self) -> list[pb.AgentFrame]:
        """What the gateway would be sent."""
        frames = []
        while (frame := self.connection._lanes.next()) is not None:
            frames.append(frame)
        return frames

    def ends(self) -> list[tuple[str, str]]:
        """The ends among it."""
        ends = [frame.tunnel_end for frame in self.up() if frame.HasField("tunnel_end")]
        return [(pb.TunnelEnd.Code.Name(end.code).removeprefix("CODE_"), end.reason) for end in ends]


async def test_frames_pass() -> None:
    """The opening names the bridge; frames go to the executor and back until the last one."""
    made = Setting()
    await made.open()
    await made.relay.deliver(made.connection, DATA)
    await made.relay.hear(HEAD)
    await made.relay.hear(LAST)
    await made.relay.hear(HEAD)
    await made.relay.deliver(made.connection, DATA)

    assert made.zone.kinds() == ["tunnel_open", "tunnel_data"]
    assert made.zone.sent[0].tunnel_open.bridge == BRIDGE
    assert made.up() == [HEAD, LAST]


@pytest.mark.parametrize("failure", [NoExecutor("nobody"), ZoneUnavailable("late")])
async def test_no_executor(failure: Exception) -> None:
    """Whyever none was found, nothing was sent."""
    made = Setting()
    made.zone.failure = failure
    await made.open()

    assert made.ends() == [("NOT_DISPATCHED", str(failure))]
    assert made.zone.sent == []


async def test_the_opening_cannot_be_sent() -> None:
    """Then nothing was sent either."""
    made = Setting()
    made.zone.away = True
    await made.open()

    assert made.ends() == [("NOT_DISPATCHED", "nats-server is away")]


async def test_called_off_before_an_executor_was_found() -> None:
    """It is never sent."""
    made = Setting()
    await made.relay.deliver(made.connection, opening(bridge=""))
    await made.relay.deliver(made.connection, CANCEL)
    await made.tasks.run()

    assert made.zone.sent == []
    assert made.up() == []


async def test_called_off() -> None:
    """The executor is told, and nothing of its is passed on any more."""
    made = Setting()
    await made.open()
    await made.relay.deliver(made.connection, CANCEL)
    await made.relay.hear(HEAD)

    assert made.zone.kinds() == ["tunnel_open", "tunnel_end"]
    assert made.up() == []


async def test_a_tunnel_belongs_to_its_connection() -> None:
    """Frames of another connection do not touch it; when its own ends, the executor is told."""
    made = Setting()
    await made.open()
    other = made.connect(2)
    await made.relay.deliver(other, CANCEL)
    made.relay.connection_ended(other)
    assert made.zone.kinds() == ["tunnel_open"]

    made.relay.connection_ended(made.connection)
    await made.tasks.run()
    assert made.zone.kinds() == ["tunnel_open", "tunnel_end"]


async def test_a_tunnel_counts_as_work() -> None:
    """A connection that is replaced waits for it, and for what of it is to be written."""
    made = Setting()
    await made.open()
    assert made.connection._under_way == 1
    await made.relay.hear(LAST)
    assert made.connection._under_way == 1
    made.up()
    assert made.connection._under_way == 0


async def test_the_bus_broke() -> None:
    """Every tunnel is over, at both ends; one that was not sent yet is told so."""
    made = Setting()
    await made.open()
    await made.relay.deliver(made.connection, opening(id="B", bridge=""))
    opening_b = made.tasks.works
    made.tasks.works = []
    made.relay.bus_broke()
    await made.tasks.run()
    made.tasks.works = opening_b
    await made.tasks.run()

    assert [code for code, _ in made.ends()] == ["LOST", "NOT_DISPATCHED"]
    assert made.zone.kinds() == ["tunnel_open", "tunnel_end"]


async def test_an_executor_that_breaks_the_rules() -> None:
    """One that sends more than there can be credit for loses this tunnel."""
    made = Setting()
    await made.open()
    flood = pb.AgentFrame(tunnel_data=pb.TunnelData(id=ID, content=bytes(TUNNEL_LIMIT_BYTES)))
    await made.relay.hear(flood)
    await made.relay.hear(flood)

    assert [code for code, _ in made.ends()] == ["LOST"]
    assert made.zone.kinds() == ["tunnel_open", "tunnel_end"]


async def test_a_last_piece_beyond_the_credit() -> None:
    """It is no end of which the gateway would never hear."""
    made = Setting()
    await made.open()
    await made.relay.hear(pb.AgentFrame(tunnel_data=pb.TunnelData(id=ID, content=bytes(TUNNEL_LIMIT_BYTES))))
    await made.relay.hear(LAST)

    assert [code for code, _ in made.ends()] == ["LOST"]


async def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond the limit is not sent; what stands already is not begun again."""
    monkeypatch.setattr(module, "TUNNELS_MAX", 1)
    made = Setting()
    await made.open()
    await made.open()
    await made.open("B")

    assert made.ends() == [("NOT_DISPATCHED", "the bridge carries too many exchanges")]
    assert made.zone.kinds() == ["tunnel_open"]


LEASE_FAILURES = [
    (NoExecutor("gone"), 3.0, "the executor died"),
    (ZoneUnavailable("late"), 0.05, "the executor fell silent"),
]


@pytest.mark.parametrize(("failure", "expires_s", "reason"), LEASE_FAILURES)
async def test_leases(monkeypatch: pytest.MonkeyPatch, failure: Exception, expires_s: float, reason: str) -> None:
    """An executor is told what stands; one that is gone, or silent for long, takes its tunnels with it."""
    monkeypatch.setattr(module, "LEASE_S", 0.01)
    monkeypatch.setattr(module, "LEASE_EXPIRES_S", expires_s)
    made = Setting()
    await made.open("A")
    await made.open("B")
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(made.relay.keep())
        await eventually(lambda: len(made.zone.leases) > 1)
        assert made.zone.leases[0] == ["A", "B"]
        made.zone.lease_failure = failure
        await eventually(lambda: not made.relay._tunnels)
        keeping.cancel()

    assert made.ends() == [("LOST", reason)] * 2


async def test_the_bridge_stops() -> None:
    """What may go on for ever ends; a write may finish; what comes then is not begun, and told so."""
    made = Setting()
    await made.open("A")
    await made.open("B", method="POST")
    await made.open("C", idle_ms=1000)
    await made.relay.end_lasting()

    assert made.ends() == [("LOST", "the bridge stops")]
    assert sorted(made.relay._tunnels) == ["B", "C"]
    await made.open("D", method="POST")
    assert made.ends() == [("NOT_DISPATCHED", "the bridge stops")]
    assert made.zone.kinds().count("tunnel_open") == 3
