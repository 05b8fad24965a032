"""The pump between log and link, over doubles of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY
from tests.support.bridge_doubles import MemoryBatch, MemoryLog, MemoryWire, ScriptedDialler
from tests.support.services import eventually
from tests.unit.bridge.flows.test_uplink import greeting, kept

from fairlead.bridge.flows import clean_log
from fairlead.bridge.flows.clean_log import CleanLogPump
from fairlead.bridge.ports import Wire
from fairlead.contracts.v1 import link_pb2 as pb


@asynccontextmanager
async def pumping(log: MemoryLog, *wires: MemoryWire) -> AsyncIterator[CleanLogPump]:
    """A pump between a log and the given connections, one after the other."""

    def give(wire: MemoryWire) -> Wire:
        return wire

    dialler = ScriptedDialler(*(lambda wire=wire: give(wire) for wire in wires))
    async with kept(dialler) as uplink, asyncio.TaskGroup() as tasks:
        pump = CleanLogPump(log, uplink, extend_s=0.05)
        running = [tasks.create_task(work) for work in (pump.run(), pump.settle(), pump.extend())]
        try:
            yield pump
        finally:
            for task in running:
                task.cancel()


def batches(log: MemoryLog, count: int) -> list[MemoryBatch]:
    """Put batches into the log."""
    made = [MemoryBatch(number, b"%d" % number) for number in range(1, count + 1)]
    for batch in made:
        log.queue.put_nowait(batch)
    return made


async def test_committed_when_acknowledged() -> None:
    """A batch is told to be under way until the gateway has it, then the log forgets it."""
    log, wire = MemoryLog(), greeting()
    (batch,) = batches(log, 1)
    async with pumping(log, wire) as pump:
        await eventually(lambda: wire.bodies() == ["hello", "data_batch"])
        assert wire.sent[1].data_batch.stream_sequence == 1
        assert wire.sent[1].data_batch.envelope == b"1"
        await eventually(lambda: batch.extensions >= 2)
        assert not batch.fate
        wire.incoming.put_nowait(pb.GatewayFrame(data_ack=pb.DataAck(through=1)))
        await eventually(lambda: batch.fate == "committed")
        assert pump.not_ready() is None


async def test_released_when_the_link_goes_down() -> None:
    """What was not acknowledged is given back to the log."""
    log, first, second = MemoryLog(), greeting(), greeting()
    made = batches(log, 2)
    async with pumping(log, first, second):
        await eventually(lambda: first.bodies().count("data_batch") == 2)
        first.incoming.put_nowait(None)
        await eventually(lambda: [batch.fate for batch in made] == ["released", "released"])


async def test_a_log_that_is_gone_is_made_anew() -> None:
    """The pump makes the log when it starts and whenever it is gone, however long that takes."""
    log, wire = MemoryLog(), greeting()
    log.can_be_made = False
    async with pumping(log, wire) as pump:
        await eventually(lambda: pump.not_ready() == "JetStream is off")
        log.can_be_made = True
        await eventually(lambda: pump.not_ready() is None)
        log.there = False
        batches(log, 1)
        await eventually(lambda: "data_batch" in wire.bodies())


async def test_a_log_that_can_be_made_and_not_read_is_asked_in_peace() -> None:
    """However a log fails, its server is not asked without a pause."""
    log, wire = MemoryLog(), greeting()
    log.can_be_read = False
    async with pumping(log, wire):
        await eventually(lambda: log.takes >= 2)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert log.takes < 50  # without a pause it were hundreds
        log.can_be_read = True
        batches(log, 1)
        await eventually(lambda: "data_batch" in wire.bodies())


async def test_nothing_is_taken_without_a_link() -> None:
    """Batches stay in the log until somebody can take them."""
    log, wire = MemoryLog(), MemoryWire()  # no Welcome comes
    batches(log, 1)
    async with pumping(log, wire):
        await eventually(lambda: log.there)
        await eventually(lambda: wire.bodies() == ["hello"])
        assert log.takes == 0
        wire.incoming.put_nowait(pb.GatewayFrame(welcome=pb.Welcome(protocol_version=1)))
        await eventually(lambda: "data_batch" in wire.bodies())


async def test_flush() -> None:
    """At the end what is known is settled, the rest given back, and the log closed."""
    log, wire = MemoryLog(), greeting()
    (batch,) = batches(log, 1)
    async with pumping(log, wire) as pump:
        await eventually(lambda: "data_batch" in wire.bodies())
        await pump.flush()

    assert batch.fate == "released"
    assert log.closed


async def test_the_log_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again, also after a time when nobody could tell."""
    monkeypatch.setattr(clean_log, "MEASURE_S", 0.001)
    log = MemoryLog()
    async with pumping(log, greeting()) as pump, asyncio.TaskGroup() as tasks:
        await eventually(lambda: log.there)
        log.can_be_read = False
        measuring = tasks.create_task(pump.measure())
        await asyncio.sleep(0)
        log.can_be_read = True
        await eventually(lambda: REGISTRY.get_sample_value("fairlead_bridge_log_bytes") == 70)
        measuring.cancel()

    assert REGISTRY.get_sample_value("fairlead_bridge_log_limit_bytes") == 700
    assert REGISTRY.get_sample_value("fairlead_bridge_log_unsettled_batches") == 1
