"""Taking operations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.executor_doubles import job
from tests.support.services import eventually

from fairlead.executor.core.backlog import Limits
from fairlead.executor.core.job import Job
from fairlead.executor.flows.claiming import IsPrompt
from fairlead.executor.flows.intake import Intake
from fairlead.runtime.lifecycle import Scope


class Bench:
    """An intake whose work waits until it is let go."""

    def __init__(self, scope: Scope, limits: Limits) -> None:
        self.started: list[str] = []
        self.prompt: list[bool] = []
        self.go_on = asyncio.Event()
        self.intake = Intake(limits, self.work, lambda name, work: scope.start(name, work, essential=False))

    async def work(self, job: Job, is_prompt: IsPrompt) -> None:
        """Note the job and wait."""
        self.started.append(job.id)
        self.prompt.append(is_prompt())
        if job.id == "bad":
            raise ValueError("nobody expected this")
        await self.go_on.wait()

    def offer(self, name: str) -> bool:
        """Offer a job."""
        return self.intake.accept(replace(job(), id=name))


@pytest.fixture
async def scope() -> AsyncIterator[Scope]:
    """A service."""
    scope = Scope("test")
    yield scope
    await scope.close(5)
    scope.raise_failure()


async def test_room_then_work(scope: Scope) -> None:
    """What has a slot runs at once, what has room waits for one, the rest is left."""
    bench = Bench(scope, Limits(slots=1, waiting=1, waiting_bytes=10_000, patience_s=60))

    assert [bench.offer(name) for name in "abcd"] == [True, True, True, False]
    await eventually(lambda: bench.started == ["a", "b"])
    assert bench.prompt == [True, True]
    bench.go_on.set()
    await eventually(lambda: bench.started == ["a", "b", "c"])


async def test_an_error_ends_one_operation_alone(scope: Scope) -> None:
    """The service goes on, and the slot is free again."""
    bench = Bench(scope, Limits(slots=1, waiting=5, waiting_bytes=10_000, patience_s=60))
    bench.go_on.set()

    assert all(bench.offer(name) for name in ("bad", "bad", "bad", "good"))
    await eventually(lambda: bench.started == ["bad", "bad", "bad", "good"])
    assert not scope.stopping


async def test_finishing(scope: Scope) -> None:
    """What runs ends, what waits does not begin, nothing more is taken."""
    bench = Bench(scope, Limits(slots=1, waiting=5, waiting_bytes=10_000, patience_s=60))
    for name in "abc":
        bench.offer(name)
    async with asyncio.TaskGroup() as group:
        finishing = group.create_task(bench.intake.finish())
        await eventually(lambda: len(bench.started) == 2)
        assert not finishing.done()
        bench.go_on.set()

    assert bench.started == ["a", "b"]
    assert not bench.offer("d")
    await bench.intake.finish()
