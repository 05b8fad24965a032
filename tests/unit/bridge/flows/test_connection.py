"""One connection, over a wire in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.bridge_doubles import MemoryWire
from tests.support.services import eventually

from fairlead.bridge.errors import LinkBusy, LinkLost
from fairlead.bridge.flows import connection as module
from fairlead.bridge.flows.connection import CALLS_MAX, Connection, Timing
from fairlead.contracts.v1 import link_pb2 as pb

DELIVERED: list[pb.GatewayFrame] = []


async def beat() -> pb.Heartbeat:
    """Make a heartbeat."""
    return pb.Heartbeat(sent_unix_ms=1)


@asynccontextmanager
async def connected(
    wire: MemoryWire, timing: Timing | None = None, window_bytes: int = 100
) -> AsyncIterator[tuple[Connection, asyncio.Task[str]]]:
    """A connection that runs; ended with the test."""
    DELIVERED.clear()

    async def deliver(_: Connection, frame: pb.GatewayFrame) -> None:
        DELIVERED.append(frame)

    connection = Connection(
        number=1,
        wire=wire,
        welcome=pb.Welcome(data_window_bytes=window_bytes),
        timing=timing or Timing(),
        beat=beat,
        deliver=deliver,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(connection.run())
        try:
            yield connection, running
        finally:
            wire.incoming.put_nowait(None)


def data(size: int) -> pb.AgentFrame:
    """A data frame."""
    return pb.AgentFrame(data_batch=pb.DataBatch(envelope=b"x" * size))


async def test_calls() -> None:
    """An answer reaches its caller; one without a caller is dropped; other frames are delivered."""
    wire = MemoryWire()
    async with connected(wire) as (connection, _), asyncio.TaskGroup() as tasks:
        call = tasks.create_task(connection.call(pb.AgentFrame(resource_states=pb.ResourceStates()), 5))
        await eventually(lambda: bool(wire.sent))
        wire.incoming.put_nowait(pb.GatewayFrame(call=999, done=pb.Done()))
        wire.incoming.put_nowait(pb.GatewayFrame(done=pb.Done()))
        wire.incoming.put_nowait(pb.GatewayFrame(session_closed=pb.SessionClosed(session="s")))
        wire.incoming.put_nowait(pb.GatewayFrame(call=wire.sent[0].call, done=pb.Done()))
        await call

    assert [frame.WhichOneof("body") for frame in DELIVERED] == ["session_closed"]


async def test_calls_end_with_the_connection() -> None:
    """Whoever waits is told, and nothing is taken afterwards; the wire is let go of."""
    wire = MemoryWire()

    async def call(connection: Connection) -> None:
        with pytest.raises(LinkLost, match="before the answer came"):
            await connection.call(pb.AgentFrame(), 5)

    async with connected(wire) as (connection, running), asyncio.TaskGroup() as tasks:
        tasks.create_task(call(connection))
        await eventually(lambda: bool(wire.sent))
        wire.incoming.put_nowait(None)
        assert await running == "cut"
        with pytest.raises(LinkLost):
            connection.post(pb.AgentFrame())
        with pytest.raises(LinkLost):
            connection.send_data(data(1), lambda _: None)
        assert not await connection.wait_room()
    assert wire.closed


async def test_too_many_calls() -> None:
    """Calls over the limit are refused at once."""
    wire = MemoryWire()
    async with connected(wire) as (connection, _):
        for _ in range(CALLS_MAX):
            connection._calls.begin(asyncio.get_running_loop().create_future())
        with pytest.raises(LinkBusy):
            await connection.call(pb.AgentFrame(), 5)


async def test_data() -> None:
    """Data is numbered, bounded by the window, and settled when it is acknowledged or the connection ends."""
    wire = MemoryWire()
    fates: dict[str, bool] = {}
    async with connected(wire) as (connection, _):
        for name in "abc":
            connection.send_data(data(60), lambda known, name=name: fates.update({name: known}))  # type: ignore[misc]
        await eventually(lambda: len(wire.sent) == 1)
        connection.post(pb.AgentFrame(resource_states=pb.ResourceStates()))
        await eventually(lambda: wire.bodies() == ["data_batch", "resource_states"])
        wire.incoming.put_nowait(pb.GatewayFrame(data_ack=pb.DataAck(through=1)))
        await eventually(lambda: len(wire.sent) == 3)
        assert wire.sent[-1].data_batch.id == 2
        assert fates == {"a": True}

    assert fates == {"a": True, "b": False, "c": False}


async def test_the_first_claims_bucket_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """While no executor has made its bucket, heartbeats come quickly, whatever their interval."""
    monkeypatch.setattr(module, "UNCLAIMED_BEAT_S", 0.01)
    wire = MemoryWire()
    async with connected(wire, Timing(heartbeat_s=60.0)):
        await eventually(lambda: len(wire.bodies()) >= 2)

    assert set(wire.bodies()) == {"heartbeat"}


async def test_heartbeats() -> None:
    """The bridge shows that it lives, and gives up a gateway that does not."""
    wire = MemoryWire()
    async with connected(wire, Timing(heartbeat_s=0.02, silence_s=1.0)) as (_, running):
        assert "nothing was heard" in await running

    assert set(wire.bodies()) == {"heartbeat"}


async def test_retire() -> None:
    """A connection that is replaced finishes what is under way, then ends."""
    wire = MemoryWire()
    fates: list[bool] = []
    async with connected(wire) as (connection, running), asyncio.TaskGroup() as tasks:
        connection.send_data(data(1), fates.append)
        await eventually(lambda: bool(wire.sent))
        retiring = tasks.create_task(connection.retire(5))
        wire.incoming.put_nowait(pb.GatewayFrame(data_ack=pb.DataAck(through=1)))
        await retiring
        assert connection.closed
        assert await running == "ended by us"

    assert fates == [True]


async def test_retire_is_bounded() -> None:
    """What does not finish in time is given up."""
    wire = MemoryWire()
    fates: list[bool] = []
    async with connected(wire) as (connection, _):
        connection.send_data(data(1), fates.append)
        await connection.retire(0.05)

    assert fates == [False]


async def test_drain() -> None:
    """Asked to drain, the connection wants a successor and still carries what it is given."""
    wire = MemoryWire()
    async with connected(wire) as (connection, _):
        wire.incoming.put_nowait(pb.GatewayFrame(drain=pb.Drain(reason="age")))
        await connection.wait_leaving()
        assert connection.leaving
        assert not connection.closed
        assert not await connection.wait_room()
        connection.post(pb.AgentFrame(resource_states=pb.ResourceStates()))
        await eventually(lambda: wire.bodies() == ["resource_states"])
