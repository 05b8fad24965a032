"""Running services: the order of stopping, failures, deadlines; signals in programs of their own."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.sample_service import source
from tests.support.services import eventually

from fairlead.runtime.lifecycle import Scope, Service, Stage, cancel_all, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.support.programs import Program


@asynccontextmanager
async def resource(name: str, told: list[str]) -> AsyncIterator[str]:
    """An adapter that tells when it opens and closes."""
    told.append(f"open {name}")
    try:
        yield name
    finally:
        told.append(f"close {name}")


async def forever() -> None:
    """A task that only a cancellation ends."""
    await asyncio.Event().wait()


async def test_the_order_of_stopping() -> None:
    """Stop steps run by stage and in order of adding, then tasks are cancelled, then adapters close in reverse order."""
    told: list[str] = []
    scope = Scope("sample")

    def step(name: str) -> Callable[[], asyncio.Future[None]]:
        def run() -> asyncio.Future[None]:
            told.append(name)
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done

        return run

    async def work() -> None:
        try:
            await forever()
        finally:
            told.append("task cancelled")

    await scope.enter(resource("a", told))
    await scope.enter(resource("b", told))
    scope.on_stop(Stage.FLUSH, "flush", step("flush"))
    scope.on_stop(Stage.INTAKE, "intake 1", step("intake 1"))
    scope.on_stop(Stage.DRAIN, "drain", step("drain"))
    scope.on_stop(Stage.INTAKE, "intake 2", step("intake 2"))
    scope.start("work", work())
    await asyncio.sleep(0)

    assert await scope.close(5) == []
    assert told == [
        *("open a", "open b", "intake 1", "intake 2", "drain", "flush"),
        *("task cancelled", "close b", "close a"),
    ]
    scope.raise_failure()  # there is none


async def test_what_is_left_behind_is_named() -> None:
    """A step and a task that do not end before the deadline are named, and the adapters close all the same."""
    told: list[str] = []
    scope = Scope("sample")
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                told.append("ignored")

    await scope.enter(resource("a", told))
    scope.on_stop(Stage.DRAIN, "drain for ever", forever)
    scope.start("stubborn", stubborn())
    await asyncio.sleep(0)

    assert await scope.close(0.05) == ["drain for ever", "sample.stubborn"]
    assert told == ["open a", "ignored", "close a"]
    assert scope.tasks() == ["sample.stubborn"]
    release.set()


async def test_an_adapter_that_does_not_close_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing has a limit of its own, and a failure in it does not keep the rest from closing."""
    monkeypatch.setattr("fairlead.runtime.lifecycle.CLOSE_S", 0.05)
    told: list[str] = []

    @asynccontextmanager
    async def hanging() -> AsyncIterator[None]:
        yield
        await forever()

    @asynccontextmanager
    async def failing() -> AsyncIterator[None]:
        yield
        raise ValueError("cannot close")

    slow, faulty = Scope("slow"), Scope("faulty")
    await slow.enter(resource("a", told))
    await slow.enter(hanging())
    await faulty.enter(resource("b", told))
    await faulty.enter(failing())

    assert await slow.close(1) == ["slow.close adapters"]
    assert await faulty.close(1) == []
    assert told == ["open a", "open b", "close a", "close b"]


async def test_a_failing_step_does_not_stop_the_others() -> None:
    """Each stop step runs whatever the ones before it did."""
    scope = Scope("sample")
    ran = asyncio.Event()

    async def fails() -> None:
        raise ValueError("no")

    async def runs() -> None:
        ran.set()

    scope.on_stop(Stage.INTAKE, "fails", fails)
    scope.on_stop(Stage.DRAIN, "runs", runs)
    await scope.close(1)

    assert ran.is_set()


async def test_tasks_that_start_too_late_do_not_begin() -> None:
    """Once a stopping service has cancelled its tasks, a new one is cancelled before its first step."""
    scope = Scope("sample")
    await scope.close(1)
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()

    task = scope.start("late", work())
    await asyncio.wait([task])

    assert task.cancelled()
    assert not begun.is_set()


async def test_readiness() -> None:
    """A service is ready when it has started, every condition is met, and nobody stopped it."""
    scope = Scope("sample")
    missing: str | None = "away"
    scope.ready_when("bus", lambda: missing)

    assert scope.not_ready() == {"sample": "starting", "bus": "away"}
    scope.mark_started()
    assert scope.not_ready() == {"bus": "away"}
    missing = None
    assert scope.not_ready() == {}
    scope.stop()
    assert scope.not_ready() == {"sample": "stopping"}


async def ends() -> None:
    """A task that ends."""


async def fails() -> None:
    """A task that fails."""
    raise ValueError("the reason")


async def fails_in_a_group() -> None:
    """A task whose own task group fails."""
    async with asyncio.TaskGroup() as group:
        group.create_task(fails())


async def cancels_itself() -> None:
    """A task that dies of a cancellation nobody asked for, as from a cancelled future of a library."""
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("work", "error", "told"),
    [
        (ends, RuntimeError, "sample.work ended"),
        (cancels_itself, RuntimeError, "sample.work ended"),
        (fails, ValueError, "the reason"),
        (fails_in_a_group, ValueError, "the reason"),
    ],
)
async def test_an_essential_task_that_ends_stops_everything(
    work: Callable[[], asyncio.Future[None]], error: type[Exception], told: str
) -> None:
    """However an essential task ends, the service and its neighbours stop, and the reason is raised."""
    others: list[str] = []

    async def start_other(scope: Scope) -> None:
        await scope.enter(resource("other", others))
        scope.start("forever", forever())

    async def start(scope: Scope) -> None:
        scope.start("work", work())  # type: ignore[arg-type]

    with pytest.raises(error, match=told):
        await serve([Service("other", start_other), Service("sample", start)], stop_timeout_s=5)
    assert others == ["open other", "close other"]


