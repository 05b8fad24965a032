"""Scrubbers share their work: several by one word, and the mirror follows as long as one is left."""

from __future__ import annotations

import secrets

from tests.deploy.compose.conftest import OBSERVED, SHELLLESS
from tests.support import workloads
from tests.support.deployment import Deployment, docker
from tests.support.kubernetes_api import KubernetesApi
from tests.support.workloads import PLACES

_MIRROR_S = 60.0
_OF_SCRUBBER = ("--filter", "label=com.docker.compose.service=scrubber")


def test_three_scrubbers(deployment: Deployment, cluster: KubernetesApi) -> None:
    """All are healthy and each gets work; two are killed, and nothing stands still."""
    deployment.up(OBSERVED, SHELLLESS, "UP=--scale scrubber=3")
    scrubbers = deployment.containers(*_OF_SCRUBBER)
    assert [deployment.state(each)["State"]["Health"]["Status"] for each in scrubbers] == ["healthy"] * 3
    docker("kill", *scrubbers[:2])
    name = f"scaled-{secrets.token_hex(4)}"
    cluster.create(PLACES["Service"], workloads.manifest("Service", name, "default"))
    deployment.assert_mirrored(within_s=_MIRROR_S)

    deployment.up(OBSERVED, SHELLLESS)
    assert len(deployment.containers(*_OF_SCRUBBER)) == 1
    deployment.assert_mirrored(within_s=_MIRROR_S)
