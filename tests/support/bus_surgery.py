"""What a test asks and takes away of the bus, as its administrator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from fairlead.cli.stack import Stack

_CONNECT_TIMEOUT_S = 10


@asynccontextmanager
async def _administrator(stack: Stack) -> AsyncIterator[JetStreamContext]:
    user, password = stack.bus_login()
    client = await nats.connect(
        stack.nats.url, user=user, password=password, connect_timeout=_CONNECT_TIMEOUT_S, allow_reconnect=False
    )
    try:
        yield client.jetstream()
    finally:
        await client.close()


def held(stack: Stack, name: str) -> int:
    """How many messages a stream holds, -1 when there is no such stream."""

    async def ask() -> int:
        async with _administrator(stack) as jetstream:
            try:
                return (await jetstream.stream_info(name)).state.messages
            except NotFoundError:
                return -1

    return asyncio.run(ask())


def delete_stream(stack: Stack, name: str) -> bool:
    """Delete a stream with everything in it; whether there was one."""

    async def delete() -> bool:
        async with _administrator(stack) as jetstream:
            try:
                return await jetstream.delete_stream(name)
            except NotFoundError:
                return False

    return asyncio.run(delete())