async def test_a_task_that_may_end() -> None:
    """The end of another task is nothing special; its failure is."""
    scopes: list[Scope] = []

    async def start(scope: Scope) -> None:
        scope.start("may end", ends(), essential=False)
        scope.start("may not fail", fails(), essential=False)

    with pytest.raises(ValueError, match="the reason"):
        await serve([Service("sample", start)], scopes=scopes, stop_timeout_s=5)
    assert [scope.tasks() for scope in scopes] == [[]]


async def test_a_service_that_cannot_start_stops_the_others() -> None:
    """Services that had started are stopped in order, those after it never start, and its error is raised."""
    told: list[str] = []

    async def start(scope: Scope) -> None:
        await scope.enter(resource(scope.name, told))
        if scope.name == "second":
            raise ConnectionError("no database")

    services = [Service(name, start) for name in ("first", "second", "third")]
    with pytest.raises(ConnectionError, match="no database"):
        await serve(services, stop_timeout_s=5)
    assert told == ["open first", "open second", "close second", "close first"]


async def test_a_failure_ends_the_start_of_the_next_service() -> None:
    """A task that fails while a later service is still starting does not wait for it."""

    async def start_first(scope: Scope) -> None:
        scope.start("fails", fails())

    async def start_second(_: Scope) -> None:
        await forever()

    async with asyncio.timeout(5):
        with pytest.raises(ValueError, match="the reason"):
            await serve([Service("first", start_first), Service("second", start_second)], stop_timeout_s=5)


async def test_services_share_one_deadline() -> None:
    """Several services that do not stop take one stop timeout together, not one each."""
    loop = asyncio.get_running_loop()
    scopes: list[Scope] = []

    async def start(scope: Scope) -> None:
        scope.on_stop(Stage.DRAIN, "for ever", forever)

    async def stop_when_started(scope: Scope) -> None:
        scope.start("stop", ends(), essential=False)
        scope.stop()

    services = [Service("a", start), Service("b", start), Service("c", start), Service("last", stop_when_started)]
    before = loop.time()
    await serve(services, scopes=scopes, stop_timeout_s=2)

    assert loop.time() - before < 2 * 2
    await eventually(lambda: not any(scope.tasks() for scope in scopes))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_in_order(program: Callable[..., Program], number: signal.Signals) -> None:
    """Either signal ends the program with 0."""
    running = program(source("started"))
    running.until("up")
    running.send(number)

    assert running.ended() == 0
    assert next(entry for entry in running.entries() if entry["event"] == "stopping")["reason"] == number.name


def test_a_signal_while_starting(program: Callable[..., Program]) -> None:
    """A service that is still starting is given up; the program ends with 0."""
    running = program(source("starting"))
    running.until("up")
    running.send(signal.SIGTERM)

    assert running.ended() == 0
    assert "started" not in running.events()


def test_a_second_signal_ends_at_once(program: Callable[..., Program]) -> None:
    """A stop that takes too long for whoever waits is cut short with 1."""
    running = program(source("draining", 60))
    running.until("up")
    running.send(signal.SIGTERM)
    running.until("draining")
    running.send(signal.SIGINT)

    assert running.ended() == 1
    assert running.events()[-1] == "second signal: ending at once"


def test_a_task_that_never_ends_does_not_keep_the_process(program: Callable[..., Program]) -> None:
    """It is named at the deadline, and the program ends without it, with 1."""
    running = program(source("stuck", 0.1))
    running.until("up")
    running.send(signal.SIGTERM)

    assert running.ended() == 1
    (entry,) = [entry for entry in running.entries() if entry["event"] == "left behind at the deadline"]
    assert entry["left_behind"] == ["sample.stubborn"]


def test_a_configuration_fault_is_told_problem_by_problem(program: Callable[..., Program]) -> None:
    """Each problem has its line, and the exit code is 2."""
    running = program(source("refused"))

    assert running.ended() == 2
    assert [(entry["event"], entry["reason"]) for entry in running.entries()] == [
        ("configuration", "nats.url: wrong"),
        ("configuration", "nats.user: wrong"),
    ]


def test_a_failing_task_ends_the_program_with_its_reason(program: Callable[..., Program]) -> None:
    """Exit code 1; the last line tells the error and its cause, and there is no traceback."""
    running = program(source("fault"))

    assert running.ended() == 1
    assert running.entries()[-1]["error"] == "cannot work: because"
    assert "Traceback" not in running.output


async def test_a_swallowed_cancellation_is_repeated() -> None:
    """A task that loses its first cancellation, as `wait_for` may, is cancelled again; one that never ends is named."""
    swallowed: list[bool] = []

    async def deaf(times: int) -> None:
        for _ in range(times):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.append(True)
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        once = group.create_task(deaf(1), name="once")
        await asyncio.sleep(0)
        assert await cancel_all([once], 10) == []
        assert swallowed == [True]
        stubborn = group.create_task(deaf(1), name="stubborn")
        await asyncio.sleep(0)
        assert await cancel_all([stubborn], 0.01) == ["stubborn"]
        stubborn.cancel()
