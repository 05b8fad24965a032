"""Kinds of a scripted API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.scripted_api import Reply, ScriptedApi, failure, kubeconfig_of, reply

from fairlead.executor.adapters.kinds import Kinds
from fairlead.executor.adapters.kubernetes import KubernetesCluster
from fairlead.executor.errors import ApiRefused, NoKindMatch
from fairlead.kube.credentials import Credentials, from_kubeconfig
from fairlead.kube.errors import ApiError
from fairlead.kube.session import KubeSession


def version(
    name: str, *kinds: str, scope: str = "Namespaced", freshness: str = "Current", **more: Any
) -> dict[str, Any]:
    """One version of a group."""
    resources = [
        {
            "resource": f"{kind.lower()}s",
            "responseKind": {"kind": kind},
            "scope": scope,
            "verbs": ["list", "watch"],
            **more,
        }
        for kind in kinds
    ]
    return {"version": name, "freshness": freshness, "resources": resources}


def groups(**versions: list[dict[str, Any]]) -> Reply:
    """An aggregated discovery document; ``_`` in a group's name stands for a dot."""
    items = [{"metadata": {"name": name.replace("_", ".")}, "versions": found} for name, found in versions.items()]
    return reply({"kind": "APIGroupDiscoveryList", "items": items})


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    """An API server with one name in two groups, two versions, and a group that discovery could not read."""
    async with ScriptedApi() as server:
        server.on(
            "/api",
            reply(
                {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {}, "versions": [version("v1", "Service")]}]}
            ),
        )
        server.on(
            "/apis",
            groups(
                apps=[version("v1", "Deployment", shortNames=["deploy"]), version("v1beta1", "Deployment")],
                mesh_test=[version("v1", "Service", "Gateway")],
                slow_test=[version("v1", freshness="Stale")],
                rbac=[version("v1", "ClusterRole", scope="Cluster")],
            ),
        )
        yield server


@pytest.fixture
async def kinds(api: ScriptedApi) -> AsyncIterator[Kinds]:
    """Its kinds."""
    async with KubeSession(await from_kubeconfig(kubeconfig_of(api.url), no_proxy=True)) as session:

        async def opened() -> KubeSession:
            return session

        yield Kinds(opened)


@pytest.mark.parametrize(
    ("api_version", "kind", "found"),
    [
        ("", "Service", "v1"), ("", "service.mesh.test", "mesh.test/v1"), ("mesh.test/v1", "Service", "mesh.test/v1"),
        ("", "gateways", "mesh.test/v1"), ("", "deploy", "apps/v1"), ("apps/v1beta1", "Deployment", "apps/v1beta1"),
    ],
)  # fmt: skip
async def test_kinds_are_found_as_they_are_named(kinds: Kinds, api_version: str, kind: str, found: str) -> None:
    """Built-in before custom, the preferred version, a group that is named, a short name, a manifest's own version."""
    assert (await kinds.resolve(api_version, kind)).api_version == found


async def test_a_group_that_discovery_missed_is_asked_live(api: ScriptedApi, kinds: Kinds) -> None:
    """It says what it has; one that cannot be asked is a failure, not a missing kind; a healthy group is not asked again."""
    served = {"resources": [{"name": "snails", "kind": "Snail", "namespaced": True}]}
    api.on(
        "/apis/slow.test/v1",
        reply(served),
        failure(503, "ServiceUnavailable", "no endpoints"),
        failure(404, "NotFound"),
    )

    assert (await kinds.resolve("slow.test/v1", "Snail")).plural == "snails"
    with pytest.raises(ApiError, match="no endpoints"):
        await kinds.resolve("slow.test/v1", "Snail")
    with pytest.raises(NoKindMatch, match=r"could not be asked: slow\.test"):
        await kinds.resolve("slow.test/v1", "Snail")
    with pytest.raises(NoKindMatch):
        await kinds.resolve("mesh.test/v1", "Snail")
    assert [seen.path for seen in api.seen].count("/apis/slow.test/v1") == 3


async def test_cluster_scoped_kinds_may_be_out_of_bounds(api: ScriptedApi) -> None:
    """Of an account with `onlyNamespacedResources`."""

    async def login() -> Credentials:
        return await from_kubeconfig(kubeconfig_of(api.url), no_proxy=True)

    async with KubernetesCluster("shore", login, only_namespaced=True) as cluster:
        assert (await cluster.resolve("", "Deployment")).namespaced
        with pytest.raises(ApiRefused, match="403") as refused:
            await cluster.resolve("", "ClusterRole")
    assert "onlyNamespacedResources" in refused.value.message
