"""Each container is killed and started again: readiness says what is missing, and the mirror equals the cluster again."""

from __future__ import annotations

import secrets
from functools import partial

import pytest
from tests.support import workloads
from tests.support.deployment import SERVICES, Deployment, docker
from tests.support.kubernetes_api import KubernetesApi
from tests.support.polling import wait_until
from tests.support.workloads import PLACES

_NOTICED_S = 45.0
_READY_S = 90.0
_MIRROR_S = 120.0
_BUS_USERS = ("watcher", "scrubber", "bridge", "executor")
LACKING: dict[str, dict[str, str]] = {
    "nats": dict.fromkeys(_BUS_USERS, "nats"),
    "postgres": {"gateway": "database"},
    "gateway": {"bridge": "link"},
}
"""Which services cannot work without a container, and how they call what they lack."""


def lacks(deployment: Deployment, service: str, what: str) -> bool:
    """Whether a service says that it lacks something."""
    return f'"{what}"' in deployment.readiness(service)


def is_ready(deployment: Deployment, service: str) -> bool:
    """Whether a service lacks nothing."""
    return not deployment.readiness(service)


@pytest.mark.parametrize("service", ["nats", "postgres", "cluster", "collector", *SERVICES])
def test_it_falls_and_comes_back(service: str, deployment: Deployment, cluster: KubernetesApi) -> None:
    """Who needs it says so, the others do not; what was written meanwhile is in the mirror afterwards."""
    lacking = LACKING.get(service, {})
    docker("kill", deployment.container(service))
    assert not deployment.state(deployment.container(service))["State"]["Running"]
    for other, what in lacking.items():
        wait_until(partial(lacks, deployment, other, what), within_s=_NOTICED_S, what=f"{other} not ready for {what}")
    for other in set(SERVICES) - lacking.keys() - {service}:
        assert deployment.readiness(other) == ""
    if service != "cluster":
        name = f"while-away-{secrets.token_hex(4)}"
        cluster.create(PLACES["Service"], workloads.manifest("Service", name, "default"))
    docker("start", deployment.container(service))
    for each in SERVICES:
        wait_until(partial(is_ready, deployment, each), within_s=_READY_S, what=f"{each} ready with {service} back")
    deployment.assert_mirrored(within_s=_MIRROR_S)


def test_nobody_else_has_died_of_it(deployment: Deployment) -> None:
    """After all that the engine had to start no container by itself, and all are healthy."""

    def unhealthy() -> list[str]:
        states = [deployment.state(each) for each in deployment.containers()]
        return [state["Name"] for state in states if state["State"].get("Health", {}).get("Status") == "unhealthy"]

    wait_until(lambda: not unhealthy(), within_s=_READY_S, what="healthy containers")
    assert not [each for each in deployment.containers() if deployment.state(each)["RestartCount"]]
