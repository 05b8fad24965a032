"""What comes from the gateway unasked, and calls that cannot be made; the rest is tested on a real bus."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.support.bridge_doubles import MemoryWire, MemoryZone, ScriptedDialler
from tests.support.services import eventually
from tests.unit.bridge.flows.test_uplink import greeting, kept

from fairlead.bridge.flows.connection import Connection, Timing
from fairlead.bridge.flows.relay import CallRelay, Delivery
from fairlead.contracts.link import FRAME_LIMIT_BYTES
from fairlead.contracts.subjects import CALL_DOCUMENT, CALL_REPORT, CALL_STATES
from fairlead.contracts.v1 import link_pb2 as pb


async def beat() -> pb.Heartbeat:
    """No heartbeat is due in these tests."""
    return pb.Heartbeat()


def connection(number: int, wire: MemoryWire, delivery: Delivery) -> Connection:
    """A connection that is not run: what is posted stays in its lanes."""
    return Connection(
        number=number, wire=wire, welcome=pb.Welcome(), timing=Timing(), beat=beat, deliver=delivery.deliver
    )


def posted(source: Connection) -> pb.AgentFrame | None:
    """The next frame that would be written."""
    return source._lanes.next()


class Tasks:
    """Starts tasks and waits for them."""

    def __init__(self) -> None:
        self.works: list[Coroutine[Any, Any, None]] = []

    def spawn(self, _: str, work: Coroutine[Any, Any, None]) -> None:
        """Keep the work for later."""
        self.works.append(work)

    async def run(self) -> None:
        """Do what was kept."""
        works, self.works = self.works, []
        for work in works:
            await work


def operation(number: int = 0, *, last: bool = True) -> pb.GatewayFrame:
    """A chunk of an operation."""
    return pb.GatewayFrame(operation=pb.Operation(id="op", account="a", attempt=1, chunk=number, last=last))


async def test_operations_are_bounded() -> None:
    """Operations over the limit are dropped, for the gateway sends them again; room comes back."""
    zone, tasks = MemoryZone(), Tasks()
    delivery = Delivery(zone, tasks.spawn, operations_max=2, zone_id="north")
    source = connection(1, MemoryWire(), delivery)
    for _ in range(3):
        await delivery.deliver(source, operation())
    assert len(tasks.works) == 2
    await tasks.run()
    assert len(zone.operations) == 2

    await delivery.deliver(source, operation())
    assert len(tasks.works) == 1
    await tasks.run()


async def test_chunks_do_not_continue_on_another_connection() -> None:
    """The rest of an operation that began on a former connection is dropped."""
    zone, tasks = MemoryZone(), Tasks()
    delivery = Delivery(zone, tasks.spawn, operations_max=2, zone_id="north")
    await delivery.deliver(connection(1, MemoryWire(), delivery), operation(last=False))
    await delivery.deliver(connection(2, MemoryWire(), delivery), operation(1))

    assert not tasks.works


async def test_no_executor_is_reported() -> None:
    """An operation that nobody takes is reported; one that nobody answered for is not."""
    zone, tasks = MemoryZone(), Tasks()
    delivery = Delivery(zone, tasks.spawn, operations_max=2, zone_id="north")
    source = connection(1, MemoryWire(), delivery)
    zone.executors = False
    await delivery.deliver(source, operation())
    await tasks.run()
    report = posted(source)
    assert report is not None
    assert report.operation_report.state == pb.OperationReport.STATE_NO_EXECUTOR

    zone.away = True
    await delivery.deliver(source, operation())
    await tasks.run()
    assert posted(source) is None


async def test_notices_without_a_bus() -> None:
    """A notice that cannot be published is lost, and nothing else with it."""
    zone = MemoryZone()
    delivery = Delivery(zone, Tasks().spawn, operations_max=2, zone_id="north")
    source = connection(1, MemoryWire(), delivery)
    zone.away = True
    await delivery.deliver(source, pb.GatewayFrame(session_closed=pb.SessionClosed(session="s")))
    zone.away = False
    await delivery.deliver(source, pb.GatewayFrame(cancel_operation=pb.CancelOperation(id="op")))

    assert not zone.notices
    assert len(zone.cancelled) == 1


async def test_frames_over_the_limit_are_the_callers_fault() -> None:
    """A call that no frame can carry is refused instead of ending the link."""
    report = pb.OperationReport(id="op", body=b"x" * (FRAME_LIMIT_BYTES + 1))
    wire = greeting()
    async with kept(ScriptedDialler(lambda: wire)) as uplink:
        await uplink.wait_connection()
        relay = CallRelay(uplink, call_timeout_s=1, document_timeout_s=1)
        data = pb.AgentFrame(operation_report=report).SerializeToString()
        answer = pb.GatewayFrame.FromString(await relay.answer(CALL_REPORT, data))

    assert answer.call_failed.code == pb.CallFailed.CODE_INVALID
    assert wire.bodies() == ["hello"]


@pytest.mark.parametrize(("cut", "told"), [(False, "did not store"), (True, "went down")])
async def test_documents_that_are_not_stored(*, cut: bool, told: str) -> None:
    """A document that the gateway does not commit, for time or for the link, is to be sent again."""
    wires = [greeting(), greeting()]
    async with kept(ScriptedDialler(lambda: wires[0], lambda: wires[1])) as uplink, asyncio.TaskGroup() as tasks:
        await uplink.wait_connection()
        relay = CallRelay(uplink, call_timeout_s=1, document_timeout_s=10 if cut else 0.2)
        data = pb.AgentFrame(document=pb.Document(account="a")).SerializeToString()
        asked = tasks.create_task(relay.answer(CALL_DOCUMENT, data))
        await eventually(lambda: "document" in wires[0].bodies())
        if cut:
            wires[0].incoming.put_nowait(None)
        answer = pb.GatewayFrame.FromString(await asked)

    assert answer.call_failed.code == pb.CallFailed.CODE_UNAVAILABLE
    assert told in answer.call_failed.message


async def test_no_link() -> None:
    """Without a connection a call is answered at once."""
    async with kept(ScriptedDialler(MemoryWire)) as uplink:
        relay = CallRelay(uplink, call_timeout_s=1, document_timeout_s=1)
        data = pb.AgentFrame(call=5, resource_states=pb.ResourceStates()).SerializeToString()
        answer = pb.GatewayFrame.FromString(await relay.answer(CALL_STATES, data))

    assert (answer.call, answer.call_failed.code) == (5, pb.CallFailed.CODE_UNAVAILABLE)
