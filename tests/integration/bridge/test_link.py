"""The link itself: greeting, credentials, TLS, hand-over, silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.bridge.conftest import MakeZone, Zone
from tests.support.gateway_double import GatewayDouble
from tests.support.services import eventually, ready

from fairlead.cli.certificates import Authority
from fairlead.cli.parts.ports import free_port
from fairlead.contracts.subjects import CALL_STATES
from fairlead.contracts.v1 import link_pb2 as pb

STATES = pb.AgentFrame(resource_states=pb.ResourceStates())
NOW = datetime.now(UTC)
AUTHORITY = Authority.create("test", NOW)
SERVER = AUTHORITY.issue_server("gateway", ["127.0.0.1", "localhost"], NOW, timedelta(days=1))
CLIENT = AUTHORITY.issue_client("agent", NOW, timedelta(days=1))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Paths of an authority, a foreign one, and a client's identity."""
    contents = {
        "ca": AUTHORITY.pair.certificate,
        "foreign": Authority.create("foreign", NOW).pair.certificate,
        "cert": CLIENT.certificate,
        "key": CLIENT.key,
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.pem").write_bytes(content)
    return {name: str(tmp_path / f"{name}.pem") for name in contents}


def why(zone: Zone) -> str:
    """What the bridge says it lacks for readiness."""
    return zone.scopes[0].not_ready().get("link", "")


async def test_hello(zone: Zone) -> None:
    """The bridge says who it is."""
    hello = zone.gateway.last.hello

    assert (hello.agent_id, hello.zone_id, hello.mode) == ("pod-1", "fairlead_shop", "agent")
    assert hello.protocol_version == 1
    assert hello.software_version


async def test_link_states(zone: Zone) -> None:
    """The zone is told when the link goes down and when it stands again, under another number."""
    await eventually(lambda: zone.links() == [(True, 1)])
    zone.gateway.last.end()
    await eventually(lambda: zone.links()[-1] == (True, 2))

    assert (False, 1) in zone.links()


async def test_hand_over(zone: Zone) -> None:
    """Asked to drain, the bridge has a new connection before it lets go of the old one, whose batches still count."""
    zone.gateway.acknowledges = False
    await zone.append(b"one")
    await eventually(lambda: len(zone.gateway.last.data) == 1)
    old = zone.gateway.last
    old.send(pb.GatewayFrame(drain=pb.Drain(reason="age")))
    await eventually(lambda: len(zone.gateway.connections) == 2)

    assert not old.ended.is_set()
    assert (await zone.call(CALL_STATES, STATES)).HasField("done")
    assert zone.gateway.last.of_kind("resource_states")
    zone.gateway.acknowledges = True
    await zone.append(b"two")
    await eventually(lambda: zone.gateway.last.envelopes == [b"two"])
    old.acknowledge(1)
    await zone.wait_log_empty()
    await eventually(old.ended.is_set)
    assert zone.gateway.envelopes == [b"one", b"two"]
    assert all(connected for connected, _ in zone.links())


async def test_a_hand_over_is_bounded(zone_of: MakeZone) -> None:
    """An old connection that settles nothing ends all the same, and its batches come again."""
    gateway = GatewayDouble(acknowledges=False)
    async with gateway.listening(), zone_of(gateway, bridge={"handOverSeconds": 0.2}) as zone:
        await zone.wait_ready()
        await zone.append(b"one")
        await eventually(lambda: len(gateway.last.data) == 1)
        gateway.acknowledges = True
        gateway.last.send(pb.GatewayFrame(drain=pb.Drain(reason="age")))

        await eventually(lambda: gateway.envelopes == [b"one", b"one"])
        await zone.wait_log_empty()


async def test_a_silent_gateway(zone_of: MakeZone) -> None:
    """A gateway that is not heard of is left for a new connection."""
    gateway = GatewayDouble()
    changes = {"keepAliveHeartbeatSeconds": 0.1, "keepAliveTimeOutSeconds": 0.5}
    async with gateway.listening(), zone_of(gateway, clouddriver=changes) as zone:
        await zone.wait_ready()
        await eventually(lambda: len(gateway.connections) >= 2)

        assert gateway.connections[0].of_kind("heartbeat")


async def test_a_gateway_that_restarts(zone_of: MakeZone) -> None:
    """The link comes back when the gateway does."""
    gateway = GatewayDouble()
    async with gateway.listening():
        pass
    async with zone_of(gateway) as zone:
        for count in (1, 2):
            async with gateway.listening():
                await eventually(lambda count=count: len(gateway.connections) == count)  # type: ignore[misc]
                await zone.wait_ready()
            await eventually(lambda: not ready(zone.scopes))


async def test_token(zone_of: MakeZone, tmp_path: Path) -> None:
    """A refused token is told, and one that is put right in its file is taken up."""
    file = tmp_path / "token"
    file.write_text("wr0ng")
    async with (
        GatewayDouble(token="r1ght").listening() as gateway,
        zone_of(gateway, clouddriver={"auth": {"tokenFile": str(file)}}) as zone,
    ):
        await eventually(lambda: "does not know this agent" in why(zone))
        assert "wr0ng" not in why(zone)
        assert not gateway.connections

        file.write_text("r1ght")
        await zone.wait_ready()


async def test_protocol(zone_of: MakeZone) -> None:
    """A gateway two releases away is refused with what to do; a neighbour is taken."""
    gateway = GatewayDouble()
    gateway.welcome.protocol_version = 3
    async with gateway.listening(), zone_of(gateway) as zone:
        await eventually(lambda: "upgrade the older one" in why(zone))

        gateway.welcome.protocol_version = 2
        await zone.wait_ready()


@pytest.mark.parametrize("mutual", [False, True])
async def test_tls(zone_of: MakeZone, files: dict[str, str], *, mutual: bool) -> None:
    """Over TLS, with and without a client certificate, batches travel as in plaintext."""
    tls = {"cacertFile": files["ca"]}
    if mutual:
        tls |= {"clientCertFile": files["cert"], "clientKeyFile": files["key"]}
    gateway = GatewayDouble()
    authority = AUTHORITY.pair.certificate if mutual else None
    async with (
        gateway.listening(identity=SERVER, client_authority=authority),
        zone_of(gateway, clouddriver={"insecure": False, "tls": tls}) as zone,
    ):
        await zone.wait_ready()
        await zone.append(b"x" * 5_000_000)
        await eventually(lambda: len(gateway.envelopes) == 1)


TLS_FAULTS = [
    ("foreign authority", {"tls": {"cacertFile": "foreign"}}, "clouddriver.tls.cacertFile"),
    ("other name", {"tls": {"cacertFile": "ca", "serverName": "other.example"}}, "clouddriver.tls.serverName"),
    ("plaintext to TLS", {"insecure": True}, "it speaks TLS: remove clouddriver.insecure"),
]


@pytest.mark.parametrize(
    ("changes", "told"), [fault[1:] for fault in TLS_FAULTS], ids=[fault[0] for fault in TLS_FAULTS]
)
async def test_tls_faults(zone_of: MakeZone, files: dict[str, str], changes: dict[str, Any], told: str) -> None:
    """What does not fit between the two sides is named with the setting to look at."""
    tls = {name: files.get(value, value) for name, value in changes.get("tls", {}).items()}
    changes = {"insecure": False, **changes, "tls": tls}
    async with GatewayDouble().listening(identity=SERVER) as gateway, zone_of(gateway, clouddriver=changes) as zone:
        await eventually(lambda: told in why(zone), what=told)


async def test_a_missing_client_certificate(zone_of: MakeZone, files: dict[str, str]) -> None:
    """A gateway that wants a certificate is understood."""
    changes = {"insecure": False, "tls": {"cacertFile": files["ca"]}}
    gateway = GatewayDouble()
    async with (
        gateway.listening(identity=SERVER, client_authority=AUTHORITY.pair.certificate),
        zone_of(gateway, clouddriver=changes) as zone,
    ):
        await eventually(lambda: "clouddriver.tls.clientCertFile" in why(zone))


async def test_tls_to_plaintext(zone_of: MakeZone, files: dict[str, str]) -> None:
    """A gateway without TLS is understood."""
    changes = {"insecure": False, "tls": {"cacertFile": files["ca"]}}
    async with GatewayDouble().listening() as gateway, zone_of(gateway, clouddriver=changes) as zone:
        await eventually(lambda: "does not speak TLS" in why(zone), within_s=40)


@pytest.mark.parametrize(
    ("address", "told"),
    [("no-such-host.invalid:9091", "cannot be resolved"), ("127.0.0.1:{free}", "nothing listens there")],
)
async def test_addresses(zone_of: MakeZone, address: str, told: str) -> None:
    """A name that has no address, and a port where nobody listens, are told apart."""
    address = address.format(free=free_port())
    async with zone_of(GatewayDouble(), clouddriver={"grpc": address}) as zone:
        await eventually(lambda: told in why(zone), within_s=40)
