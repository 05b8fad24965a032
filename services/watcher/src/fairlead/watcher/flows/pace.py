"""How hard API servers may be asked: delays of one reflector, lists of all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fairlead.runtime import metrics


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how patiently a reflector works, in seconds."""

    inventory_interval_s: float = 600.0
    resumable_age_s: float = 300.0
    refused_retry_s: float = 300.0
    retry_base_s: float = 0.8
    retry_max_s: float = 30.0
    short_watch_s: float = 1.0
    """A watch that ends sooner without an event is an error of the server (client-go, ``reflector.go``)."""
    use_watch_list: bool = True


@dataclass
class Budget:
    """How many initial lists may run at once, in the process and in one account.

    Args:
        total: slots of the process.
        account: slots of the account.
        name: of the account, in metrics.

    """

    total: asyncio.Semaphore
    account: asyncio.Semaphore
    name: str

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a place among the lists."""
        async with AsyncExitStack() as slots:
            with metrics.WATCHER_LISTS_WAITING.labels(self.name).track_inprogress():
                await slots.enter_async_context(self.account)
                await slots.enter_async_context(self.total)
            with metrics.WATCHER_LISTS_RUNNING.labels(self.name).track_inprogress():
                yield


async def wait(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for an event, or until the time is over."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        """Time is as good a reason as the event."""
