"""What a test takes away from the bus, as its administrator."""

from __future__ import annotations

import asyncio

import nats
from nats.js.errors import NotFoundError

from fairlead.cli.stack import Stack

_CONNECT_TIMEOUT_S = 10


def delete_stream(stack: Stack, name: str) -> int:
    """Delete a stream with everything in it; returns how many messages that were, -1 when there was no such stream."""

    async def delete() -> int:
        user, password = stack.bus_login()
        client = await nats.connect(
            stack.nats.url, user=user, password=password, connect_timeout=_CONNECT_TIMEOUT_S, allow_reconnect=False
        )
        try:
            held = (await client.jetstream().stream_info(name)).state.messages
            await client.jetstream().delete_stream(name)
        except NotFoundError:
            return -1
        else:
            return held
        finally:
            await client.close()

    return asyncio.run(delete())
