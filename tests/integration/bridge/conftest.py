"""A zone: a real nats-server, a bridge, and a gateway double at the other end of the link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.support.gateway_double import GatewayDouble
from tests.support.services import eventually, ready, running

from fairlead.bridge.service import build
from fairlead.bridge.settings import Settings
from fairlead.cli.parts.nats_server import NatsServer
from fairlead.contracts.streams import CLEAN_LOG
from fairlead.contracts.subjects import NOTICE
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime.bus import Bus, Message, connect
from fairlead.runtime.lifecycle import Scope

QUICK = {"baseDelay": 0.05, "multiplier": 1.2, "maxDelay": 0.2}


def settings_for(nats: NatsServer, address: str, **changes: Any) -> Settings:
    """Settings of a bridge that dials in plaintext and does not wait long; changes are laid over `clouddriver`/`bridge`."""
    link = {"grpc": address, "insecure": True, "backoff": QUICK, **changes.get("clouddriver", {})}
    limits = {"refusedRetrySeconds": 0.1, "drainSeconds": 1, "callTimeoutSeconds": 3, **changes.get("bridge", {})}
    document = {
        "nats": {"url": nats.url},
        "clouddriver": link,
        "bridge": limits,
        "agent": {"id": "pod-1", "zoneId": "fairlead_shop"},
    }
    return Settings.model_validate(document)


@dataclass
class Zone:
    """What a test works with."""

    nats: NatsServer
    gateway: GatewayDouble
    bus: Bus
    """A connection for the watcher's, scrubber's and executor's part."""
    scopes: list[Scope] = field(default_factory=list)
    notices: list[pb.GatewayFrame] = field(default_factory=list)

    async def append(self, *envelopes: bytes) -> None:
        """Write to the clean log, as scrubbers do."""
        for envelope in envelopes:
            await self.bus.jetstream.publish(CLEAN_LOG.subject, envelope, timeout=1)

    async def call(self, subject: str, frame: pb.AgentFrame) -> pb.GatewayFrame:
        """Call the gateway, as watchers and executors do."""
        return pb.GatewayFrame.FromString(await self.bus.request(subject, frame.SerializeToString(), timeout_s=10))

    async def wait_ready(self) -> None:
        """Wait until the bridge is ready."""
        await eventually(lambda: ready(self.scopes), what="readiness")

    async def wait_log_empty(self) -> None:
        """Wait until everything in the clean log was acknowledged."""
        async with asyncio.timeout(20):
            while (await self.bus.jetstream.stream_info(CLEAN_LOG.name)).state.messages:  # noqa: ASYNC110 - nats-server tells nobody
                await asyncio.sleep(0.02)

    def links(self) -> list[tuple[bool, int]]:
        """The link states that the zone was told."""
        return [(n.link_state.connected, n.link_state.connection) for n in self.notices if n.HasField("link_state")]


MakeZone = Callable[..., Any]


@pytest.fixture
def zone_of(nats_server: NatsServer) -> MakeZone:
    """Make a zone around a gateway that listens already, or not at all."""

    @asynccontextmanager
    async def make(gateway: GatewayDouble, **changes: Any) -> AsyncIterator[Zone]:
        settings = settings_for(nats_server, gateway.address, **changes)
        async with AsyncExitStack() as stack:
            bus = await stack.enter_async_context(connect(settings.nats, "test"))
            zone = Zone(nats_server, gateway, bus)

            async def noted(message: Message) -> None:
                zone.notices.append(pb.GatewayFrame.FromString(message.data))

            await bus.subscribe(NOTICE, noted)
            zone.scopes = await stack.enter_async_context(running(build(settings)))
            yield zone

    return make


@pytest.fixture
async def zone(zone_of: MakeZone) -> AsyncIterator[Zone]:
    """A zone whose link stands."""
    async with GatewayDouble().listening() as gateway, zone_of(gateway) as zone:
        await zone.wait_ready()
        yield zone
