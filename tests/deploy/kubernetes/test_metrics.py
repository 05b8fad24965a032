"""What pods use, from a kubelet by way of metrics-server."""

from __future__ import annotations

import pytest
from tests.deploy.kubernetes.conftest import Deployed
from tests.deploy.kubernetes.installation import ACCOUNT, AGENT
from tests.support.kubectl import Kubectl
from tests.support.polling import wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def measured(deployed: Deployed) -> set[str]:
    """Pods of the agent that metrics-server tells about."""
    if deployed.administrator.run("get", "--raw", "/apis/metrics.k8s.io/v1beta1").code != 0:
        pytest.skip("this cluster has no metrics-server")
    names = _names(deployed.administrator("get", "pods", f"--namespace={AGENT}", "--no-headers"))
    top = ("top", "pods", f"--namespace={AGENT}", "--no-headers")
    wait_until(lambda: _names(deployed.administrator.run(*top).out) == names, within_s=120, what="metrics of every pod")
    return names


def _names(told: str) -> set[str]:
    return {line.split()[0] for line in told.splitlines()}


def test_kubectl_top_tells_what_pods_use(kubectl: Kubectl, measured: set[str]) -> None:
    """One line for each pod, with what a running program uses."""
    lines = kubectl("top", "pods", f"--namespace={AGENT}", "--no-headers").splitlines()

    told = {line.split()[0]: line.split()[2] for line in lines}
    assert told.keys() == measured
    assert all(used.endswith("Mi") and int(used.removesuffix("Mi")) > 0 for used in told.values())


def test_an_operation_tells_what_pods_use(deployed: Deployed, measured: set[str]) -> None:
    """`fairlead ops top` does too."""
    told = deployed.fairlead("ops", "top", "--account", ACCOUNT, "--namespace", AGENT)

    assert measured <= set(told.split())
