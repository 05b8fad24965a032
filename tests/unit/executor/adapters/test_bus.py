"""Operations off the bus, and questions among executors, on a real nats-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.executor_doubles import ACCOUNT
from tests.support.services import eventually

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.contracts.subjects import CANCEL, executor_subject, operation_subject
from fairlead.contracts.v1.link_pb2 import CancelOperation, Done, GatewayFrame, Operation
from fairlead.executor.adapters import bus as adapter
from fairlead.executor.adapters.bus import BusPeers, OperationFeed, answer_questions, decode_job, hear_cancellations
from fairlead.executor.core.claims import Owner
from fairlead.executor.core.job import Job
from fairlead.runtime.bus import Bus, BusUnavailable, Message, NoResponder, connect
from fairlead.runtime.sections import NatsSettings

OPERATION = Operation(id="01JZ", account=ACCOUNT, attempt=2, first_incarnation="then", last=True, request=b"{}")


def frame(operation: Operation) -> bytes:
    """Wrap an operation as the bridge does."""
    return GatewayFrame(traceparent="00-a", operation=operation).SerializeToString()


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection."""
    async with connect(NatsSettings(url=nats_server.url), "test") as bus:
        yield bus


def test_decoding() -> None:
    """A whole operation becomes a job; a part of one, another frame, and noise are none."""
    assert decode_job(frame(OPERATION)) == Job("01JZ", ACCOUNT, 2, "then", b"{}", "00-a")

    part = Operation()
    part.CopyFrom(OPERATION)
    part.last = False
    assert decode_job(frame(part)) is None
    assert decode_job(GatewayFrame(done=Done()).SerializeToString()) is None
    assert decode_job(b"\xff") is None


async def test_only_what_is_taken_is_answered(bus: Bus) -> None:
    """An accepted operation gets an empty reply, one without room none, and after the close nobody is there."""
    taken: list[Job] = []

    def accept(job: Job) -> bool:
        taken.append(job)
        return job.attempt == 2

    feed = OperationFeed(bus, accept)
    await feed.open([ACCOUNT, "other"])
    subject = operation_subject(ACCOUNT)
    assert await bus.request(subject, frame(OPERATION), timeout_s=5) == b""

    full = Operation()
    full.CopyFrom(OPERATION)
    full.attempt = 3
    with pytest.raises(BusUnavailable):
        await bus.request(subject, frame(full), timeout_s=0.2)
    with pytest.raises(BusUnavailable):
        await bus.request(operation_subject("other"), frame(OPERATION), timeout_s=0.2)
    await eventually(lambda: [job.attempt for job in taken] == [2, 3])

    await feed.close()
    with pytest.raises(NoResponder):
        await bus.request(subject, frame(OPERATION), timeout_s=5)


async def test_cancellations_are_heard(bus: Bus) -> None:
    """Ids are passed on; noise is not."""
    heard: list[str] = []
    await hear_cancellations(bus, heard.append)
    await bus.publish(CANCEL, b"\xff")
    await bus.publish(CANCEL, GatewayFrame(cancel_operation=CancelOperation(id="01JZ")).SerializeToString())

    await eventually(lambda: heard == ["01JZ"])


async def test_questions_among_executors(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are passed on; nobody there is lost, after some patience; silence of somebody there is running."""
    monkeypatch.setattr(adapter, "ASK_PAUSE_S", 0.01)
    monkeypatch.setattr(adapter, "ASK_TIMEOUT_S", 30)
    answers = {("01A", "r"): Owner.RUNNING, ("01B", "r"): Owner.UNTOUCHED}
    await answer_questions(bus, "host.a-1", lambda name, run: answers.get((name, run), Owner.LOST))
    peers = BusPeers(bus)

    assert await peers.ask("host.a-1", "01A", "r") is Owner.RUNNING
    assert await peers.ask("host.a-1", "01B", "r") is Owner.UNTOUCHED
    assert await peers.ask("host.a-1", "01A", "another") is Owner.LOST
    assert await peers.ask("host.a-2", "01A", "r") is Owner.LOST

    async def silent(_: Message) -> None:
        await asyncio.sleep(0)

    await bus.subscribe(executor_subject("mute"), silent)
    monkeypatch.setattr(adapter, "ASK_TIMEOUT_S", 0.2)
    assert await peers.ask("mute", "01A", "r") is Owner.RUNNING
