"""Operations over stores in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import AsyncMock

import pytest
from tests.support.gateway_doubles import KnownAgents, MemoryOperations, Outage, QueuedNotices, RememberingLink
from tests.support.services import eventually

from fairlead.contracts.operations import InvalidRequest, OperationRequest, decode_request
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.operations import State, Timing
from fairlead.gateway.errors import DatabaseUnavailable, UnknownAccount
from fairlead.gateway.flows.operations import BodyIncomplete, Operations, parse_id
from fairlead.gateway.ports.operations import Notice
from fairlead.runtime.errors import PermanentError

Report = pb.OperationReport
REQUEST = decode_request(
    json.dumps({"account": "shop", "kind": "get", "target": {"kind": "Pod", "name": "web"}}).encode()
)


def _flow() -> tuple[Operations, MemoryOperations, RememberingLink]:
    store, link = MemoryOperations(), RememberingLink()
    return Operations(store, KnownAgents({"shop": link}), QueuedNotices(), Timing()), store, link


async def _submit(flow: Operations, request: OperationRequest = REQUEST, deadline_s: float | None = None) -> str:
    submitted = await flow.submit(request, operation_id="", caller="caller", deadline_s=deadline_s)
    return submitted.operation.id


@asynccontextmanager
async def _at_work(flow: Operations) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(flow.dispatch()), group.create_task(flow.listen())]
        yield
        for task in tasks:
            task.cancel()


def _report(identity: str, state: Report.State, **more: object) -> Report:
    return Report(**({"id": identity, "account": "shop", "attempt": 1, "state": state, "last": True} | more))  # type: ignore[arg-type]


async def test_an_account_that_nobody_claimed() -> None:
    """Is told at once; one that is connected need not be looked up, and one that was connected once may wait."""
    flow, store, _ = _flow()
    store.strangers = {"shop", "shed"}
    await _submit(flow)
    stranger = decode_request(b'{"account": "shed", "kind": "get", "target": {"kind": "Pod", "name": "web"}}')
    with pytest.raises(UnknownAccount, match="shed"):
        await _submit(flow, stranger)
    assert len(store.operations) == 1
    store.strangers.clear()
    await _submit(flow, stranger)
    assert len(store.operations) == 2


async def test_submit_then_send_then_result() -> None:
    """A stored operation goes to the account's agent at once, and its result reaches whoever waits."""
    flow, _, link = _flow()
    async with _at_work(flow):
        identity = await _submit(flow)
        await eventually(lambda: bool(link.sent))
        assert (link.sent[0].id, link.sent[0].attempt, link.sent[0].first_incarnation) == (identity, 1, "bucket-1")
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(flow.wait(identity, 10))
            await flow.report(_report(identity, Report.STATE_SUCCEEDED, code=200, body=b"{}"))
        ended = waiting.result()
        assert ended is not None
        assert ended.state is State.SUCCEEDED
        assert await flow.result(identity) == b"{}"


async def test_wait_ends_in_time() -> None:
    """A wait for what does not end returns the operation as it stands."""
    flow, _, _ = _flow()
    operation = await flow.wait(await _submit(flow), 0.05)
    assert operation is not None
    assert operation.state is State.PENDING
    assert await flow.wait("unknown", 1) is None


async def test_only_agents_with_room_are_given_operations() -> None:
    """An agent that takes nothing now leaves the operation pending; it goes out once there is room."""
    flow, store, link = _flow()
    link.takes_operations = False
    async with _at_work(flow):
        identity = await _submit(flow)
        await flow.wait(identity, 0.1)
        assert store.operations[identity].state is State.PENDING
        link.takes_operations = True
        await eventually(lambda: bool(link.sent))


async def test_declined_operations_are_tried_again() -> None:
    """An agent without an executor: the operation is pending again, after a pause."""
    flow, store, link = _flow()
    async with _at_work(flow):
        identity = await _submit(flow)
        await eventually(lambda: len(link.sent) == 1)
        await flow.report(_report(identity, Report.STATE_NO_EXECUTOR))
        await eventually(lambda: len(link.sent) == 2)
        assert store.declined_after_s == [Timing().no_executor_s]


async def test_deadline() -> None:
    """Nobody took it before its deadline: it expires."""
    flow, store, link = _flow()
    link.takes_operations = False
    async with _at_work(flow):
        identity = await _submit(flow, deadline_s=0.01)
        await eventually(lambda: store.operations[identity].state is State.EXPIRED)


async def test_a_deadline_while_another_gateway_takes_it() -> None:
    """What was sent in the last moment is not told to have expired: it may run."""
    flow, store, link = _flow()
    link.takes_operations = False
    identity = await _submit(flow, deadline_s=0.0)
    seen = await store.overdue()
    await store.take("shop", link="another", agent="agent-0", incarnation="bucket-1", limit=1)
    store.overdue = AsyncMock(return_value=seen)  # type: ignore[method-assign]
    async with _at_work(flow):
        await eventually(lambda: store.overdue.await_count > 1)  # type: ignore[attr-defined]
        assert store.operations[identity].state is State.SENT


