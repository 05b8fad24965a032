"""Keeping the link, over doubles of its ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.support.bridge_doubles import MemoryWire, MemoryZone, ScriptedDialler
from tests.support.services import eventually

from fairlead.bridge.errors import LinkLost, LinkRefused
from fairlead.bridge.flows.connection import Connection
from fairlead.bridge.flows.uplink import LinkOptions, Uplink
from fairlead.bridge.ports import Wire
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime.backoff import Backoff

WELCOME = pb.GatewayFrame(welcome=pb.Welcome(protocol_version=1))


def greeting(frame: pb.GatewayFrame = WELCOME) -> MemoryWire:
    """A wire on which the gateway's first frame waits already."""
    wire = MemoryWire()
    wire.incoming.put_nowait(frame)
    return wire


def fails(error: LinkLost) -> Wire:
    """A dial that fails."""
    raise error


@asynccontextmanager
async def kept(dialler: ScriptedDialler, zone: MemoryZone | None = None) -> AsyncIterator[Uplink]:
    """An uplink that runs."""

    async def deliver(_: Connection, __: pb.GatewayFrame) -> None:
        return None

    async with asyncio.TaskGroup() as tasks:

        def spawn(name: str, work: Coroutine[Any, Any, None]) -> object:
            return tasks.create_task(work, name=name)

        uplink = Uplink(
            dialler=dialler,
            zone=zone or MemoryZone(),
            identity=pb.Hello(agent_id="pod-1"),
            backoff=Backoff(base_s=0.01, max_s=0.02),
            options=LinkOptions(refused_retry_s=0.05, hand_over_s=0.1),
            spawn=spawn,
            deliver=deliver,
        )
        running = [tasks.create_task(uplink.run()), tasks.create_task(uplink.announce())]
        try:
            yield uplink
        finally:
            await uplink.stop(0.1)
            for task in running:
                task.cancel()


async def test_a_link_comes_about_and_comes_again() -> None:
    """Failed dials are repeated, and a lost connection is followed by another; the zone hears of both."""
    wires = [greeting(), greeting()]
    zone = MemoryZone()
    dialler = ScriptedDialler(lambda: fails(LinkLost("away")), lambda: wires[0], lambda: wires[1])
    async with kept(dialler, zone) as uplink:
        assert (await uplink.wait_connection()).number == 1
        assert uplink.not_ready() is None
        wires[0].incoming.put_nowait(None)
        await eventually(lambda: uplink.current is not None and uplink.current.number == 2)
        await eventually(lambda: len(zone.notices) == 3)

    states = [(notice.link_state.connected, notice.link_state.connection) for notice in zone.notices[:3]]
    assert states == [(True, 1), (False, 1), (True, 2)]
    assert wires[0].closed
    assert wires[1].closed


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pb.GatewayFrame(welcome=pb.Welcome(protocol_version=9)), "upgrade the older one"),
        (pb.GatewayFrame(done=pb.Done()), "no Welcome"),
        (pb.GatewayFrame(call_failed=pb.CallFailed(message="no such zone")), "no such zone"),
    ],
)
async def test_a_gateway_that_does_not_welcome(frame: pb.GatewayFrame, told: str) -> None:
    """Whatever comes instead of a Welcome is told, the wire let go of, and the dial repeated."""
    wires: list[MemoryWire] = []

    def dial() -> MemoryWire:
        wires.append(greeting(frame))
        return wires[-1]

    async with kept(ScriptedDialler(dial)) as uplink:
        await eventually(lambda: told in (uplink.not_ready() or ""))
        await eventually(lambda: len(wires) >= 2)
        assert wires[0].closed


async def test_a_refused_agent_asks_slowly() -> None:
    """Credentials do not heal by asking often: the delay has a floor above the back-off."""
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def dial() -> Wire:
        times.append(loop.time())
        raise LinkRefused("no such token")

    async with kept(ScriptedDialler(dial)) as uplink:
        await eventually(lambda: len(times) >= 3)
        assert uplink.not_ready() == "no such token"
        assert times[2] - times[0] >= 0.1


async def test_hello_without_a_zone() -> None:
    """A zone that cannot tell the incarnation now does not keep the link from coming about."""
    zone = MemoryZone()
    zone.away = True
    wire = greeting()
    async with kept(ScriptedDialler(lambda: wire), zone) as uplink:
        await uplink.wait_connection()

    assert not wire.sent[0].hello.claims_incarnation
    assert wire.sent[0].hello.agent_id == "pod-1"


async def test_hand_over() -> None:
    """Drained, the former connection ends once its successor stands."""
    wires = [greeting(), greeting()]
    held = asyncio.Event()
    zone = MemoryZone()

    class Slow(ScriptedDialler):
        async def dial(self) -> Wire:
            if self.dials:
                await held.wait()
            return await super().dial()

    async with kept(Slow(lambda: wires[0], lambda: wires[1]), zone) as uplink:
        former = await uplink.wait_connection()
        wires[0].incoming.put_nowait(pb.GatewayFrame(drain=pb.Drain()))
        await former.wait_leaving()
        assert uplink.current is former
        uplink._options = replace(uplink._options, hand_over_s=5.0)
        held.set()
        assert (await uplink.wait_connection()).number == 2
        assert not former.closed, "nobody has claimed an account on the other one"
        await eventually(lambda: former.closed)

    assert all(notice.link_state.connected for notice in zone.notices[:2])


async def test_dials_and_waits_are_counted() -> None:
    """A refusal, a failure and a connection; the wait before the next dial stands as long as it lasts."""

    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(f"fairlead_bridge_{name}", labels) or 0.0

    def dials() -> list[float]:
        return [value("dials_total", outcome=outcome) for outcome in ("refused", "failed", "connected")]

    before, ended = dials(), value("disconnections_total")
    wire = greeting()
    dialler = ScriptedDialler(
        lambda: fails(LinkRefused("no")), lambda: fails(LinkLost("away")), lambda: wire, lambda: fails(LinkLost("away"))
    )
    async with kept(dialler) as uplink:
        await eventually(lambda: value("backoff_seconds") > 0)
        await uplink.wait_connection()
        assert [now - then for now, then in zip(dials(), before, strict=True)] == [1, 1, 1]
        assert value("backoff_seconds") == 0
        assert value("window_bytes") > 0
        wire.incoming.put_nowait(None)
        await eventually(lambda: value("disconnections_total") == ended + 1)
        await eventually(lambda: value("window_bytes") == 0)
