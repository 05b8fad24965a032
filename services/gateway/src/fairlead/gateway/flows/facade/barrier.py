"""The write barrier: before a list is served from the mirror, the mirror must hold what was written through any gateway."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fairlead.gateway.core.facade.barrier import Wait
from fairlead.gateway.ports.writes import WriteStore
from fairlead.runtime import metrics
from fairlead.runtime.backoff import Backoff

WAIT_S = 2.0
"""Longest wait for the mirror; then the list is read live."""
FIRST_LOOK_S = 0.005
LONGEST_PAUSE_S = 0.1


@dataclass(frozen=True)
class Barrier:
    """`WriteBarrier` over the marks that all gateways share. In the common case it costs one indexed question."""

    store: WriteStore
    wait_s: float = WAIT_S

    async def passed(self, account: str, group: str, plural: str, namespace: str) -> bool:
        """Wait until the mirror holds what was written; False: it does not yet, read live.

        Raises:
            DatabaseUnavailable: nothing can be said, nor read from the mirror.

        """
        waits = await self.store.behind(account, group, plural, namespace)
        if not waits:
            return True
        if Wait.TIME not in waits:
            waits = await self._wait(account, group, plural, namespace)
        metrics.GATEWAY_BARRIER.labels("live" if waits else "waited").inc()
        return not waits

    async def _wait(self, account: str, group: str, plural: str, namespace: str) -> frozenset[Wait]:
        """Look again until nothing is waited for or the time is over; returns what is waited for still."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.wait_s
        pause = Backoff(base_s=FIRST_LOOK_S, max_s=LONGEST_PAUSE_S)
        while True:
            await asyncio.sleep(min(pause.next_s(), max(0.0, until - loop.time())))
            waits = await self.store.behind(account, group, plural, namespace)
            if not waits or Wait.TIME in waits or loop.time() >= until:
                return waits