async def test_a_report_is_answered_only_once_stored() -> None:
    """While the database is away a report fails; repeated with its last chunk alone it counts, body and all."""
    flow, store, _ = _flow()
    identity = await _submit(flow)
    await flow.report(_report(identity, Report.STATE_SUCCEEDED, chunk=0, last=False, body=b"[1,"))
    store.outage.away = True
    with pytest.raises(DatabaseUnavailable):
        await flow.report(_report(identity, Report.STATE_SUCCEEDED, chunk=1, body=b"2]"))
    store.outage = Outage()
    await flow.report(_report(identity, Report.STATE_SUCCEEDED, chunk=1, body=b"2]"))
    assert store.operations[identity].state is State.SUCCEEDED
    assert store.results[identity] == b"[1,2]"


async def test_bodies_of_two_attempts_do_not_mix() -> None:
    """A body begins anew with each attempt; the end of one is not the end of another."""
    flow, store, _ = _flow()
    identity = await _submit(flow)
    await flow.report(_report(identity, Report.STATE_SUCCEEDED, chunk=0, last=False, body=b"old"))
    with pytest.raises(BodyIncomplete):
        await flow.report(_report(identity, Report.STATE_SUCCEEDED, attempt=2, chunk=1, body=b"new"))
    assert store.operations[identity].state is State.PENDING


async def test_unknown_states_are_refused() -> None:
    """A state of a newer release is told to be one, not taken for anything else."""
    flow, _, _ = _flow()
    with pytest.raises(PermanentError, match="upgrade"):
        await flow.report(_report(await _submit(flow), Report.STATE_UNSPECIFIED))


async def test_cancel() -> None:
    """Unsent ends at once; for the rest every gateway is told, and the one with the agent asks it."""
    flow, store, link = _flow()
    link.takes_operations = False
    identity = await _submit(flow)
    assert (await flow.cancel(store.operations[identity])).state is State.FAILED
    assert (await flow.cancel(store.operations[identity])).state is State.FAILED
    link.takes_operations = True
    async with _at_work(flow):
        identity = await _submit(flow)
        await eventually(lambda: bool(link.sent))
        await flow.cancel(store.operations[identity])
        assert store.cancelled == [identity]
        assert isinstance(flow.notices, QueuedNotices)
        flow.notices.queue.put_nowait(Notice("cancel", identity))
        await eventually(lambda: link.cancelled == [identity])


async def test_a_cancellation_outlives_a_lost_agent() -> None:
    """It goes out again before each resend; what turns out to have found no executor ends, and is not sent again."""
    flow, store, link = _flow()
    async with _at_work(flow):
        identity = await _submit(flow)
        await eventually(lambda: len(link.sent) == 1)
        await flow.cancel(store.operations[identity])
        await flow.link_lost(link.id)
        await eventually(lambda: len(link.sent) == 2)
        assert link.cancelled == [identity]
        await flow.report(_report(identity, Report.STATE_NO_EXECUTOR))
        await eventually(lambda: store.operations[identity].final)
    ended = store.operations[identity].outcome
    assert ended is not None
    assert (ended.reason, len(link.sent)) == ("Cancelled", 2)


async def test_hints_of_other_gateways() -> None:
    """What another gateway stored is sent here at a hint; what it ended wakes who waits here."""
    flow, store, link = _flow()
    other = Operations(store, KnownAgents(), QueuedNotices(), Timing())
    assert isinstance(flow.notices, QueuedNotices)
    async with _at_work(flow):
        identity = await _submit(other)
        flow.notices.queue.put_nowait(Notice("due", "shop"))
        await eventually(lambda: bool(link.sent))
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(flow.wait(identity, 10))
            await other.report(_report(identity, Report.STATE_FAILED, code=404))
            flow.notices.queue.put_nowait(Notice("ended", identity))
        ended = waiting.result()
        assert ended is not None
        assert ended.state is State.FAILED


async def test_a_returning_agent_is_asked_again() -> None:
    """What was given to another link is due when its account is claimed on a new one, or when that link is lost."""
    flow, store, link = _flow()
    async with _at_work(flow):
        identity = await _submit(flow)
        await eventually(lambda: len(link.sent) == 1)
        link.id = "link-2"
        await flow.account_claimed("shop", "link-2")
        await eventually(lambda: len(link.sent) == 2)
        await flow.link_lost("link-2")
        await eventually(lambda: len(link.sent) == 3)
        assert store.operations[identity].attempt == 3


async def test_dispatch_outlives_an_outage() -> None:
    """The loop waits for a database that is away and goes on with what is due."""
    flow, store, link = _flow()
    store.outage.away = True
    async with _at_work(flow):
        flow.hint("shop")
        await eventually(lambda: store.outage.found > 0)
        store.outage.away = False
        await _submit(flow)
        await eventually(lambda: bool(link.sent))


def test_ids() -> None:
    """A ULID is taken in either case; anything else is no id."""
    assert parse_id("01arz3ndektsv4rrffq69g5fav") == "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    for text in ("", "01ARZ3", "81ARZ3NDEKTSV4RRFFQ69G5FAV", "u" * 26, "../../etc/passwd"):
        with pytest.raises(InvalidRequest):
            parse_id(text)
