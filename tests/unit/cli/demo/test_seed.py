"""What the demo puts into its namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.simulated_api import SimulatedApi

from fairlead.cli.demo.cluster import Cluster
from fairlead.cli.demo.seed import CONFIG_MAPS, TICKETS, TICKETS_REAL, seed

if TYPE_CHECKING:
    from pathlib import Path


def test_a_real_cluster_is_spared(tmp_path: Path) -> None:
    """A simulated one gets a pile, a real one a handful."""
    api = SimulatedApi(tmp_path)
    api.start()
    try:
        counts = []
        for name, limited in (("real", True), ("simulated", False)):
            cluster = Cluster(api.kubeconfig, "", name, limited=limited)
            cluster.create_namespace()
            seed(cluster)
            counts.append(Cluster(api.kubeconfig, "", name, limited=True).count([CONFIG_MAPS])["configmaps"])
    finally:
        api.stop()

    assert counts == [TICKETS_REAL, TICKETS]
