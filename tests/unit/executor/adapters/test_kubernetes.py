"""The adapter to API servers, against a scripted one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from tests.support.executor_doubles import CONFIG_MAP, PATH
from tests.support.scripted_api import Reply, ScriptedApi, failure, kubeconfig_of, reply

from fairlead.executor.adapters import kinds
from fairlead.executor.adapters.kubernetes import KubernetesCluster, KubernetesClusters
from fairlead.executor.core.plan import ApiRequest
from fairlead.executor.errors import ApiRefused, NoAnswer, NoKindMatch
from fairlead.kube.credentials import Credentials, from_kubeconfig
from fairlead.kube.errors import CredentialsError

GET = ApiRequest("GET", PATH)
WATCH = ApiRequest("GET", PATH, (("watch", "1"),))


def discovery(*kinds: str) -> Reply:
    """An aggregated discovery document of a core group."""
    resources = [
        {
            "resource": f"{kind.lower()}s",
            "responseKind": {"kind": kind},
            "scope": "Namespaced",
            "verbs": ["list", "watch"],
        }
        for kind in kinds
    ]
    groups = [{"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": resources}]}]
    return reply({"kind": "APIGroupDiscoveryList", "items": groups})


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    """An API server that serves ConfigMaps."""
    async with ScriptedApi() as server:
        server.on("/api", discovery("ConfigMap"))
        server.on("/apis", reply({"kind": "APIGroupDiscoveryList", "items": []}))
        yield server


@pytest.fixture
async def cluster(api: ScriptedApi) -> AsyncIterator[KubernetesCluster]:
    """The account of that server."""

    async def login() -> Credentials:
        return await from_kubeconfig(kubeconfig_of(api.url), no_proxy=True)

    async with KubernetesCluster("shore", login) as cluster:
        yield cluster


async def test_requests_carry_their_audit_id(api: ScriptedApi, cluster: KubernetesCluster) -> None:
    """The header names the operation; parameters and content type go along; managedFields stay behind."""
    api.on(PATH, reply({"metadata": {"name": "cargo", "managedFields": [1]}}, 201))

    request = ApiRequest("PATCH", PATH, (("fieldManager", "deck"),), "application/apply-patch+yaml", b"{}")
    answer = await cluster.send(request, audit_id="01.1", timeout_s=5)

    (seen,) = api.seen
    assert (seen.method, seen.path, seen.body) == ("PATCH", f"{PATH}?fieldManager=deck", b"{}")
    assert (seen.headers["Audit-ID"], seen.headers["Content-Type"]) == ("01.1", "application/apply-patch+yaml")
    assert (answer.status, json.loads(answer.body)) == (201, {"metadata": {"name": "cargo"}})


async def test_failures_have_their_meaning(api: ScriptedApi, cluster: KubernetesCluster) -> None:
    """A Status is a refusal with its whole message, a cut is a doubt, and no connection is none."""
    api.on(PATH, failure(409, "Conflict", "long " * 200))
    with pytest.raises(ApiRefused) as refused:
        await cluster.send(GET, audit_id="01.1", timeout_s=5)
    assert (refused.value.code, refused.value.reason, refused.value.message) == (409, "Conflict", "long " * 200)

    api.on(PATH, Reply(ending="cut"))
    with pytest.raises(NoAnswer) as cut:
        await cluster.send(ApiRequest("POST", PATH, body=b"{}"), audit_id="01.1", timeout_s=5)
    assert cut.value.maybe_sent

    async def login() -> Credentials:
        return await from_kubeconfig(kubeconfig_of("http://127.0.0.1:9"), no_proxy=True)

    async with KubernetesCluster("nowhere", login) as nowhere:
        with pytest.raises(NoAnswer) as unreachable:
            await nowhere.send(GET, audit_id="01.1", timeout_s=5)
    assert not unreachable.value.maybe_sent


async def test_a_request_has_a_limit_of_its_own(api: ScriptedApi) -> None:
    """`timeoutSeconds` bounds each request, however much time its operation has."""
    api.on(PATH, Reply(ending="silence"))

    async def login() -> Credentials:
        return await from_kubeconfig(kubeconfig_of(api.url), no_proxy=True)

    async with KubernetesCluster("shore", login, request_limit_s=1.0) as limited, asyncio.timeout(20):
        with pytest.raises(NoAnswer) as late:
            await limited.send(ApiRequest("DELETE", PATH, body=b"{}"), audit_id="01.1", timeout_s=3600)
    assert late.value.maybe_sent


async def test_bad_credentials_are_no_answer_and_may_get_better() -> None:
    """A session is opened by the first who needs it, and again after a failure."""
    tries = []

    async def login() -> Credentials:
        tries.append(1)
        raise CredentialsError("no such file")

    async with KubernetesCluster("shore", login) as cluster:
        for _ in range(2):
            with pytest.raises(NoAnswer, match="no such file"):
                await cluster.who_am_i()
    assert len(tries) == 2


async def test_kinds_are_found_and_looked_for_once_more(
    api: ScriptedApi, cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A known kind costs nothing, an unknown one a look, not more than one a second; the refusal tells what is near."""
    monkeypatch.setattr(kinds, "DISCOVERY_PAUSE_S", 3600)
    assert await cluster.resolve("v1", "ConfigMap") == CONFIG_MAP
    assert await cluster.resolve("", "configmaps") == CONFIG_MAP
    assert len(api.seen) == 2

    with pytest.raises(NoKindMatch, match=r"serves no v2 ConfigMap; it has v1 ConfigMap"):
        await cluster.resolve("v2", "ConfigMap")
    with pytest.raises(NoKindMatch, match=r"serves no ConfigMop; it has v1 ConfigMap"):
        await cluster.resolve("", "ConfigMop")
    assert len(api.seen) == 2

    monkeypatch.setattr(kinds, "DISCOVERY_PAUSE_S", 0)
    api.on("/api", discovery("ConfigMap", "Whale"))
    assert (await cluster.resolve("v1", "Whale")).plural == "whales"
    assert len(api.seen) == 4


