"""Reports as messages, and their way over the bus."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.executor_doubles import CONFIG_MAP, job

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.contracts.operations import CHUNK_BYTES
from fairlead.contracts.subjects import CALL_REPORT
from fairlead.contracts.v1.link_pb2 import AgentFrame, CallFailed, Done, GatewayFrame, OperationReport
from fairlead.executor.adapters.reports import BusReports, encode_report
from fairlead.executor.core.outcome import Outcome, Verdict
from fairlead.executor.errors import Undelivered
from fairlead.executor.ports import Report, Stage
from fairlead.runtime.bus import Bus, Message, connect
from fairlead.runtime.sections import NatsSettings

DONE = GatewayFrame(done=Done())
AWAY = GatewayFrame(call_failed=CallFailed(code=CallFailed.CODE_UNAVAILABLE, message="the link is down"))
REFUSED = GatewayFrame(call_failed=CallFailed(code=CallFailed.CODE_REFUSED, message="not granted"))
OUTCOME = Outcome(Verdict.SUCCEEDED, 200, "", "m", CONFIG_MAP, "sea", "cargo", "u", "7")
ENDED = Report(job(2), Stage.ENDED, OUTCOME, 5, 9)


def test_a_report_tells_everything() -> None:
    """One without a body is one message."""
    (message,) = encode_report(ENDED)

    assert (message.id, message.account, message.attempt) == ("01JZ", "shore", 2)
    assert (message.state, message.code, message.message) == (OperationReport.STATE_SUCCEEDED, 200, "m")
    assert (message.resource.plural, message.namespace, message.name) == ("configmaps", "sea", "cargo")
    assert (message.uid, message.version, message.started_unix_ms, message.finished_unix_ms) == ("u", "7", 5, 9)
    assert (message.chunk, message.last, message.body) == (0, True, b"")


def test_claimed_and_the_verdicts() -> None:
    """Each has its state."""
    assert [message.state for message in encode_report(Report(job(), Stage.CLAIMED))] == [OperationReport.STATE_CLAIMED]
    for verdict in Verdict:
        (message,) = encode_report(Report(job(), Stage.ENDED, Outcome(verdict)))
        assert OperationReport.State.Name(message.state) == f"STATE_{verdict.name}"


@pytest.mark.parametrize(
    ("size_bytes", "count"), [(1, 1), (CHUNK_BYTES, 1), (CHUNK_BYTES + 1, 2), (3 * CHUNK_BYTES, 3)]
)
def test_bodies_are_cut(size_bytes: int, count: int) -> None:
    """Chunks are numbered from 0, and together are the body."""
    body = bytes(range(256)) * (size_bytes // 256 + 1)
    outcome = Outcome(Verdict.SUCCEEDED, 200, body=body[:size_bytes])
    messages = list(encode_report(Report(job(), Stage.ENDED, outcome)))

    assert [message.chunk for message in messages] == list(range(count))
    assert [message.last for message in messages] == [False] * (count - 1) + [True]
    assert b"".join(message.body for message in messages) == outcome.body


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection."""
    async with connect(NatsSettings(url=nats_server.url), "test") as bus:
        yield bus


async def bridge(bus: Bus, *answers: GatewayFrame) -> list[OperationReport]:
    """Answer reports in turn; gives back what came."""
    left, came = list(answers), []

    async def answer(message: Message) -> None:
        came.append(AgentFrame.FromString(message.data).operation_report)
        await message.respond(left.pop(0).SerializeToString())

    await bus.subscribe(CALL_REPORT, answer)
    return came


async def test_a_link_that_is_down_is_tried_again(bus: Bus) -> None:
    """Until it takes the report, a bounded number of times."""
    came = await bridge(bus, AWAY, AWAY, DONE, AWAY, AWAY, AWAY)
    reports = BusReports(bus, max_retries=2, backoff_s=0.001)

    await reports.tell(ENDED)
    assert len(came) == 3
    with pytest.raises(Undelivered, match="the link is down"):
        await reports.tell(ENDED)


async def test_a_refusal_is_final(bus: Bus) -> None:
    """Trying again is of no use."""
    came = await bridge(bus, REFUSED)

    with pytest.raises(Undelivered, match="not granted"):
        await BusReports(bus, max_retries=2, backoff_s=0.001).tell(ENDED)
    assert len(came) == 1


async def test_no_bridge(bus: Bus) -> None:
    """Nobody there is as a link that is down."""
    with pytest.raises(Undelivered, match="nobody serves"):
        await BusReports(bus, max_retries=1, backoff_s=0.001).tell(ENDED)
