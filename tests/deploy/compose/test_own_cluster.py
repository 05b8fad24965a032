"""A cluster of yours in place of the simulated one: `make up KUBECONFIG_FILE=…`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import workloads
from tests.support.deployment import ACCOUNT, Deployment, docker
from tests.support.kubernetes_api import KubernetesApi
from tests.support.mirror_checker import MirrorChecker
from tests.support.polling import wait_until
from tests.support.workloads import PLACES

_STARTED_S = 20.0
_MIRROR_S = 60.0
_HOST = "{{(index .IPAM.Config 0).Gateway}}"
"""This machine, as containers reach it."""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    """Of an API server outside of all containers."""
    file = tmp_path / "kubeconfig"
    host = docker("network", "inspect", "bridge", "--format", _HOST)
    command = [sys.executable, "-m", "fairlead.simcluster", "--host", host, "--kubeconfig", str(file)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: file.exists() and bool(file.read_bytes()), within_s=_STARTED_S, what="a cluster")
            yield file
        finally:
            process.terminate()


def test_the_cluster_of_a_kubeconfig_is_mirrored(other: Deployment, kubeconfig: Path) -> None:
    """Its file goes in, each time anew, and nothing of it comes out; there is no simulated cluster."""
    other.up(f"KUBECONFIG_FILE={kubeconfig}")
    said = other.up(f"KUBECONFIG_FILE={kubeconfig}")
    assert "simulated" not in said.out
    assert {path.name for path in other.credentials.iterdir()} == {"ca.crt", "api.token"}
    with other.gateway() as gateway, KubernetesApi(kubeconfig) as api:
        api.create(PLACES["Service"], workloads.manifest("Service", "mine", "default"))
        MirrorChecker(gateway, api, ACCOUNT).assert_equal(within_s=_MIRROR_S)
        assert [row["name"] for row in gateway.objects(ACCOUNT, kind="Service")] == ["mine"]
