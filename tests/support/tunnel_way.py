"""The whole way of a tunnel: the gateway's end of the link, a bridge, nats-server, an executor, and what is behind it."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.gateway_doubles import MemoryLinks, RememberingMirror
from tests.support.services import eventually, ready, running

from fairlead.bridge import service as bridge
from fairlead.bridge.settings import Settings as BridgeSettings
from fairlead.cli.parts.ports import free_ports
from fairlead.cli.parts.processes import Process
from fairlead.contracts.codec import Decoder
from fairlead.contracts.subjects import CALL_CLAIM
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.executor import service as executor
from fairlead.executor.settings import Settings as ExecutorSettings
from fairlead.gateway.adapters.link import server
from fairlead.gateway.core.doors import Door
from fairlead.gateway.core.tokens import Grant, Kind
from fairlead.gateway.errors import TunnelLost, TunnelUnavailable
from fairlead.gateway.flows.link.connection import LinkTiming
from fairlead.gateway.flows.links import Gateway, Links
from fairlead.gateway.flows.tunnel import AgentTunnel
from fairlead.gateway.ports.tunnel import TunnelRequest
from fairlead.runtime.bus import BusUnavailable, NoResponder, connect
from fairlead.runtime.lifecycle import Scope, Service
from fairlead.runtime.sections import NatsSettings

ACCOUNT = "shore"
CLAIM_S = 30.0
AT_ONCE_S = 2.9
"""What ends because it was told to has ended by then; what a lease alone would end, has 3 s to go at least."""
QUICK = {"baseDelay": 0.05, "multiplier": 1.2, "maxDelay": 0.2}
GRANT = Grant("agent", Kind.AGENT, ("*",))


class Silence:
    """What the links tell operations: nobody listens."""

    async def report(self, report: pb.OperationReport) -> None:
        """Forget a report."""

    async def account_claimed(self, account: str, link: str) -> None:
        """Forget a claim."""

    async def link_lost(self, link: str) -> None:
        """Forget an end."""


class Keeper:
    """Lets every agent in."""

    async def by_token(self, token: str, kind: Kind) -> Grant | None:
        """One grant for all."""
        return GRANT

    def by_certificate(self, names: tuple[str, ...]) -> Grant | None:
        """Nobody has a certificate."""
        return None

    def holds(self, grant: Grant) -> bool:
        """It is never taken back."""
        return True


@dataclass
class GatewayEnd:
    """The gateway's end of the link without a database."""

    tunnels: int = 256
    links: Links = field(init=False)
    port: int = 0

    def __post_init__(self) -> None:
        mirror, store = RememberingMirror(), MemoryLinks()
        timing = LinkTiming(tunnels=self.tunnels)
        holds = lambda _: True  # noqa: E731
        self.links = Links(
            Gateway("gateway-1", "0.1.0"), timing, mirror, store, store, Decoder(strict=True), holds, Silence()
        )

    @property
    def tunnel(self) -> AgentTunnel:
        """What is tested."""
        return AgentTunnel(self.links)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[GatewayEnd]:
        """Listen, on the same port each time."""
        async with server.listen(Door("test", self.port), Keeper(), self.links) as self.port:
            yield self


@dataclass
class Way:
    """What a test works with."""

    gateway: GatewayEnd
    nats_url: str
    link_port: int
    """Where bridges dial; a proxy may stand there."""
    scopes: dict[str, Scope] = field(default_factory=dict)
    """Of the parts that run in this process."""

    @property
    def tunnel(self) -> AgentTunnel:
        """What is tested."""
        return self.gateway.tunnel

    def bridge(self, nats_url: str = "", **changes: Any) -> dict[str, Any]:
        """Settings of a bridge that does not wait long."""
        return {
            "nats": bus_of(nats_url or self.nats_url),
            "clouddriver": {
                "grpc": f"127.0.0.1:{self.link_port}",
                "insecure": True,
                "noProxy": True,
                "backoff": QUICK,
                "auth": {"token": "any-will-do"},
            },
            "bridge": {"drainSeconds": 1, "operationTimeoutSeconds": 2, **changes},
            "agent": {"id": "pod-1", "zoneId": "zone-1"},
        }

    async def claim(self) -> None:
        """Claim the account as a watcher does, once the link stands."""
        claim = pb.AccountClaim(name=ACCOUNT, cluster=pb.ClusterIdentity(uid="cluster-1"))
        frame = pb.AgentFrame(call=1, claim_accounts=pb.ClaimAccounts(accounts=[claim])).SerializeToString()
        async with (
            connect(NatsSettings.model_validate(bus_of(self.nats_url)), "watcher") as bus,
            asyncio.timeout(CLAIM_S),
        ):
            while True:
                with suppress(NoResponder, BusUnavailable):
                    answer = pb.GatewayFrame.FromString(await bus.request(CALL_CLAIM, frame, timeout_s=5))
                    if answer.HasField("claim_verdicts"):
                        return
                await asyncio.sleep(0.05)

    async def until_carried(self) -> None:
        """Wait until exchanges get through again."""
        async with asyncio.timeout(CLAIM_S):
            while True:
                with suppress(TunnelUnavailable, TunnelLost):
                    async with self.tunnel.exchange(request("GET", "/again")):
                        return
                await asyncio.sleep(0.05)


