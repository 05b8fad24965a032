"""What has to be done now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.runtime import logfields
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()


async def repeat(work: Callable[[], Awaitable[object]], every_s: float) -> None:
    """Do work at an interval; a time at which the database is away is left out. A task of the service."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await work()
        except DatabaseUnavailable as error:
            log.debug("upkeep waits for the database", **{logfields.ERROR: chain(error)})
