"""An executor between a real nats-server and a real kube-apiserver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.support.executor_zone import ACCOUNT, Zone
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.services import eventually, ready, running

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.executor.service import build
from fairlead.executor.settings import Settings
from fairlead.runtime.bus import connect
from fairlead.runtime.sections import NatsSettings


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


@pytest.fixture
def config_map(namespace: str) -> Callable[..., dict[str, Any]]:
    """Makes manifests of ConfigMaps in the namespace of the test."""

    def make(name: str = "cargo", **data: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data,
        }  # fmt: skip

    return make
