"""Subscriptions of executors, on a real nats-server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.support.tcp_proxy import TcpProxy

from fairlead.executor.adapters.subscriptions import SharedSubscriptions
from fairlead.runtime.bus import Bus, BusUnavailable, Message, NoResponder, connect
from fairlead.runtime.sections import NatsSettings

if TYPE_CHECKING:
    from fairlead.cli.parts.nats_server import NatsServer


async def echo(message: Message) -> None:
    """Answer with what came."""
    await message.respond(message.data)


async def hears(bus: Bus) -> bool:
    """Whether nats-server's answers come through."""
    try:
        await bus.request("nobody", b"", timeout_s=0.2)
    except NoResponder:
        return True
    except BusUnavailable:
        return False
    return True


async def test_what_is_open_is_known_to_nats_server(nats_server: NatsServer) -> None:
    """It is open once a request of anybody's would find it, not before; after the close nobody does."""
    with TcpProxy(nats_server.port) as proxy:
        async with (
            connect(NatsSettings(url=nats_server.url), "caller") as caller,
            connect(NatsSettings(url=f"nats://127.0.0.1:{proxy.port}"), "executor") as bus,
            asyncio.TaskGroup() as group,
        ):
            subscriptions = SharedSubscriptions(bus)
            proxy.freeze()
            while await hears(bus):
                continue  # what is under way still comes through
            opening = group.create_task(subscriptions.open({"one": echo, "two": echo}))
            assert await asyncio.wait((opening,), timeout=0.2) == (set(), {opening})

            proxy.thaw()
            await opening
            for subject in ("one", "two"):
                assert await caller.request(subject, b"x", timeout_s=5) == b"x"

            await subscriptions.close()
            await bus.settled()
            for subject in ("one", "two"):
                with pytest.raises(NoResponder):
                    await caller.request(subject, b"x", timeout_s=5)
