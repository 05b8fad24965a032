"""Telling states: the newest of each reflector, until it is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import REGISTRY
from tests.support.watcher_doubles import FakeGateway, state_names, until
from tests.support.watching import PODS

from fairlead.watcher.core.scope import Selection
from fairlead.watcher.errors import AccountRefused, GatewayUnavailable
from fairlead.watcher.flows.states import StateBoard
from fairlead.watcher.ports import State

SELECTION = Selection(PODS, "", "", frozenset())


@asynccontextmanager
async def running(gateway: FakeGateway, clock: list[int]) -> AsyncIterator[StateBoard]:
    """Run a board whose clock the test sets."""
    board = StateBoard(gateway, lambda: clock[0])
    async with asyncio.TaskGroup() as group:
        task = group.create_task(board.run())
        yield board
        task.cancel()


async def test_a_state_keeps_its_beginning() -> None:
    """Another message in the same state does not move `since`; the same message is no news."""
    gateway, clock = FakeGateway(), [1]
    async with running(gateway, clock) as board:
        for message in ("first", "first", "second"):
            board.enter("account", SELECTION, State.STALE, message)
            clock[0] += 1
            await asyncio.sleep(0)
        await until(lambda: bool(gateway.states) and gateway.states[-1].message == "second")

    assert {state.since_ms for state in gateway.states} == {1}


async def test_what_could_not_be_told_is_told_later() -> None:
    """A link that is away loses no state, and only the newest one of each reflector is told."""
    gateway = FakeGateway(report_errors=[GatewayUnavailable("away", retry_after_s=0.01), AccountRefused("no")])
    async with running(gateway, [1]) as board:
        board.enter("account", SELECTION, State.LISTING)
        await until(lambda: not gateway.report_errors)
        board.enter("account", SELECTION, State.LIVE)
        await until(lambda: state_names(gateway) == [State.LIVE])


async def test_the_states_of_an_account_are_told_again_on_request() -> None:
    """A gateway that marked an account stale hears that it is live; other accounts have nothing to do with it."""
    gateway = FakeGateway()
    async with running(gateway, [1]) as board:
        board.enter("account", SELECTION, State.LIVE)
        await until(lambda: state_names(gateway) == [State.LIVE])
        board.tell_again("another")
        board.tell_again("account")
        await until(lambda: state_names(gateway) == [State.LIVE, State.LIVE])
        board.forget("account", SELECTION)
        board.tell_again("account")
        await asyncio.sleep(0)

    assert len(gateway.states) == 2


def test_resources_are_counted_by_state() -> None:
    """Each is counted in the state that it entered last, until it is watched no more."""
    board, other = StateBoard(FakeGateway(), lambda: 1), Selection(PODS, "sea", "", frozenset())

    def counted(state: State) -> float | None:
        return REGISTRY.get_sample_value("fairlead_watcher_resources", {"account": "counted", "state": state.value})

    board.enter("counted", SELECTION, State.LISTING)
    board.enter("counted", SELECTION, State.LIVE)
    board.enter("counted", other, State.LIVE, "first")
    board.enter("counted", other, State.LIVE, "second")
    assert (counted(State.LISTING), counted(State.LIVE)) == (0, 2)

    board.forget("counted", other)
    board.forget("counted", other)
    assert counted(State.LIVE) == 1
