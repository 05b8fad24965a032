"""Running a service: signals, one group of named tasks, readiness, and a written sequence for stopping.

A service is a value: a name and an async function that is given a `Scope`. The function opens adapters with
`Scope.enter`, starts its tasks with `Scope.start`, says how to stop with `Scope.on_stop`, and returns; the service then
runs until a signal, or until an essential task ends. A service that does not start, or whose task fails, stops every
service of the process: whoever runs the process starts it again.

Stopping: readiness falls, the stop steps run in order of their stage, the tasks that are left are cancelled and what does
not end before the deadline is named, then the adapters close in reverse order.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar

import uvloop

from fairlead.runtime import logfields
from fairlead.runtime.errors import EXIT_CONFIGURATION, EXIT_FAILURE, ConfigurationError, chain, unwrapped
from fairlead.runtime.logs import get_logger

log = get_logger()
T = TypeVar("T")

CANCEL_AGAIN_S = 2.0
"""Time between two cancellations of a task that does not end."""
CANCEL_S = 1.0
"""What cancelled tasks get to end in, even when the deadline has passed."""
CLOSE_S = 10.0
"""What the adapters of one service get to close in."""

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
    """What a running service owns: its tasks, its resources, its readiness. `serve` makes one for each service.

    ``wake`` is set as soon as the service wants to stop; services that run together share one.
    """

    name: str
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _stop_steps: list[_StopStep] = field(default_factory=list)
    _readiness: dict[str, Readiness] = field(default_factory=dict)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _failure: BaseException | None = None
    _started: bool = False
    _closing: bool = False

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open a resource that closes when the service has stopped, in reverse order."""
        return await self._stack.enter_async_context(resource)

    def start(self, name: str, work: Coroutine[Any, Any, None], *, essential: bool = True) -> asyncio.Task[None]:
        """Start a named task.

        An essential task runs as long as the service: when it ends or fails, the service stops and reports it. Another
        task may end; when it fails, the service stops as well, for an error nobody handled is an error of the service.
        Once the tasks of a stopping service are cancelled, a new one is cancelled before it begins.
        """
        task = asyncio.create_task(work, name=f"{self.name}.{name}")  # noqa: TID251 - the one place that starts tasks
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, essential=essential))
        if self._closing:
            task.cancel()
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
        missing = {} if self._started else {self.name: "starting"}
        answers = {name: question() for name, question in self._readiness.items()}
        return missing | {name: answer for name, answer in answers.items() if answer is not None}

    def stop(self) -> None:
        """Ask the service to stop; returns at once."""
        self._stopping.set()
        self.wake.set()

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
        error = None if task.cancelled() else task.exception()
        if error is not None:
            error = unwrapped(error)
            self._failure = self._failure or error
            if not isinstance(error, ConfigurationError):  # which tells itself, problem by problem, at the end
                log.error("a task failed", **{logfields.TASK: task.get_name(), logfields.ERROR: chain(error)})
        elif essential and not self._stopping.is_set():
            self._failure = self._failure or RuntimeError(f"task {task.get_name()} ended")
            log.error("an essential task ended", **{logfields.TASK: task.get_name()})
        if error is not None or essential:
            self.stop()

    async def close(self, deadline_s: float) -> list[str]:
        """Run the stop sequence; returns the names of steps and tasks that did not end before the deadline.

        Whatever fails on the way is logged, and the rest runs all the same.
        """
        self.stop()
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline_s
        left_behind = [
            each.name
            for each in sorted(self._stop_steps, key=lambda each: each.stage)
            if not await _attempt(each.name, each.step, until - loop.time())
        ]
        self._closing = True
        left_behind += await cancel_all(self._tasks, max(CANCEL_S, until - loop.time()))
        if not await _attempt("close adapters", self._stack.aclose, CLOSE_S):
            left_behind.append(f"{self.name}.close adapters")
        if left_behind:
            log.warning("left behind at the deadline", **{logfields.LEFT_BEHIND: left_behind})
        return left_behind

    def tasks(self) -> list[str]:
        """Names of the tasks that run."""
        return sorted(task.get_name() for task in self._tasks)

    def raise_failure(self) -> None:
        """Raise the error for which the service stopped, if there was one."""
        if self._failure is not None:
            raise self._failure


