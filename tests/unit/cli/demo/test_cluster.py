"""The demo's own look at a cluster, and what it makes and removes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.simulated_api import SimulatedApi

from fairlead.cli.demo.cluster import NAMESPACES, Cluster
from fairlead.cli.demo.seed import CONFIG_MAPS, SERVICES, TICKETS_REAL, seed
from fairlead.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def api(tmp_path: Path) -> Iterator[SimulatedApi]:
    """A simulated cluster."""
    api = SimulatedApi(tmp_path)
    api.start()
    yield api
    api.stop()


def test_a_namespace_comes_and_goes(api: SimulatedApi) -> None:
    """Nothing of it is left, and removing it again is no fault."""
    cluster = Cluster(api.kubeconfig, "", "harbour", limited=True)
    before = cluster.count([NAMESPACES])
    cluster.create_namespace()
    seed(cluster)

    assert cluster.count([CONFIG_MAPS, SERVICES]) == {"configmaps": TICKETS_REAL, "services": 1}
    cluster.remove_namespace()
    cluster.remove_namespace()
    assert cluster.count([NAMESPACES]) == before


def test_a_real_cluster_is_counted_in_its_namespace_alone(api: SimulatedApi) -> None:
    """The others are not ours to look at; a simulated one is counted whole."""
    limited, whole = (Cluster(api.kubeconfig, "", "harbour", limited=limited) for limited in (True, False))
    limited.create_namespace()
    other = Cluster(api.kubeconfig, "", "other", limited=True)
    other.create_namespace()
    seed(other)

    assert limited.count([CONFIG_MAPS]) == {"configmaps": 0}
    assert whole.count([CONFIG_MAPS])["configmaps"] >= TICKETS_REAL


def test_refusals_and_silence_are_told(api: SimulatedApi, tmp_path: Path) -> None:
    """In one sentence, with the kubeconfig that was used."""
    cluster = Cluster(api.kubeconfig, "", "nowhere", limited=True)
    with pytest.raises(CommandError, match="nowhere"):
        seed(cluster)
    with pytest.raises(CommandError, match="no such file"):
        Cluster(tmp_path / "absent", "", "x").server()
