"""Budgets of lists, and waits that time ends."""

from __future__ import annotations

import asyncio

from fairlead.watcher.flows.pace import Budget, wait


async def test_lists_are_bounded_in_total_and_per_account() -> None:
    """An account with room of its own waits while the process has none, and the other way round."""
    total = asyncio.Semaphore(1)
    one, other = Budget(total, asyncio.Semaphore(5), "one"), Budget(total, asyncio.Semaphore(5), "other")
    async with one.slot():
        assert total.locked()
        assert not one.account.locked()
    narrow = Budget(asyncio.Semaphore(5), asyncio.Semaphore(1), "narrow")
    async with narrow.slot(), other.slot():
        assert narrow.account.locked()
        assert not narrow.total.locked()


async def test_a_wait_ends_with_the_event_or_with_time() -> None:
    """Neither is an error."""
    event = asyncio.Event()
    await wait(event, 0.001)
    event.set()
    await wait(event, 60)