async def _attempt(name: str, step: Callable[[], Awaitable[None]], timeout_s: float) -> bool:
    """Run one step of stopping; False when it did not end in time."""
    try:
        async with asyncio.timeout(max(0.0, timeout_s)):
            await step()
    except TimeoutError:
        return False
    except Exception as error:  # noqa: BLE001 - the other steps must run all the same
        log.warning("a stop step failed", **{logfields.TASK: name, logfields.ERROR: chain(error)})
    return True


async def cancel_all(tasks: Collection[asyncio.Task[Any]], timeout_s: float) -> list[str]:
    """Cancel tasks and wait for their end; returns the names of those that do not end in time.

    A task is cancelled more than once: `asyncio.wait_for` before Python 3.12 may swallow a cancellation that comes together
    with a result (CPython issue 86296), and psycopg's pool waits by it.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_s
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        left_s = until - loop.time()
        _, pending = await asyncio.wait(pending, timeout=max(0.0, min(CANCEL_AGAIN_S, left_s)))
        if left_s <= CANCEL_AGAIN_S:
            break
    return sorted(task.get_name() for task in pending)


async def serve(
    services: Sequence[Service], *, stop_timeout_s: float = 20.0, scopes: list[Scope] | None = None
) -> None:
    """Run services in this event loop until a signal or a failure.

    Args:
        services: started in this order, stopped in the reverse one.
        stop_timeout_s: deadline of the whole stop.
        scopes: filled with the scopes of the services, for whoever asks for their readiness.

    Raises:
        Exception: the error for which a service stopped.

    """
    loop = asyncio.get_running_loop()
    opened = [] if scopes is None else scopes
    wake = asyncio.Event()
    opened.extend(Scope(service.name, wake) for service in services)
    with _signals(loop, wake):
        try:
            await _start_all(services, opened, wake)
            await wake.wait()
        finally:
            until = loop.time() + stop_timeout_s
            for scope in opened:
                scope.stop()
            for scope in reversed(opened):
                await scope.close(until - loop.time())
    for scope in opened:
        scope.raise_failure()


async def _start_all(services: Sequence[Service], scopes: Sequence[Scope], wake: asyncio.Event) -> None:
    for service, scope in zip(services, scopes, strict=True):
        await _start(service, scope, wake)
        if wake.is_set():
            return
        scope.mark_started()
        log.info("started", **{logfields.TASK: service.name})


async def _start(service: Service, scope: Scope, wake: asyncio.Event) -> None:
    """Start one service; given up when meanwhile a signal comes, or another service stops."""
    starting = scope.start("start", _awaited(service.start(scope)), essential=False)
    waking = asyncio.create_task(_awaited(wake.wait()), name=f"{service.name}.wake")  # noqa: TID251 - as above
    try:
        await asyncio.wait((starting, waking), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_all({task for task in (starting, waking) if not task.done()}, CANCEL_S)


async def _awaited(work: Awaitable[object]) -> None:
    await work


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> Iterator[None]:
    """Turn SIGTERM and SIGINT into a stop; a second one ends the process at once."""
    seen: list[signal.Signals] = []

    def received(number: signal.Signals) -> None:
        if seen:
            log.error("second signal: ending at once", **{logfields.REASON: number.name})
            os._exit(EXIT_FAILURE)  # an orderly exit would wait for the tasks that do not end
        seen.append(number)
        log.info("stopping", **{logfields.REASON: number.name})
        wake.set()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def run(services: Sequence[Service], *, stop_timeout_s: float = 20.0, scopes: list[Scope] | None = None) -> int:
    """Run services in a process of their own; returns the exit code (0, 1 failure, 2 configuration).

    A task that does not even end when it is cancelled would keep the process: then it exits from here, with 1.
    """
    return uvloop.run(_run(services, stop_timeout_s, [] if scopes is None else scopes))


async def _run(services: Sequence[Service], stop_timeout_s: float, scopes: list[Scope]) -> int:
    code = 0
    try:
        await serve(services, stop_timeout_s=stop_timeout_s, scopes=scopes)
    except ConfigurationError as error:
        for problem in error.problems:
            log.error("configuration", **{logfields.REASON: problem})
        code = EXIT_CONFIGURATION
    except Exception as error:  # noqa: BLE001 - the last line of a process says why it ends
        log.error("ended by a failure", **{logfields.ERROR: chain(error)})
        code = EXIT_FAILURE
    stuck = [name for scope in scopes for name in scope.tasks()]
    if stuck:
        log.error("tasks do not end: ending without them", **{logfields.LEFT_BEHIND: stuck})
        os._exit(code or EXIT_FAILURE)
    return code
