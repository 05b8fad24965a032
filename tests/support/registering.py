"""A gateway that registers accounts in a fake Clouddriver, and an agent that makes them usable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx
from tests.support.clouddriver_accounts import ClouddriverAccounts
from tests.support.gateway import Authorities, RunningGateway, running_gateway
from tests.support.mirror_data import part, upsert
from tests.support.scripted_bridge import CLUSTER, ScriptedBridge, until

from fairlead.contracts.envelope import Batch, Source
from fairlead.contracts.identity import Resource
from fairlead.contracts.v1 import link_pb2 as pb

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
FACADE = "https://fairlead.example.com:8443"
Roles = list[str]


@asynccontextmanager
async def registering(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts, **chosen: Any
) -> AsyncIterator[RunningGateway]:
    """A gateway that registers, quickly."""
    settings = {
        "url": clouddriver.url, "checkSeconds": 0.05, "timeoutSeconds": 1, "facadeCaFile": str(authorities.directory / "ca.crt"),
    }  # fmt: skip
    async with running_gateway(database, authorities, facade={"url": FACADE}, clouddriver=settings | chosen) as gateway:
        yield gateway


async def claim(agent: ScriptedBridge, account: str = "shop", **roles: Roles) -> None:
    """Claim an account with roles: ``read_roles``, ``write_roles``, ``execute_roles``."""
    claimed = pb.AccountClaim(name=account, cluster=CLUSTER, server_version="v1.34.0")
    for field, given in roles.items():
        getattr(claimed, field).extend(given)
    answer = await agent.ask(claim_accounts=pb.ClaimAccounts(accounts=[claimed]))
    assert answer.claim_verdicts.verdicts[0].granted


async def tell_discovery(agent: ScriptedBridge, account: str = "shop") -> None:
    """Tell what the cluster serves."""
    content = b'{"groups": []}'
    agent._data += 1
    document = pb.Document(
        id=agent._data, account=account, kind=pb.Document.KIND_DISCOVERY, sha256=sha256(content).hexdigest(), last=True,
        content=content)  # fmt: skip
    await agent.send(pb.AgentFrame(document=document))
    await agent.until_acked(agent._data)


async def tell_namespaces(agent: ScriptedBridge, *names: str, account: str = "shop") -> None:
    """Tell the cluster's namespaces."""
    wanted = pb.Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False)
    opened = await agent.open(account, wanted)
    source = Source(account, "cluster-1", NAMESPACES, "", opened.session, opened.epoch)
    events = [upsert(name, 5 + number, uid=name, namespace="") for number, name in enumerate(names)]
    await agent.until_acked(await agent.send_batch(Batch([source], [part(1, *events, checkpoint=9)])))


async def usable(agent: ScriptedBridge, account: str = "shop", **roles: Roles) -> None:
    """Claim an account and tell all that its facade needs."""
    await claim(agent, account, **roles)
    await tell_discovery(agent, account)
    await tell_namespaces(agent, "default", "shop", account=account)


async def stands(api: httpx.AsyncClient, state: str, account: str = "shop", *, saying: str = "") -> dict[str, Any]:
    """Wait until a registration has a state, and says so."""
    found: dict[str, Any] = {}

    async def reached() -> bool:
        found.update((await api.get(f"/v1/accounts/{account}/registration")).json())
        return found["state"] == state and saying in found["message"]

    await until(reached)
    return found
