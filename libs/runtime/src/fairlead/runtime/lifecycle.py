"""Running a service: signals, one group of named tasks, readiness, and a written sequence for stopping.

A service is a value: a name and an async function that is given a `Scope`. The function opens adapters with
`Scope.enter`, starts its tasks with `Scope.start`, says how to stop with `Scope.on_stop`, and returns; the service then
runs until a signal, or until an essential task ends.

Stopping: readiness falls, the stop steps run in order of their stage, the tasks that are left are cancelled and what does
not end before the deadline is named, then the adapters close in reverse order.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar

import uvloop

from fairlead.runtime import logfields
from fairlead.runtime.errors import EXIT_CONFIGURATION, EXIT_FAILURE, ConfigurationError, chain
from fairlead.runtime.logs import get_logger

log = get_logger()
T = TypeVar("T")
Readiness = Callable[[], str | None]
"""Answers None when ready, else in a few words what is missing."""


class Stage(IntEnum):
    """Order of the stop steps."""

    INTAKE = 1
    """Take no new work."""
    DRAIN = 2
    """Finish what runs."""
    FLUSH = 3
    """Send what is buffered."""


@dataclass(frozen=True)
class Service:
    """A program, or one of several in a process."""

    name: str
    start: Callable[[Scope], Awaitable[None]]


@dataclass
class _StopStep:
    stage: Stage
    name: str
    step: Callable[[], Awaitable[None]]


@dataclass
class Scope:
    """What a running service owns: its tasks, its resources, its readiness. Create one with `run` or `open_scope`."""

    name: str
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _stop_steps: list[_StopStep] = field(default_factory=list)
    _readiness: dict[str, Readiness] = field(default_factory=dict)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _failure: BaseException | None = None
    _started: bool = False

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open a resource that closes when the service has stopped, in reverse order."""
        return await self._stack.enter_async_context(resource)

    def start(self, name: str, work: Coroutine[Any, Any, None], *, essential: bool = True) -> asyncio.Task[None]:
        """Start a named task.

        An essential task runs as long as the service: when it ends or fails, the service stops and reports it. Another
        task may end; when it fails, the service stops as well, for an error nobody handled is an error of the service.
        """
        task = asyncio.create_task(work, name=f"{self.name}.{name}")  # noqa: TID251 - the one place that starts tasks
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, essential=essential))
        return task

    def ready_when(self, name: str, question: Readiness) -> None:
        """Add a condition of readiness."""
        self._readiness[name] = question

    def on_stop(self, stage: Stage, name: str, step: Callable[[], Awaitable[None]]) -> None:
        """Add a step to the stop sequence; steps of one stage run in the order in which they were added."""
        self._stop_steps.append(_StopStep(stage, name, step))

    def not_ready(self) -> dict[str, str]:
        """What is missing for readiness, by the name of the condition; empty when ready."""
        if self._stopping.is_set():
            return {self.name: "stopping"}
        if not self._started:
            return {self.name: "starting"}
        answers = {name: question() for name, question in self._readiness.items()}
        return {name: answer for name, answer in answers.items() if answer is not None}

    def stop(self) -> None:
        """Ask the service to stop; returns at once."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether the service was asked to stop."""
        return self._stopping.is_set()

    def mark_started(self) -> None:
        """Say that the service has started; until then it is not ready."""
        self._started = True

    async def wait_stopped(self) -> None:
        """Wait until somebody asked the service to stop."""
        await self._stopping.wait()

    def _ended(self, task: asyncio.Task[Any], *, essential: bool) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._failure = self._failure or error
            log.error("a task failed", **{logfields.TASK: task.get_name(), logfields.ERROR: chain(error)})
        elif essential and not self._stopping.is_set():
            self._failure = self._failure or RuntimeError(f"task {task.get_name()} ended")
            log.error("an essential task ended", **{logfields.TASK: task.get_name()})
        if error is not None or essential:
            self._stopping.set()

    async def close(self, deadline_s: float) -> list[str]:
        """Run the stop sequence; returns the names of steps and tasks that did not end before the deadline."""
        self._stopping.set()
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline_s
        left_behind = []
        for stop_step in sorted(self._stop_steps, key=lambda each: each.stage):
            try:
                async with asyncio.timeout(max(0.0, until - loop.time())):
                    await stop_step.step()
            except TimeoutError:
                left_behind.append(stop_step.name)
            except Exception as error:  # noqa: BLE001 - the other steps must run all the same
                log.warning("a stop step failed", **{logfields.TASK: stop_step.name, logfields.ERROR: chain(error)})
        left_behind += await _cancel(self._tasks, max(1.0, until - loop.time()))
        if left_behind:
            log.warning("left behind at the deadline", **{logfields.LEFT_BEHIND: left_behind})
        await self._stack.aclose()
        return left_behind

    def raise_failure(self) -> None:
        """Raise the error for which the service stopped, if there was one."""
        if self._failure is not None:
            raise self._failure


