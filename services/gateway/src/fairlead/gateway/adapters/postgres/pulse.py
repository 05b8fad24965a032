"""Whether the database answers, for readiness."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.errors import DatabaseUnavailable

INTERVAL_S = 2.0
PATIENCE_S = 5.0
"""A question that is open for longer counts as not answered: a server whose storage hangs refuses nothing."""


class Pulse:
    """Asks the database for a sign of life, again and again.

    Args:
        database: whom it asks.
        clock: seconds of a clock that only goes on.

    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._answers = True
        self._asked: float | None = None
        """When the question that is open was asked."""

    def not_ready(self) -> str | None:
        """Answer a readiness question (`Scope.ready_when`)."""
        if self._asked is not None and self._clock() - self._asked > PATIENCE_S:
            return "PostgreSQL does not answer (gateway.database)"
        return None if self._answers else "PostgreSQL cannot be used (gateway.database); the log says why"

    def missed(self) -> None:
        """Take note that it did not answer somebody else."""
        self._answers = False

    async def feel(self) -> None:
        """Keep asking; a task of the service."""
        while True:
            self._asked = self._clock()
            try:
                async with self._database.transaction() as connection:
                    await connection.execute("select 1")
                self._answers = True
            except DatabaseUnavailable:
                self._answers = False
            self._asked = None
            await asyncio.sleep(INTERVAL_S)
