"""Logs that are followed over a connection."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest

from fairlead.simcluster import SimCluster

LOG = "/api/v1/namespaces/default/pods/a/log"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a"},
    "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": "i"}]},
}


@pytest.fixture
async def cluster() -> AsyncIterator[SimCluster]:
    """A cluster with a pod that runs."""
    async with SimCluster(pod_start_s=0.0, pod_stop_s=0.0) as cluster:
        cluster.create(POD)
        cluster.settle()
        yield cluster


@pytest.fixture
async def session(cluster: SimCluster) -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    context = ssl.create_default_context(cadata=cluster.ca_certificate.decode())
    headers = {"Authorization": f"Bearer {cluster.admin_token}"}
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(cluster.server, headers=headers, connector=connector) as session:
        yield session


async def test_lines_come_as_they_are_printed(cluster: SimCluster, session: aiohttp.ClientSession) -> None:
    """Until the pod is deleted."""
    async with asyncio.timeout(10), session.get(LOG, params={"follow": "true"}) as response:
        assert await response.content.readline() == b"c started\n"
        cluster.log("a", "one")
        assert await response.content.readline() == b"one\n"
        cluster.delete("pods", "a")
        assert await response.content.read() == b""

    assert response.headers["Content-Type"] == "text/plain"


async def test_who_hangs_up_is_forgotten(cluster: SimCluster, session: aiohttp.ClientSession) -> None:
    """No listener stays behind."""
    async with asyncio.timeout(10), session.get(LOG, params={"follow": "true"}) as response:
        await response.content.readline()
        assert len(cluster.state.logs.listeners) == 1
        response.close()
        while cluster.state.logs.listeners:
            cluster.log("a", "anybody there?")
            await asyncio.sleep(0.01)


async def test_stopping_ends_followers(cluster: SimCluster, session: aiohttp.ClientSession) -> None:
    """As a server that goes down: nobody is left waiting."""
    async with asyncio.timeout(10), session.get(LOG, params={"follow": "true"}) as response:
        await response.content.readline()
        await cluster.stop()
        with contextlib.suppress(aiohttp.ClientError):
            assert await response.content.read() == b""

    assert not cluster.state.logs.listeners
