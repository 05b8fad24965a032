"""One API server per parameter: simcluster and a real kube-apiserver; every test of this folder runs against both."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from tests.contract.kubernetes.client import Api

from fairlead.simcluster import SimCluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.kubernetes_control_plane import ControlPlane


@pytest.fixture(params=["simcluster", pytest.param("kube-apiserver", marks=pytest.mark.real)])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """A client of the cluster, as admin, with a namespace of its own."""
    if request.param == "simcluster":
        async with SimCluster(pod_start_s=0.05, pod_stop_s=0.05) as cluster:
            context = ssl.create_default_context(cadata=cluster.ca_certificate.decode())
            async with Api(cluster.server, context, cluster.admin_token, cluster.compact) as client:
                yield client
        return
    control_plane: ControlPlane = request.getfixturevalue("control_plane")
    context = ssl.create_default_context(cafile=str(control_plane.ca_file))
    async with Api(control_plane.server, context, control_plane.admin_token, control_plane.compact) as client:
        await client.eventually(client.core("serviceaccounts", "default"), bool)  # until then pods are refused
        yield client
