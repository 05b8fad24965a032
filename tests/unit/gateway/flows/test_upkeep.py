"""Work at intervals."""

from __future__ import annotations

import asyncio

from tests.support.services import eventually

from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.flows.upkeep import repeat


async def test_an_outage_leaves_one_time_out() -> None:
    """Work goes on at its interval although the database was away for a time."""
    times: list[int] = []

    async def work() -> None:
        times.append(len(times))
        if len(times) == 1:
            raise DatabaseUnavailable("away")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(repeat(work, 0.001))
        await eventually(lambda: len(times) > 2)
        task.cancel()
