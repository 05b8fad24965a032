"""Hints between gateways through LISTEN and NOTIFY. They may be lost; whoever waits for one also looks by himself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from psycopg import AsyncConnection

from fairlead.gateway.adapters.postgres.pool import conninfo_of, translated
from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.ports.operations import Notice
from fairlead.runtime.backoff import Backoff

CHANNEL = "fairlead_operations"


async def notify(connection: AsyncConnection[Any], topic: str, key: str) -> None:
    """Give a hint when the transaction commits."""
    await connection.execute("select pg_notify(%s, %s)", [CHANNEL, f"{topic}:{key}"])


class PostgresNotices:
    """`NoticeBoard` over a connection of its own.

    Args:
        dsn: of the database.
        channel: which hints.

    """

    def __init__(self, dsn: str, channel: str = CHANNEL) -> None:
        self._conninfo = conninfo_of(dsn)
        self._channel = channel

    async def stream(self) -> AsyncIterator[Notice]:
        """Every hint from now on; after a break of the connection one with the topic ``missed``."""
        backoff = Backoff(base_s=0.2, max_s=10.0)
        while True:
            try:
                async for notice in self._connected():
                    backoff.reset()
                    yield notice
            except DatabaseUnavailable:
                await asyncio.sleep(backoff.next_s())

    async def _connected(self) -> AsyncIterator[Notice]:
        with translated():
            async with await AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
                await connection.execute(f"listen {self._channel}")
                yield Notice("missed", "")
                async for notification in connection.notifies():
                    topic, _, key = notification.payload.partition(":")
                    yield Notice(topic, key)
