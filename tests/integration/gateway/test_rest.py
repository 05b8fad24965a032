"""REST over the mirror: accounts, freshness, objects; and the pages that explain it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.gateway import READER_TOKEN, Authorities, RunningGateway, running_gateway
from tests.support.mirror_data import PODS, part, upsert
from tests.support.scripted_bridge import ScriptedBridge, bridge

from fairlead.contracts.envelope import Batch, Source
from fairlead.contracts.identity import Resource
from fairlead.contracts.v1 import link_pb2 as pb

METRICS = Resource("metrics.example.com", "v1", "pods", "PodMetrics", namespaced=True)


@pytest.fixture
async def agent(gateway: RunningGateway) -> AsyncIterator[ScriptedBridge]:
    """An agent with six pods in `shop`, one of them withheld, and a resource of an equal plural."""
    async with bridge(gateway) as dialled:
        await dialled.claim("shop")
        opened = await dialled.open("shop")
        source = Source("shop", "cluster-1", PODS, "", opened.session, opened.epoch)
        events = [upsert(f"web-{number}", number + 1, labels={"app": "web", "n": str(number)}) for number in range(5)]
        events.append(replace(upsert("huge", 9), object=b"", withheld="too large"))
        await dialled.send_batch(Batch([source], [part(1, *events, checkpoint=9)]))
        other = await dialled.open("shop", pb.Resource(
            group=METRICS.group, version="v1", plural="pods", kind="PodMetrics", namespaced=True))  # fmt: skip
        source = Source("shop", "cluster-1", METRICS, "", other.session, other.epoch)
        await dialled.until_acked(await dialled.send_batch(Batch([source], [part(1, upsert("m", 3))])))
        yield dialled


@pytest.mark.usefixtures("agent")
async def test_accounts_and_agents(gateway: RunningGateway) -> None:
    """Accounts tell their cluster and whether an agent serves them; agents tell what they serve."""
    async with gateway.api(READER_TOKEN) as api:
        (account,) = (await api.get("/v1/accounts")).json()["items"]
        assert account == (await api.get("/v1/accounts/shop")).json()
        assert (account["name"], account["connected"], account["agents"]) == ("shop", True, ["agent-0"])
        assert account["cluster"] == {"uid": "cluster-1", "server": "10.0.0.1:6443", "caFingerprint": "aa"}
        (agent,) = (await api.get("/v1/agents")).json()["items"]
        assert (agent["agent"], agent["zone"], agent["accounts"]) == ("agent-0", "zone-1", ["shop"])
        for unknown in ("other", "shop-9"):
            assert (await api.get(f"/v1/accounts/{unknown}")).status_code == 404
            assert (await api.get(f"/v1/accounts/{unknown}/resources")).status_code == 404


@pytest.mark.usefixtures("agent")
async def test_the_journal_of_writes(database: str, authorities: Authorities) -> None:
    """A write through the facade stands in the journal, sent or not; only who may see the account sees it."""
    facade = {"url": "https://fairlead.example.com"}
    async with running_gateway(database, authorities, facade=facade) as gateway, gateway.api() as api:
        path = "/v1/accounts/shop/writes"
        assert (await api.get(path)).json() == {"items": []}
        request = {"name": "ann", "kind": "facade", "accounts": ["shop"], "verbs": ["read", "write"]}
        token = (await api.post("/v1/tokens", json=request)).json()["token"]
        async with gateway.api(token) as kubectl:
            for name in ("web-0", "web-1", "web-2"):
                sent = await kubectl.patch(
                    f"/accounts/shop/api/v1/namespaces/shop/pods/{name}",
                    content=b'{"spec": {"password": "hunter2"}}',
                    headers={"Content-Type": "application/merge-patch+json", "Kubectl-Command": "kubectl patch"},
                )
                assert sent.status_code == 503
        first = (await api.get(path, params={"limit": "2"})).json()
        (last,) = (await api.get(path, params={"limit": "2", "continue": first["continue"]})).json()["items"]
        assert [write["name"] for write in (*first["items"], last)] == ["web-2", "web-1", "web-0"]
        told = (last["caller"], last["command"], last["verb"], last["resource"], last["namespace"])
        assert told == ("ann", "kubectl patch", "patch", "pods", "shop")
        assert (last["outcome"], last["dispatched"], last["code"]) == ("unsent", False, None)
        assert "hunter2" not in (await api.get(path)).text
        assert (await api.get("/v1/accounts/shop")).json()["facadeUrl"] == facade["url"]
        assert (await api.get(path, params={"limit": "0"})).status_code == 400
        async with gateway.api(READER_TOKEN) as reader:
            assert (await reader.get(path)).status_code == 200
            assert (await reader.get("/v1/accounts/other/writes")).status_code == 404


async def test_freshness(gateway: RunningGateway, agent: ScriptedBridge) -> None:
    """A resource tells state, checkpoint and rows; what a watcher reports about it shows."""
    state = pb.ResourceState(
        account="shop", resource=pb.Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True),
        state=pb.ResourceState.STATE_REFUSED, message="pods is forbidden",
    )  # fmt: skip
    assert (await agent.ask(resource_states=pb.ResourceStates(states=[state]))).HasField("done")
    async with gateway.api() as api:
        pods, metrics = (await api.get("/v1/accounts/shop/resources")).json()["items"]
        assert (pods["resource"], pods["rows"], pods["checkpoint"]) == ("pods", 6, "9")
        assert (pods["state"], pods["message"]) == ("refused", "pods is forbidden")
        assert (metrics["resource"], metrics["checkpoint"]) == ("pods.metrics.example.com", None)


@pytest.mark.usefixtures("agent")
async def test_objects(gateway: RunningGateway) -> None:
    """Objects are read by kind, labels, name and namespace, page by page, with what is known about each."""
    async with gateway.api() as api:
        path = "/v1/accounts/shop/objects"
        page = (await api.get(path, params={"kind": "Pod", "limit": "4"})).json()
        assert [item["name"] for item in page["items"]] == ["huge", "web-0", "web-1", "web-2"]
        huge, web = page["items"][:2]
        assert (huge["withheld"], huge["object"]) == ("too large", None)
        assert web["object"]["metadata"]["labels"] == {"app": "web", "n": "0"}
        assert page["freshness"][0]["checkpoint"] == "9"
        rest = (await api.get(path, params={"kind": "Pod", "continue": page["continue"]})).json()
        assert [item["name"] for item in rest["items"]] == ["web-3", "web-4"]
        assert "continue" not in rest
        chosen = (await api.get(path, params={"kind": "Pod", "labelSelector": "app=web,n in (1,3)"})).json()
        assert [item["name"] for item in chosen["items"]] == ["web-1", "web-3"]
        named = (await api.get(path, params={"kind": "pod", "namespace": "shop", "name": "web-4"})).json()
        assert [item["name"] for item in named["items"]] == ["web-4"]
        assert (await api.get(path, params={"kind": "Pod", "namespace": "none"})).json()["items"] == []
        slim = (await api.get(path, params={"kind": "Pod", "bodies": "false"})).json()
        assert all("object" not in item for item in slim["items"])
        metrics = (await api.get(path, params={"resource": "pods.metrics.example.com"})).json()
        assert [item["name"] for item in metrics["items"]] == ["m"]


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(
    ("params", "status", "told"),
    [
        ({}, 400, "say which objects"),
        ({"kind": "pods"}, 400, "pods.metrics.example.com"),
        ({"kind": "Deployment"}, 404, "no such resource"),
        ({"kind": "Pod", "labelSelector": "a=b=c"}, 400, "label selector"),
        ({"kind": "Pod", "continue": "%%%"}, 400, "continue"),
        ({"kind": "Pod", "limit": "0"}, 400, "limit"),
        ({"kind": "Pod", "nameSpace": "shop"}, 400, "nameSpace"),
    ],
)
async def test_bad_queries(gateway: RunningGateway, params: dict[str, str], status: int, told: str) -> None:
    """What is wrong with a query is told, with what would be right."""
    async with gateway.api() as api:
        answer = await api.get("/v1/accounts/shop/objects", params=params)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert told in answer.text


async def test_pages_for_machines_and_people(gateway: RunningGateway) -> None:
    """The OpenAPI document and its page are open to all and load nothing from elsewhere; what is not there is a problem."""
    async with gateway.api("") as api:
        document = (await api.get("/openapi.json")).json()
        assert document["openapi"].startswith("3.1")
        assert "manifest" in document["components"]["schemas"]["OperationRequest"]["properties"]
        page = await api.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert all(path in page.text for path in document["paths"])
        assert "http" not in page.text
        missing = await api.get("/v1/nothing")
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
        assert (await api.put("/v1/operations")).status_code == 405


async def test_every_route_is_described(gateway: RunningGateway) -> None:
    """The document and the routes name the same calls."""
    async with gateway.api() as api:
        document = (await api.get("/openapi.json")).json()
        for path, methods in document["paths"].items():
            for method in methods.keys() - {"parameters"}:
                concrete = path.replace("{id}", "01ARZ3NDEKTSV4RRFFQ69G5FAV").replace("{name}", "nobody")
                answer = await api.request(method.upper(), concrete, content=b"{}")
                assert answer.status_code not in (405, 500), (method, path)
                assert "there is nothing here" not in answer.text
