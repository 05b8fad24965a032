"""The cluster in a test's hands."""

from __future__ import annotations

import asyncio
import json
import ssl

import aiohttp
import pytest
from tests.unit.simcluster.calls import config_map, definition, workload

from fairlead.simcluster import SimCluster
from fairlead.simcluster.errors import StatusError


def test_a_fresh_cluster_has_its_namespaces_and_nodes() -> None:
    """kube-system has a uid of its own in each cluster."""
    one, other = SimCluster(nodes=2), SimCluster()

    assert [each["metadata"]["name"] for each in one.list("nodes")] == ["node-1", "node-2"]
    uids = [(each.get("namespaces", "kube-system") or {})["metadata"]["uid"] for each in (one, other)]
    assert uids[0] != uids[1]


def test_objects_from_python() -> None:
    """Create, apply, patch, list, delete; failures as the server's."""
    cluster = SimCluster()
    made = cluster.create(config_map("a", x="1"))
    applied = cluster.apply(config_map("a", x="2"), manager="me")
    patched = cluster.patch("configmaps", "a", {"data": {"y": "3"}})

    assert made["kind"] == "ConfigMap"
    assert applied["data"] == {"x": "2"}
    assert patched["data"] == {"x": "2", "y": "3"}
    assert [each["metadata"]["name"] for each in cluster.list("configmaps", "default")] == ["a"]
    cluster.delete("configmaps", "a")
    assert cluster.get("configmaps", "a") is None
    for failing in (lambda: cluster.delete("configmaps", "a"), lambda: cluster.list("gadgets")):
        with pytest.raises(StatusError) as caught:
            failing()
        assert caught.value.code == 404


def test_definitions_from_python() -> None:
    """A custom kind is usable at once."""
    cluster = SimCluster()
    cluster.create({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", **definition()})
    cluster.create({"apiVersion": "shop.example/v1", "kind": "Widget", "metadata": {"name": "w"}})
    cluster.settle()

    assert len(cluster.list("widgets.shop.example")) == 1


def test_a_backup_takes_the_cluster_back() -> None:
    """Versions run backwards, or jump when bumped."""
    cluster = SimCluster()
    cluster.create(config_map("a"))
    backup = cluster.backup()
    cluster.create(config_map("b"))
    late = cluster.version
    cluster.restore(backup)

    assert cluster.version < late
    assert cluster.get("configmaps", "b") is None
    assert cluster.get("configmaps", "a") is not None
    cluster.restore(backup, bump=1_000_000)
    assert cluster.version > late


def test_kubeconfigs_name_their_user() -> None:
    """By token or by certificate."""
    cluster = SimCluster(name="sim")
    by_token, by_certificate = (
        json.loads(cluster.kubeconfig(client_certificate=certificate)) for certificate in (False, True)
    )

    assert by_token["current-context"] == "sim"
    assert by_token["users"][0]["user"] == {"token": cluster.admin_token}
    assert set(by_certificate["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


async def test_a_restart_keeps_objects_and_port() -> None:
    """Connections break, the address stays."""
    cluster = SimCluster(pod_start_s=0.01)
    async with cluster:
        address = cluster.server
        cluster.create(config_map("a"))
    context = ssl.create_default_context(cadata=cluster.ca_certificate.decode())
    headers = {"Authorization": f"Bearer {cluster.admin_token}"}
    async with aiohttp.ClientSession(address, headers=headers, connector=aiohttp.TCPConnector(ssl=context)) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get("/readyz")
        async with cluster, session.get("/api/v1/namespaces/default/configmaps/a") as response:
            assert response.status == 200
            assert cluster.server == address


async def test_workloads_come_alive() -> None:
    """While the cluster runs."""
    async with SimCluster(pod_start_s=0.01) as cluster:
        cluster.create(workload("Deployment", "web", 2))
        async with asyncio.timeout(5):
            while True:
                web = cluster.get("deployments.apps", "web")
                assert web is not None
                if web["status"].get("availableReplicas") == 2:
                    break
                await asyncio.sleep(0.01)
