"""The demo's shop."""

from __future__ import annotations

import asyncio

from tests.support.services import eventually

from fairlead.simcluster import SimCluster
from fairlead.simcluster.shop import NAMESPACES, Shop


def _kinds(cluster: SimCluster) -> set[str]:
    return {table.name for table, entry in cluster.state.store.entries() if entry.namespace in NAMESPACES}


def test_the_shop_has_all_sorts() -> None:
    """Every kind a demo wants to show, all with what they refer to."""
    cluster = SimCluster()
    Shop(cluster).open()
    cluster.settle()

    assert {
        "configmaps",
        "secrets",
        "services",
        "pods",
        "apps/deployments",
        "apps/replicasets",
        "apps/statefulsets",
        "apps/daemonsets",
        "batch/cronjobs",
        "networking.k8s.io/ingresses",
        "networking.k8s.io/networkpolicies",
        "autoscaling/horizontalpodautoscalers",
    } <= _kinds(cluster)
    maps = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in cluster.list("configmaps")}
    for each in cluster.list("deployments.apps"):
        metadata = each["metadata"]
        assert (metadata["namespace"], f"{metadata['name']}-settings") in maps


def test_churn_is_gentle_and_repeatable() -> None:
    """The same seed makes the same changes; the shop neither grows nor dies."""
    sizes = []
    for _ in range(2):
        cluster = SimCluster()
        shop = Shop(cluster, seed=3)
        shop.open()
        for _ in range(60):
            shop.churn()
            cluster.settle()
        sizes.append(len(cluster.list("deployments.apps")))
        assert len(cluster.list("configmaps")) == 9

    assert sizes == [7, 7]


def test_what_a_visitor_deletes_stays_deleted() -> None:
    """Churn passes over it."""
    cluster = SimCluster()
    shop = Shop(cluster)
    shop.open()
    for namespace in NAMESPACES:
        for each in cluster.list("deployments.apps", namespace):
            cluster.delete("deployments.apps", each["metadata"]["name"], namespace)
    for _ in range(40):
        shop.churn()

    assert cluster.list("deployments.apps") == []


async def test_the_shop_lives_on_its_own() -> None:
    """Changes come without anybody asking."""
    cluster = SimCluster()
    shop = Shop(cluster)
    shop.open()
    version = cluster.version
    async with asyncio.TaskGroup() as group:
        living = group.create_task(shop.run(0.01))
        await eventually(lambda: cluster.version > version)
        living.cancel()
