"""The reading endpoints of Armory's plug-in, for scripts that were written for it."""

from __future__ import annotations

from tests.support.gateway import OTHER_TOKEN, READER_TOKEN, RunningGateway
from tests.support.mirror_data import part, upsert
from tests.support.scripted_bridge import bridge, claimed_before, until
from ulid import ULID

from fairlead.contracts.envelope import Batch, Source
from fairlead.contracts.identity import Resource
from fairlead.contracts.v1 import link_pb2 as pb

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
AGENT_FIELDS = {"accounts", "agentId", "caching", "clouddriverAlive", "clouddriverId", "lastConnection", "type"}
PATHS = (
    "/armory/agents", "/armory/agents/agent-0", "/armory/agent/operations", "/armory/agent/operations/x",
    "/agents/kubernetes/accounts/shop", "/agents/kubernetes/accounts/shop/namespaces",
)  # fmt: skip


async def test_agents(gateway: RunningGateway) -> None:
    """Who is connected; one by name; nobody whose accounts the token may not see."""
    async with bridge(gateway) as agent, gateway.api() as api:
        await agent.claim("shop", "shop-2")
        (shown,) = (await api.get("/armory/agents")).json()
        assert set(shown) == AGENT_FIELDS
        assert (shown["agentId"], shown["accounts"], shown["caching"]) == ("agent-0", ["shop", "shop-2"], True)
        assert shown["lastConnection"].endswith("Z")
        assert (await api.get("/armory/agents/agent-0")).json()["agentId"] == "agent-0"
        assert (await api.get("/armory/agents/agent-9")).status_code == 404
        request = {"name": "few", "kind": "api", "accounts": ["other*"], "verbs": ["read"]}
        token = (await api.post("/v1/tokens", json=request)).json()["token"]
        async with gateway.api(token) as stranger:
            assert (await stranger.get("/armory/agents")).json() == []
            assert (await stranger.get("/armory/agents/agent-0")).status_code == 404
            assert (await stranger.get("/agents/kubernetes/accounts/shop")).json() == {}
            assert (await stranger.get("/agents/kubernetes/accounts/shop/namespaces")).json() == []


async def test_an_account_and_its_namespaces(gateway: RunningGateway) -> None:
    """An unknown one is an empty object; namespaces are those of the mirror, or those that it is limited to."""
    async with gateway.api(READER_TOKEN) as api:
        async with bridge(gateway) as agent:
            assert (await api.get("/agents/kubernetes/accounts/shop")).json() == {}
            await agent.claim("shop")
            limited = pb.AccountClaim(name="shop-2", cluster=pb.ClusterIdentity(uid="cluster-1"), namespaces=["b", "a"])
            await agent.ask(claim_accounts=pb.ClaimAccounts(accounts=[limited]))
            assert (await api.get("/agents/kubernetes/accounts/shop/namespaces")).json() == []
            wanted = pb.Resource(version="v1", plural="namespaces", kind="Namespace")
            opened = await agent.open("shop", wanted)
            source = Source("shop", "cluster-1", NAMESPACES, "", opened.session, opened.epoch)
            events = [upsert(name, 5, uid=name, namespace="") for name in ("web", "default")]
            await agent.until_acked(await agent.send_batch(Batch([source], [part(1, *events, checkpoint=9)])))
            assert (await api.get("/agents/kubernetes/accounts/shop/namespaces")).json() == ["default", "web"]
            assert (await api.get("/agents/kubernetes/accounts/shop-2/namespaces")).json() == ["a", "b"]
            shown = (await api.get("/agents/kubernetes/accounts/shop")).json()
            assert (shown["name"], shown["status"], shown["connections"]) == ("shop", "ACTIVE", 1)
            assert (shown["kubeHost"], shown["kubeVersion"]) == ("https://10.0.0.1:6443", "v1.34.0")

        async def orphaned() -> bool:
            return bool((await api.get("/agents/kubernetes/accounts/shop")).json()["status"] == "ORPHANED")

        await until(orphaned)


async def test_operations(gateway: RunningGateway) -> None:
    """Newest first, in pages; one by its id; those of other accounts are unknown."""
    body = {
        "account": "shop",
        "kind": "get",
        "target": {"kind": "Pod", "namespace": "a", "name": "b", "apiVersion": "v1"},
    }
    await claimed_before(gateway, "shop")
    await claimed_before(gateway, "other", token=OTHER_TOKEN)
    async with gateway.api() as api:
        ids = []
        for number in range(5):
            account = "other" if number == 4 else "shop"
            answer = await api.post("/v1/operations", json=body | {"account": account, "id": str(ULID())})
            assert answer.status_code == 202, answer.text
            ids.append(answer.json()["id"])
        shown = (await api.get("/armory/agent/operations")).json()
        assert sorted(each["operationId"] for each in shown) == sorted(ids)
        assert shown[0]["operationType"] == "Get"
        async with gateway.api(READER_TOKEN) as reader:
            pages = [(await reader.get(f"/armory/agent/operations?items=3&page={page}")).json() for page in (1, 2, 3)]
            assert [len(page) for page in pages] == [3, 1, 0]
            seen = [each["operationId"] for page in pages for each in page]
            assert seen == sorted(ids[:4], reverse=True)
            assert (await reader.get(f"/armory/agent/operations/{ids[0]}")).json()["account"] == "shop"
            for unknown in (ids[4], "nonsense"):
                assert (await reader.get(f"/armory/agent/operations/{unknown}")).status_code == 404
            for query in ("items=0", "items=501", "page=0", "page=101", "limit=3"):
                assert (await reader.get(f"/armory/agent/operations?{query}")).status_code == 400


async def test_nobody_reads_without_a_token(gateway: RunningGateway) -> None:
    """Armory's endpoints relied on the network; these do not, and stand in the API's description."""
    async with gateway.api("") as stranger:
        for path in PATHS:
            assert (await stranger.get(path)).status_code == 401, path
        described = (await stranger.get("/openapi.json")).json()["paths"]
    assert {"/armory/agents", "/armory/agent/operations/{id}", "/agents/kubernetes/accounts/{name}/namespaces"} <= set(
        described
    )
