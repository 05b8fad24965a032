"""Whether the database answers, for readiness."""

from __future__ import annotations

import asyncio

from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.errors import DatabaseUnavailable

INTERVAL_S = 2.0


class Pulse:
    """Asks the database for a sign of life, again and again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._answers = True

    def not_ready(self) -> str | None:
        """Answer a readiness question (`Scope.ready_when`)."""
        return None if self._answers else "PostgreSQL cannot be used (gateway.database); the log says why"

    def missed(self) -> None:
        """Take note that it did not answer somebody else."""
        self._answers = False

    async def feel(self) -> None:
        """Keep asking; a task of the service."""
        while True:
            try:
                async with self._database.transaction() as connection:
                    await connection.execute("select 1")
                self._answers = True
            except DatabaseUnavailable:
                self._answers = False
            await asyncio.sleep(INTERVAL_S)
