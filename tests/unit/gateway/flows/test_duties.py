"""Work that one gateway does for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.registration_doubles import MemoryDuties
from tests.support.services import eventually

from fairlead.gateway.flows.duties import Duty


@asynccontextmanager
async def keeping(store: MemoryDuties, holder: str, standing_by: list[str] | None = None) -> AsyncIterator[list[int]]:
    """A gateway that does its duty; gives how often."""
    done: list[int] = []
    stood_by = [] if standing_by is None else standing_by

    async def work() -> None:
        done.append(len(done))

    def stand_by() -> None:
        stood_by.append(holder)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(Duty("d", holder, store, 0.001, 5, stand_by).keep(work))
        yield done
        task.cancel()


async def test_one_works_and_the_other_takes_over() -> None:
    """As soon as the first one stops, for it lets go."""
    store = MemoryDuties()
    async with keeping(store, "one") as first:
        await eventually(lambda: bool(first))
        standing_by: list[str] = []
        async with keeping(store, "two", standing_by) as second:
            await eventually(lambda: len(standing_by) > 5)
            assert not second
    async with keeping(store, "two") as second:
        await eventually(lambda: bool(second))


async def test_an_outage_leaves_some_times_out() -> None:
    """Nothing is done while nobody can tell whose duty it is; stopping then does not fail."""
    store = MemoryDuties()
    async with keeping(store, "one") as done:
        await eventually(lambda: bool(done))
        store.outage.away = True
        asked = store.asked
        await eventually(lambda: store.asked > asked + 3)
        count = len(done)
        await eventually(lambda: store.asked > asked + 10)
        assert len(done) == count
        store.outage.away = False
        await eventually(lambda: len(done) > count)
        store.outage.away = True
    assert store.holders == {"d": "one"}
