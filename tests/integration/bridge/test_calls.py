"""Calls up, notices and operations down."""

from __future__ import annotations

import asyncio

import pytest
from tests.integration.bridge.conftest import MakeZone, Zone
from tests.support.gateway_double import GatewayDouble
from tests.support.services import eventually

from fairlead.contracts.operations import CHUNK_BYTES
from fairlead.contracts.streams import CLAIMS
from fairlead.contracts.subjects import (
    CALL_CLAIM,
    CALL_DOCUMENT,
    CALL_REPORT,
    CALL_SESSION,
    CALL_STATES,
    CALL_VERSIONS,
    CANCEL,
    operation_subject,
)
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime.bus import Message

CALLS = {
    CALL_CLAIM: pb.AgentFrame(claim_accounts=pb.ClaimAccounts()),
    CALL_SESSION: pb.AgentFrame(open_session=pb.OpenSession(account="a")),
    CALL_VERSIONS: pb.AgentFrame(stored_versions_request=pb.StoredVersionsRequest(session="s")),
    CALL_STATES: pb.AgentFrame(resource_states=pb.ResourceStates()),
    CALL_DOCUMENT: pb.AgentFrame(document=pb.Document(account="a", content=b"x")),
    CALL_REPORT: pb.AgentFrame(operation_report=pb.OperationReport(id="op")),
}


@pytest.mark.parametrize("subject", CALLS)
async def test_each_call_is_answered(zone: Zone, subject: str) -> None:
    """A call travels with a number of the bridge's, and its answer comes back with the caller's."""
    frame = pb.AgentFrame(call=777)
    frame.MergeFrom(CALLS[subject])

    answer = await zone.call(subject, frame)

    assert answer.HasField("done")
    assert answer.call == 777


async def test_answers_find_their_callers(zone: Zone) -> None:
    """Many calls at once, answered in another order than asked."""
    held: list[pb.AgentFrame] = []

    def hold(frame: pb.AgentFrame) -> pb.GatewayFrame | None:
        held.append(frame)
        return None

    zone.gateway.answer = hold
    async with asyncio.TaskGroup() as tasks:
        asked = {
            name: tasks.create_task(zone.call(CALL_SESSION, pb.AgentFrame(open_session=pb.OpenSession(account=name))))
            for name in "abcdef"
        }
        await eventually(lambda: len(held) == len(asked))
        for frame in reversed(held):
            opened = pb.SessionOpened(session=f"session of {frame.open_session.account}")
            zone.gateway.last.send(pb.GatewayFrame(call=frame.call, session_opened=opened))

    assert {name: task.result().session_opened.session for name, task in asked.items()} == {
        name: f"session of {name}" for name in asked
    }


async def test_a_wrong_body_is_refused(zone: Zone) -> None:
    """Each subject takes its own message, so that the bus's permissions mean something."""
    wrong = await zone.call(CALL_STATES, CALLS[CALL_REPORT])
    garbage = pb.GatewayFrame.FromString(await zone.bus.request(CALL_STATES, b"\xff\xff", timeout_s=5))

    assert wrong.call_failed.code == garbage.call_failed.code == pb.CallFailed.CODE_INVALID
    assert not zone.gateway.last.of_kind("operation_report")


async def test_without_a_link_calls_fail_at_once(zone_of: MakeZone) -> None:
    """Nobody waits for a link that is down."""
    gateway = GatewayDouble()
    async with gateway.listening():
        pass
    async with zone_of(gateway) as zone, asyncio.timeout(2):
        answer = await zone.call(CALL_STATES, CALLS[CALL_STATES])

    assert answer.call_failed.code == pb.CallFailed.CODE_UNAVAILABLE
    assert answer.call_failed.retry_after_ms > 0


async def test_a_call_whose_link_is_cut(zone: Zone) -> None:
    """Whoever waits for an answer is told when the link goes down."""
    zone.gateway.answer = lambda _: None
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(zone.call(CALL_STATES, CALLS[CALL_STATES]))
        await eventually(lambda: bool(zone.gateway.last.of_kind("resource_states")))
        zone.gateway.last.end()

    assert asked.result().call_failed.code == pb.CallFailed.CODE_UNAVAILABLE


async def test_a_gateway_that_does_not_answer(zone_of: MakeZone) -> None:
    """A call ends by itself."""
    gateway = GatewayDouble(answer=lambda _: None)
    async with gateway.listening(), zone_of(gateway, bridge={"callTimeoutSeconds": 0.2}) as zone:
        await zone.wait_ready()
        answer = await zone.call(CALL_STATES, CALLS[CALL_STATES])

    assert answer.call_failed.code == pb.CallFailed.CODE_UNAVAILABLE
    assert "did not answer" in answer.call_failed.message


