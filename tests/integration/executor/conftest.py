"""An executor between a real nats-server and a real kube-apiserver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from tests.support.executor_zone import ACCOUNT, Result, Zone
from tests.support.kubernetes_api import KubernetesApi
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.services import eventually, ready, running
from tests.support.workloads import PLACES

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.executor.service import build
from fairlead.executor.settings import Settings
from fairlead.runtime.bus import connect
from fairlead.runtime.sections import NatsSettings

_RUN_UNTIL_S = 30.0
_RUN_EVERY_S = 0.05


def configured(nats_url: str, plane: ControlPlane) -> Settings:
    """Settings with one good account and two broken ones."""
    return Settings.model_validate(
        {
            "nats": {"url": nats_url},
            "clouddriver": {"responseRetries": {"backOffMs": 50}},
            "kubernetes": {
                "retries": {"backOffMs": 50},
                "accounts": [
                    {"name": "nowhere", "kubeconfigFile": "/nonexistent/kubeconfig"},
                    {"name": ACCOUNT, "kubeconfigFile": str(plane.kubeconfig), "context": "admin"},
                    {"name": "plain", "kubeconfigFile": str(plane.kubeconfig), "context": "plain-user"},
                ],
            },
        }
    )


@pytest.fixture
async def zone(nats_server: NatsServer, control_plane: ControlPlane) -> AsyncIterator[Zone]:
    """An executor in a zone."""
    async with (
        connect(NatsSettings(url=nats_server.url), "test") as bus,
        running(build(configured(nats_server.url, control_plane))) as scopes,
    ):
        zone = Zone(bus)
        await zone.open()
        await eventually(lambda: ready(scopes))
        yield zone


async def run_until(zone: Zone, number: int, holds: Callable[[Result], bool], **request: Any) -> Result:
    """Run an operation, under one number after the other, until its result is the one waited for."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _RUN_UNTIL_S
    while not holds(result := await zone.run(number, **request)):
        assert loop.time() < until, (result.told, result.body)
        number += 1
        await asyncio.sleep(_RUN_EVERY_S)
    return result


@pytest.fixture
def released(control_plane: ControlPlane, namespace: str) -> Iterator[None]:
    """In the end nobody's finalizers hold Services and Deployments of the test's namespaces, which could not go else."""
    yield
    with KubernetesApi(control_plane.kubeconfig, "admin-token") as api:
        for place in (PLACES["Service"], PLACES["Deployment"]):
            for metadata in [found["metadata"] for found in api.list(place)]:
                if metadata["namespace"].startswith(namespace) and "finalizers" in metadata:
                    api.merge(place, metadata["namespace"], metadata["name"], {"metadata": {"finalizers": None}})


@pytest.fixture
def config_map(namespace: str) -> Callable[..., dict[str, Any]]:
    """Makes manifests of ConfigMaps in the namespace of the test."""

    def make(name: str = "cargo", **data: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data,
        }  # fmt: skip

    return make