async def test_a_kind_that_went_is_forgotten(api: ScriptedApi, cluster: KubernetesCluster) -> None:
    """When the server knows nothing of a path, the next operation asks it anew; a missing object is no such case."""
    await cluster.resolve("v1", "ConfigMap")
    api.on(
        PATH,
        failure(404, "NotFound", 'configmaps "cargo" not found'),
        failure(404, "NotFound", "the server could not find the requested resource"),
    )
    for asked in (2, 4):
        with pytest.raises(ApiRefused):
            await cluster.send(GET, audit_id="01.1", timeout_s=5)
        await cluster.resolve("v1", "ConfigMap")
        assert len([seen for seen in api.seen if seen.path != PATH]) == asked


async def test_pages(api: ScriptedApi, cluster: KubernetesCluster) -> None:
    """Items name their type and lose managedFields; what is no list is no answer."""
    item = {"metadata": {"name": "cargo", "namespace": "sea", "uid": "u", "resourceVersion": "7", "managedFields": []}}
    api.on(PATH, reply({"metadata": {"resourceVersion": "9", "continue": "t"}, "items": [item]}), reply({"items": 1}))

    page = await cluster.page(GET, CONFIG_MAP, audit_id="01.1.list", timeout_s=5)

    assert (page.version, page.token, page.remaining) == ("9", "t", None)
    found = json.loads(page.items[0])
    assert (found["kind"], found["metadata"].get("managedFields")) == ("ConfigMap", None)
    with pytest.raises(NoAnswer):
        await cluster.page(GET, CONFIG_MAP, audit_id="01.1.list", timeout_s=5)


async def test_watching_for_the_end(api: ScriptedApi, cluster: KubernetesCluster) -> None:
    """DELETED is the end; a watch that ends without it, or with an error, is not."""
    lines = [json.dumps({"type": kind, "object": {}}).encode() + b"\n" for kind in ("MODIFIED", "DELETED")]
    api.on(PATH, Reply(chunks=tuple(lines), ending="silence"), Reply(chunks=(lines[0],)), failure(403, "Forbidden"))

    assert await cluster.wait_deleted(WATCH, audit_id="01.1.wait", timeout_s=5)
    assert not await cluster.wait_deleted(WATCH, audit_id="01.1.wait", timeout_s=5)
    with pytest.raises(ApiRefused):
        await cluster.wait_deleted(WATCH, audit_id="01.1.wait", timeout_s=5)
    assert api.seen[0].headers["Audit-ID"] == "01.1.wait"
    assert api.seen[0].query["timeoutSeconds"] == "5"


def test_accounts(cluster: KubernetesCluster) -> None:
    """Only configured accounts have a cluster."""
    clusters = KubernetesClusters({"shore": cluster})

    assert clusters.cluster("shore") is cluster
    assert clusters.cluster("other") is None
