"""Whether the database answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self, cast

import pytest
from tests.support.services import eventually

from fairlead.gateway.adapters.postgres import pulse as module
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.pulse import PATIENCE_S, Pulse
from fairlead.gateway.errors import DatabaseUnavailable


class Hanging:
    """`Database` that answers when the test lets it."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()
        self.away = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Self]:
        """One question."""
        self.asked += 1
        await self.go.wait()
        if self.away:
            raise DatabaseUnavailable("away")
        yield self

    async def execute(self, statement: str) -> None:
        """Answer anything."""


async def test_a_question_that_hangs_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway is not ready while it does, and is again with the answer; a refusal counts at once."""
    monkeypatch.setattr(module, "INTERVAL_S", 0.001)
    database, now = Hanging(), 100.0
    pulse = Pulse(cast("Database", database), lambda: now)
    async with asyncio.TaskGroup() as group:
        feeling = group.create_task(pulse.feel())
        await eventually(lambda: database.asked == 1)
        now += PATIENCE_S
        assert pulse.not_ready() is None
        now += 0.1
        assert "does not answer" in (pulse.not_ready() or "")
        database.go.set()
        await eventually(lambda: pulse.not_ready() is None)
        database.away = True
        await eventually(lambda: "cannot be used" in (pulse.not_ready() or ""))
        feeling.cancel()
