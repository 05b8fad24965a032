"""Taking operations: capacity first, then work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fairlead.executor.core.backlog import Backlog, Limits
from fairlead.executor.core.job import Job
from fairlead.executor.flows.claiming import IsPrompt
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()

_WAIT = metrics.EXECUTOR_PHASE_SECONDS.labels("wait")
PROMPT_S = 1.0
"""Less after its arrival nobody can have sent an operation again."""
Work = Callable[[Job, IsPrompt], Awaitable[None]]
"""Carries a job out."""
Start = Callable[[str, Coroutine[Any, Any, None]], object]


class Intake:
    """Lets operations run as slots get free; what is not taken is sent again by the gateway."""

    def __init__(self, limits: Limits, work: Work, start: Start) -> None:
        self._backlog = Backlog(limits)
        self._work = work
        self._start = start
        self._idle = asyncio.Event()
        self._idle.set()

    def accept(self, job: Job) -> bool:
        """Take an operation, or leave it for want of room."""
        if not self._backlog.offer(job, _now_s()):
            metrics.EXECUTOR_TURNED_AWAY.labels("full").inc()
            return False
        self._idle.clear()
        self._dispatch()
        return True

    async def finish(self) -> None:
        """Begin nothing more and wait until what runs has ended."""
        left = self._backlog.close()
        if left:
            log.info(
                "operations that had not begun are left to their next resend",
                **{logfields.OPERATION: [job.id for job in left]},
            )
        if self._backlog.running:
            await self._idle.wait()

    def _dispatch(self) -> None:
        ready, late = self._backlog.take(_now_s())
        for job in late:
            metrics.EXECUTOR_TURNED_AWAY.labels("late").inc()
            log.warning("an operation waited for too long and is left to its next resend", **_of(job))
        for job, since_s in ready:
            _WAIT.observe(_now_s() - since_s, tracing.exemplar(job.traceparent))
            self._start(f"operation {job.id}", self._carry_out(job, since_s))
        metrics.EXECUTOR_RUNNING.set(self._backlog.running)
        metrics.EXECUTOR_WAITING.set(self._backlog.waiting)

    async def _carry_out(self, job: Job, since_s: float) -> None:
        try:
            await self._work(job, lambda: _now_s() - since_s < PROMPT_S)
        except Exception as error:  # noqa: BLE001 - one operation must not end the service
            log.error("an operation met an error that nobody handled", **_of(job), **{logfields.ERROR: chain(error)})
        finally:
            self._backlog.finished(job.account)
            self._dispatch()
            if not self._backlog.running:
                self._idle.set()


def _of(job: Job) -> dict[str, str | int]:
    return {logfields.OPERATION: job.id, logfields.ACCOUNT: job.account, logfields.ATTEMPT: job.attempt}


def _now_s() -> float:
    return asyncio.get_running_loop().time()
