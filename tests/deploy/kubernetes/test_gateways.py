"""Several gateways behind one address: each serves an agent that is connected to another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.deploy.kubernetes import programs
from tests.deploy.kubernetes.conftest import Deployed
from tests.deploy.kubernetes.door import Door
from tests.deploy.kubernetes.installation import GATEWAY
from tests.deploy.kubernetes.memory import pods_of
from tests.support.polling import wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

WORKLOAD = "deployment/fairlead-gateway"


@pytest.fixture
def gateways(deployed: Deployed) -> Iterator[list[str]]:
    """Two pods of the gateway, ready; the agent is connected to one of them."""
    scale = ("scale", WORKLOAD, f"--namespace={GATEWAY}")
    deployed.administrator(*scale, "--replicas=2")
    deployed.installation.wait_ready()
    yield pods_of(deployed.administrator, GATEWAY, "gateway")
    deployed.administrator(*scale, "--replicas=1")
    deployed.installation.wait_ready()
    wait_until(lambda: len(pods_of(deployed.administrator, GATEWAY, "gateway")) == 1, within_s=60)
    deployed.door.reopen()


def test_each_gateway_writes_and_reads_logs(
    deployed: Deployed, gateways: list[str], namespace: str, another_door: Callable[..., Door]
) -> None:
    """A pod is applied through each of two gateways, and its log is read through each."""
    assert len(gateways) == 2
    kubectls = {name: deployed.kubectl(another_door(f"pod/{name}")) for name in gateways}
    for name, kubectl in kubectls.items():
        manifest = programs.pod(name, deployed.image, "print('hello')", restart="Never")
        kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=manifest)
    ended = "--for=jsonpath={.status.phase}=Succeeded"
    deployed.administrator("wait", "pod", "--all", ended, f"--namespace={namespace}", "--timeout=60s")

    for kubectl in kubectls.values():
        assert {kubectl("logs", name, f"--namespace={namespace}") for name in gateways} == {"hello\n"}