def bus_of(url: str) -> dict[str, str]:
    """Settings of nats-server, from an URL that may name a user whose password is its name."""
    scheme, _, rest = url.partition("://")
    user, _, address = rest.rpartition("@")
    return {"url": f"{scheme}://{address}", "user": user, "password": user}


def executor_of(nats_url: str, kubeconfig: Path | str, **changes: Any) -> dict[str, Any]:
    """Settings of an executor of one account."""
    account = {"name": ACCOUNT, "kubeconfigFile": str(kubeconfig), "noProxy": True}
    return {"nats": bus_of(nats_url), "kubernetes": {"accounts": [account]}, "executor": changes}


def request(method: str, target: str, **more: Any) -> TunnelRequest:
    """A request under an id of its own."""
    return TunnelRequest(id=f"01{secrets.token_hex(12).upper()}", account=ACCOUNT, method=method, target=target, **more)


@asynccontextmanager
async def standing(
    nats_url: str,
    kubeconfig: Path | str,
    *,
    parts: Sequence[str] = ("bridge", "executor"),
    bus_urls: Mapping[str, str] = {},
    link_port: Callable[[int], int] = lambda port: port,
    **options: Any,
) -> AsyncIterator[Way]:
    """A way that stands.

    Args:
        nats_url: of nats-server.
        kubeconfig: to what is behind it.
        parts: those that run in this process; the account is claimed when the bridge does.
        bus_urls: by part, where it finds nats-server instead; a proxy may stand there.
        link_port: from the gateway's port, where the bridge dials instead.
        options: settings under ``bridge`` and ``executor``, and ``tunnels``, the gateway's.

    """
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(GatewayEnd(options.get("tunnels", 256)).listening())
        way = Way(gateway, nats_url, link_port(gateway.port))
        services: list[Service] = []
        if "bridge" in parts:
            urls = bus_urls.get("bridge", nats_url)
            services.append(bridge.build(BridgeSettings.model_validate(way.bridge(urls, **options.get("bridge", {})))))
        if "executor" in parts:
            urls = bus_urls.get("executor", nats_url)
            services.append(
                executor.build(
                    ExecutorSettings.model_validate(executor_of(urls, kubeconfig, **options.get("executor", {})))
                )
            )
        scopes = await stack.enter_async_context(running(*services))
        way.scopes = {scope.name: scope for scope in scopes}
        await eventually(lambda: ready(scopes), what="readiness")
        if "bridge" in parts:
            await way.claim()
        yield way


async def as_process(directory: Path, part: str, document: Mapping[str, Any]) -> Process:
    """Start a part as a process of its own; whoever asks ends it."""
    health, metrics = free_ports(2)
    config = directory / f"{part}-{health}.yaml"
    listeners = {"host": "127.0.0.1", "port": health, "metricsPort": metrics}
    config.write_text(json.dumps({**document, "health": listeners}), encoding="utf-8")
    log = directory / f"{part}-{health}.log"
    command = [sys.executable, "-m", f"fairlead.{part}"]
    process = Process(f"{part}-{health}", command, log=log, extra_env={"FAIRLEAD_CONFIG": str(config)})

    def started() -> bool:
        entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        return any((entry["event"], entry.get("task")) == ("started", part) for entry in entries)

    await asyncio.to_thread(process.start, started, timeout_s=60)
    return process
