"""Accounts that go: by decision, or in agent mode when their agent was missing for the grace period."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fairlead.gateway.core.registration.grace import elapsed_s, tick
from fairlead.gateway.ports.registration import RemovalStore
from fairlead.runtime import logfields, metrics
from fairlead.runtime.logs import get_logger

log = get_logger()
SLICE = 5000
SLICES = 20
"""Slices at one time; the rest follows with the next look."""
GRACE = "grace period"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Removal:
    """Runs the grace periods, and removes what is to go.

    Args:
        store: the database.
        grace_s: the grace period of accounts in agent mode; 0: they stay, too.
        longest_s: time between two looks beyond which nobody looked, and nothing is counted.
        registered_too: there is no Clouddriver from which accounts would have to be taken out first.
        clock: the time.

    """

    store: RemovalStore
    grace_s: float
    longest_s: float
    registered_too: bool
    clock: Callable[[], datetime] = _now
    _still: bool = False

    async def step(self) -> None:
        """Look at everything once."""
        for account in await self.store.take_back():
            log.info("the removal is called off: an agent came back", **{logfields.ACCOUNT: account})
        if self.grace_s:
            await self._run_clock()
        for account in await self.store.leaving(registered_too=self.registered_too):
            if await self.store.remove(account):
                metrics.ACCOUNTS_REMOVED.inc()
                log.warning("account removed", **{logfields.ACCOUNT: account})
        for _ in range(SLICES):
            if not await self.store.purge(SLICE):
                return

    def stand_by(self) -> None:
        """Another gateway looks, and tells what is missing."""
        self._still = False
        metrics.ACCOUNTS_MISSING.set(0)
        metrics.GRACE_STANDS_STILL.set(0)

    async def _run_clock(self) -> None:
        now = self.clock()
        seen = await self.store.presences()
        since_s = None if seen.ticked is None else (now - seen.ticked).total_seconds()
        result = tick(seen.accounts, elapsed_s(since_s, self.longest_s), self.grace_s)
        metrics.ACCOUNTS_MISSING.set(result.missing)
        metrics.GRACE_STANDS_STILL.set(result.still)
        if result.still and not self._still:
            log.warning("grace periods stand still: more than half of the agents are missing", **{
                logfields.COUNT: result.missing})  # fmt: skip
        self._still = result.still
        await self.store.count(result.counted, now)
        for account in await self.store.give_up(result.ended, by=GRACE) if result.ended else ():
            log.warning("grace period over: the account is removed", **{logfields.ACCOUNT: account})
