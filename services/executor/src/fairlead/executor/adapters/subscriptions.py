"""Subscriptions that the executors of a zone share: each message comes to one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from fairlead.contracts.subjects import EXECUTOR_GROUP
from fairlead.runtime.bus import Bus


class SharedSubscriptions:
    """Those of one executor; they end together."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._open: list[Subscription] = []

    async def open(self, takers: Mapping[str, Callable[[Msg], Awaitable[None]]]) -> None:
        """Take messages of these subjects from now on: when it returns, nats-server knows."""
        for subject, take in takers.items():
            self._open.append(await self._bus.client.subscribe(subject, queue=EXECUTOR_GROUP, cb=take))
        await self._bus.settled()

    async def close(self) -> None:
        """Take no more."""
        for subscription in self._open:
            # Draining asks nats-server for what is still under way; without it there is only what has arrived.
            if self._bus.connected:
                await subscription.drain()  # type: ignore[no-untyped-call] # nats-py leaves it untyped
            else:
                await subscription.unsubscribe()
        self._open.clear()