async def _cancel(tasks: set[asyncio.Task[Any]], timeout_s: float) -> list[str]:
    pending = set(tasks)
    for task in pending:
        task.cancel()
    if not pending:
        return []
    _, left = await asyncio.wait(pending, timeout=timeout_s)
    return sorted(task.get_name() for task in left)


async def serve(
    services: Sequence[Service], *, stop_timeout_s: float = 20.0, scopes: list[Scope] | None = None
) -> None:
    """Run services in this event loop until a signal or a failure.

    Args:
        services: started in this order, stopped in the reverse one.
        stop_timeout_s: deadline of each service's stop sequence.
        scopes: filled with the scopes of the services, for whoever asks for their readiness.

    Raises:
        Exception: the error for which a service stopped.

    """
    opened = [] if scopes is None else scopes
    opened.extend(Scope(service.name) for service in services)
    stop = asyncio.Event()
    with _signals(asyncio.get_running_loop(), stop):
        try:
            await _start_all(services, opened, stop)
            await _wait_any(opened, stop)
        finally:
            for scope in reversed(opened):
                scope.stop()
            for scope in reversed(opened):
                await scope.close(stop_timeout_s)
    for scope in opened:
        scope.raise_failure()


async def _start_all(services: Sequence[Service], scopes: Sequence[Scope], stop: asyncio.Event) -> None:
    for service, scope in zip(services, scopes, strict=True):
        await _start(service, scope, stop)
        if stop.is_set() or any(each.stopping for each in scopes):
            return
        scope.mark_started()
        log.info("started", **{logfields.TASK: service.name})


async def _start(service: Service, scope: Scope, stop: asyncio.Event) -> None:
    starting = asyncio.create_task(_awaited(service.start(scope)), name=f"{service.name}.start")  # noqa: TID251 - as above
    stopping = asyncio.create_task(stop.wait(), name=f"{service.name}.start.signal")  # noqa: TID251 - as above
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
    finally:
        await _cancel({task for task in (starting, stopping) if not task.done()}, 5.0)


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def _wait_any(scopes: Sequence[Scope], stop: asyncio.Event) -> None:
    waits = [asyncio.create_task(scope.wait_stopped(), name=f"{scope.name}.stopped") for scope in scopes]  # noqa: TID251 - as above
    waits.append(asyncio.create_task(_awaited_event(stop), name="signal"))  # noqa: TID251 - as above
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    await _cancel({task for task in waits if not task.done()}, 5.0)


async def _awaited_event(event: asyncio.Event) -> None:
    await event.wait()


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Iterator[None]:
    """Turn SIGTERM and SIGINT into a stop; a second one ends the process at once."""

    def received(number: signal.Signals) -> None:
        if stop.is_set():
            log.error("second signal: ending at once", **{logfields.REASON: number.name})
            sys.exit(EXIT_FAILURE)
        log.info("stopping", **{logfields.REASON: number.name})
        stop.set()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def run(services: Sequence[Service], *, stop_timeout_s: float = 20.0, scopes: list[Scope] | None = None) -> int:
    """Run services in a process of their own; returns the exit code (0, 1 failure, 2 configuration)."""
    try:
        uvloop.run(serve(services, stop_timeout_s=stop_timeout_s, scopes=scopes))
    except ConfigurationError as error:
        for problem in error.problems:
            log.error("configuration", **{logfields.REASON: problem})
        return EXIT_CONFIGURATION
    except Exception as error:  # noqa: BLE001 - the last line of a process says why it ends
        log.error("ended by a failure", **{logfields.ERROR: chain(error)})
        return EXIT_FAILURE
    return 0
