"""Work that one gateway does for all of them: whoever holds the duty does it, the others stand by."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.ports.registration import Duties
from fairlead.runtime import logfields
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
LET_GO_S = 2.0


@dataclass
class Duty:
    """One duty of this gateway.

    Args:
        name: of the duty.
        holder: this gateway.
        store: who holds what.
        every_s: how often the work is done.
        lease_s: how long others wait for a holder that died; longer than one piece of the work takes.
        stand_by: called whenever the duty is another's.

    """

    name: str
    holder: str
    store: Duties
    every_s: float
    lease_s: float
    stand_by: Callable[[], None] = lambda: None

    async def ours(self) -> bool:
        """Take the duty, or keep it; to be asked again before each piece of longer work."""
        return await self.store.hold(self.name, self.holder, self.lease_s)

    async def keep(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work whenever the duty is ours; a task of the service."""
        try:
            while True:
                try:
                    if await self.ours():
                        await work()
                    else:
                        self.stand_by()
                except DatabaseUnavailable as error:
                    log.debug("a duty waits for the database", **{
                        logfields.TASK: self.name, logfields.ERROR: chain(error)})  # fmt: skip
                await asyncio.sleep(self.every_s)
        finally:
            with suppress(DatabaseUnavailable, TimeoutError):
                async with asyncio.timeout(LET_GO_S):
                    await self.store.let_go(self.name, self.holder)