async def test_documents_share_the_numbering_of_data(zone: Zone) -> None:
    """A piece of a document is done when the gateway has committed it."""
    zone.gateway.acknowledges = False
    await zone.append(b"batch")
    await eventually(lambda: len(zone.gateway.last.data) == 1)
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(zone.call(CALL_DOCUMENT, CALLS[CALL_DOCUMENT]))
        await eventually(lambda: len(zone.gateway.last.data) == 2)
        assert not asked.done()
        zone.gateway.last.acknowledge(2)

    assert asked.result().HasField("done")
    assert [data.id for data in zone.gateway.last.data] == [1, 2]


async def test_notices(zone: Zone) -> None:
    """Closed sessions and repair requests reach the watchers."""
    zone.gateway.last.send(pb.GatewayFrame(session_closed=pb.SessionClosed(session="s", reason="gap")))
    zone.gateway.last.send(pb.GatewayFrame(repair_request=pb.RepairRequest(session="s", relist=True)))

    await eventually(lambda: len(zone.notices) >= 3)
    assert [notice.WhichOneof("body") for notice in zone.notices] == ["link_state", "session_closed", "repair_request"]


async def test_operations_come_whole(zone: Zone) -> None:
    """Chunks become one request to an executor of the account, with the trace it came with."""
    taken: list[pb.GatewayFrame] = []

    async def take(message: Message) -> None:
        taken.append(pb.GatewayFrame.FromString(message.data))
        await message.respond(b"")

    await zone.bus.subscribe(operation_subject("shop"), take)
    body = b"x" * (3 * CHUNK_BYTES + 5)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for number in range(4):
        piece = body[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]
        operation = pb.Operation(
            id="op", account="shop", attempt=2, chunk=number, last=number == 3, request=piece, first_incarnation="i"
        )
        zone.gateway.last.send(pb.GatewayFrame(traceparent=trace, operation=operation))
    await eventually(lambda: bool(taken))

    operation = taken[0].operation
    assert operation.request == body
    assert (operation.id, operation.attempt, operation.first_incarnation, operation.last) == ("op", 2, "i", True)
    assert taken[0].traceparent.split("-")[1] == trace.split("-")[1]
    assert not zone.gateway.last.of_kind("operation_report")


async def test_no_executor(zone: Zone) -> None:
    """An operation for an account that nobody serves is reported as not run."""
    operation = pb.Operation(id="op", account="nobody", attempt=3, last=True, request=b"{}")
    zone.gateway.last.send(pb.GatewayFrame(operation=operation))
    await eventually(lambda: bool(zone.gateway.last.of_kind("operation_report")))

    report = zone.gateway.last.of_kind("operation_report")[0].operation_report
    assert (report.id, report.account, report.attempt) == ("op", "nobody", 3)
    assert report.state == pb.OperationReport.STATE_NO_EXECUTOR


async def test_an_executor_that_does_not_take(zone_of: MakeZone) -> None:
    """Silence is not reported: the gateway sends the operation again, and the link goes on."""
    gateway = GatewayDouble()
    async with gateway.listening(), zone_of(gateway, bridge={"operationTimeoutSeconds": 0.2}) as zone:
        await zone.wait_ready()
        arrived = asyncio.Event()

        async def ignore(_: Message) -> None:
            arrived.set()

        await zone.bus.subscribe(operation_subject("shop"), ignore)
        gateway.last.send(pb.GatewayFrame(operation=pb.Operation(id="op", account="shop", last=True)))
        await asyncio.wait_for(arrived.wait(), 5)

        assert (await zone.call(CALL_STATES, CALLS[CALL_STATES])).HasField("done")
        assert not gateway.last.of_kind("operation_report")


async def test_cancellation(zone: Zone) -> None:
    """A cancellation reaches the executors."""
    told: list[bytes] = []

    async def note(message: Message) -> None:
        told.append(message.data)

    await zone.bus.subscribe(CANCEL, note)
    zone.gateway.last.send(pb.GatewayFrame(cancel_operation=pb.CancelOperation(id="op", account="shop")))

    await eventually(lambda: bool(told))
    assert pb.GatewayFrame.FromString(told[0]).cancel_operation.id == "op"


async def test_the_claims_incarnation(zone_of: MakeZone) -> None:
    """Hello and heartbeats tell when the claims' bucket was created; empty while there is none."""
    gateway = GatewayDouble()
    async with (
        gateway.listening(),
        zone_of(gateway, clouddriver={"keepAliveHeartbeatSeconds": 0.1}) as zone,
    ):
        await zone.wait_ready()
        assert not gateway.last.hello.claims_incarnation
        await zone.bus.jetstream.create_key_value(bucket=CLAIMS.name)
        created = await zone.bus.stream_created(f"KV_{CLAIMS.name}")

        def beaten() -> bool:
            beats = gateway.last.of_kind("heartbeat")
            return bool(beats) and beats[-1].heartbeat.claims_incarnation == created

        await eventually(beaten)
        gateway.last.end()
        await eventually(lambda: len(gateway.connections) == 2)
        assert gateway.last.hello.claims_incarnation == created
