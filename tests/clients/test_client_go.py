"""Informers of client-go, over the gateway, hold what the cluster holds, however much it changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.clients.conftest import Namespaces, informers_binary
from tests.e2e.conftest import Facade
from tests.support import workloads
from tests.support.custom_resources import defined
from tests.support.informer_program import RESYNC_S, Informers, cluster_stores, running_informers
from tests.support.kubernetes_api import ApiRefusal, KubernetesApi
from tests.support.options import OPTIONS
from tests.support.played_node import PlayedNode
from tests.support.polling import wait_until
from tests.support.random_writes import RandomWrites
from tests.support.workloads import PLACES

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180 + OPTIONS.churn_s)]

MIRRORED = [
    PLACES[kind]
    for kind in ("Service", "NetworkPolicy", "Ingress", "CronJob", "Deployment", "ReplicaSet", "Pod", "ConfigMap")
]
LIVE = [PLACES["Secret"], PLACES["Widget"]]
"""Kinds whose lists and watches are the cluster's own: one is never read from the mirror, one is not mirrored."""
EQUAL_WITHIN_S = 30.0


@pytest.fixture
def widgets(administrator: KubernetesApi) -> Iterator[None]:
    """A kind that the account does not mirror."""
    with defined(administrator, workloads.widget_definition()):
        yield


@pytest.fixture
def watched(facade: Facade, tmp_path: Path) -> Callable[[str], AbstractContextManager[Informers]]:
    """Starts informers of a namespace over the gateway."""
    binary, kubeconfig = informers_binary(), facade.kubeconfig()
    return lambda namespace: running_informers(
        binary, kubeconfig, namespace, MIRRORED + LIVE, tmp_path / "informers.log"
    )


def churn(api: KubernetesApi, namespace: str, turn: int) -> None:
    """Change what `RandomWrites` leaves alone: pods through their Deployment, a Secret, a custom resource."""
    api.merge(PLACES["Deployment"], namespace, "shop", {"spec": {"replicas": 1 + turn % 3}})
    for kind in ("Secret", "Widget"):
        name = f"object-{turn % 4}"
        try:
            api.create(PLACES[kind], workloads.manifest(kind, name, namespace))
        except ApiRefusal:
            api.delete(PLACES[kind], namespace, name)


def test_informers_equal_the_cluster_after_churn(
    watched: Callable[[str], AbstractContextManager[Informers]],
    administrator: KubernetesApi,
    namespaces: Namespaces,
    node: PlayedNode,
    widgets: None,
) -> None:
    """Lists, watches and resyncs of ten kinds, typed and untyped, without an error, and equal to the cluster in the end."""
    namespace = namespaces()
    administrator.create(PLACES["Deployment"], workloads.manifest("Deployment", "shop", namespace))
    places = MIRRORED + LIVE
    with watched(namespace) as informers:
        wait_until(lambda: bool(informers.state()["synced"]), what="informers that have listed everything")
        until = time.monotonic() + OPTIONS.churn_s
        with RandomWrites(administrator, namespace, pause_s=0.01, seed=7) as writes:
            turn = 0
            while time.monotonic() < until:
                churn(administrator, namespace, turn)
                turn += 1
                time.sleep(0.2)

        def equal() -> bool:
            return informers.stores() == cluster_stores(administrator, namespace, places)

        wait_until(equal, within_s=EQUAL_WITHIN_S, what="stores that equal the cluster")
        state = informers.state()

    assert state["errors"] == []
    assert state["events"]["changed"] > 0
    assert state["events"]["deleted"] > 0
    assert OPTIONS.churn_s < 2 * RESYNC_S or state["events"]["resynced"] > 0
    assert writes.written > OPTIONS.churn_s
