"""The wait for writes."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.writes import MemoryWrites

from fairlead.gateway.core.facade.barrier import Wait
from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.flows.facade.barrier import Barrier

NOTHING: frozenset[Wait] = frozenset()


async def _passed(store: MemoryWrites, wait_s: float = 5.0) -> bool:
    return await Barrier(store, wait_s).passed("production", "", "pods", "shop")


async def test_nothing_was_written() -> None:
    """Then one question is all."""
    store = MemoryWrites()
    assert await _passed(store)
    assert store.asked == 1


@pytest.mark.parametrize("wait", [Wait.END, Wait.VERSION, Wait.GONE])
async def test_the_mirror_catches_up(wait: Wait) -> None:
    """A list waits for it."""
    store = MemoryWrites(waits=[frozenset({wait}), frozenset({wait}), NOTHING])
    assert await _passed(store)
    assert store.asked == 3


async def test_the_mirror_stays_behind() -> None:
    """Then the list is live, after the wait and not before."""
    store = MemoryWrites(waits=[frozenset({Wait.VERSION})])
    began = asyncio.get_running_loop().time()
    assert not await _passed(store, 0.1)
    assert asyncio.get_running_loop().time() - began >= 0.1
    assert store.asked < 20


async def test_only_time_helps() -> None:
    """What is not known is not waited for, neither at first nor later."""
    store = MemoryWrites(waits=[frozenset({Wait.TIME, Wait.VERSION})])
    assert not await _passed(store)
    assert store.asked == 1
    store = MemoryWrites(waits=[frozenset({Wait.END}), frozenset({Wait.TIME})])
    assert not await _passed(store)
    assert store.asked == 2


async def test_the_database_goes_away() -> None:
    """Nothing is claimed then."""
    store = MemoryWrites()
    store.outage.away = True
    with pytest.raises(DatabaseUnavailable):
        await _passed(store)
