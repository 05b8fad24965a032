"""Bridge and scrubber with the rights that nats-server's generated users give them, and no more."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.bridge.conftest import settings_for
from tests.support.gateway_double import GatewayDouble
from tests.support.services import eventually, ready, running
from tests.unit.scrubber.test_flows import raw

from fairlead.bridge import service as bridge
from fairlead.bridge.settings import Settings as BridgeSettings
from fairlead.cli.nats_config import authorization
from fairlead.cli.parts.nats_server import NatsServer
from fairlead.contracts.codec import Decoder
from fairlead.contracts.scrubbing import ScrubReply, Verdict
from fairlead.contracts.streams import CLEAN_LOG
from fairlead.contracts.subjects import CALL_STATES, RAW_BATCH
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime.bus import connect
from fairlead.runtime.sections import NatsSettings
from fairlead.scrubber import service as scrubber
from fairlead.scrubber.settings import Settings as ScrubberSettings


async def test_a_batch_travels_with_generated_permissions(nats_servers: Callable[..., NatsServer]) -> None:
    """A watcher's batch reaches the gateway, is committed and forgotten, and calls are answered."""
    server = nats_servers(config=authorization(lambda user: f'"{user}"', administrator="admin"))

    def user(name: str) -> dict[str, str]:
        return {"url": server.url, "user": name, "password": name}

    async with GatewayDouble().listening() as gateway:
        document = settings_for(server, gateway.address).model_dump() | {"nats": user("bridge")}
        services = (
            bridge.build(BridgeSettings.model_validate(document)),
            scrubber.build(ScrubberSettings.model_validate({"nats": user("scrubber")})),
        )
        async with (
            connect(NatsSettings.model_validate(user("watcher")), "watcher") as watcher,
            connect(NatsSettings.model_validate(user("admin")), "admin") as admin,
            running(*services) as scopes,
        ):
            await eventually(lambda: ready(scopes))
            reply = ScrubReply.decode(await watcher.request(RAW_BATCH, raw(), timeout_s=5))
            assert reply.verdict is Verdict.DONE
            await eventually(lambda: len(gateway.envelopes) == 1)
            event = Decoder(strict=True).decode(gateway.envelopes[0]).parts[0].events[0]
            assert event.redacted
            call = pb.AgentFrame(resource_states=pb.ResourceStates()).SerializeToString()
            answer = pb.GatewayFrame.FromString(await watcher.request(CALL_STATES, call, timeout_s=5))
            assert answer.HasField("done")
            state = (await admin.jetstream.stream_info(CLEAN_LOG.name)).state
            assert state.messages <= 1
