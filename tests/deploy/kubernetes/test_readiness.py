"""A pod is ready when it can work and not before: taken away what it needs, it says so, and comes back by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from tests.deploy.kubernetes.conftest import Deployed
from tests.deploy.kubernetes.installation import AGENT, AGENT_PARTS, GATEWAY
from tests.support.mirror_checker import MirrorChecker
from tests.support.polling import wait_until
from tests.support.workloads import PLACES

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

TOLD_WITHIN_S = 60.0


def ready(deployed: Deployed) -> set[str]:
    """Our services all of whose pods are ready, of those that have pods."""
    found: dict[str, bool] = {}
    for namespace in (GATEWAY, AGENT):
        for pod in deployed.api.list(PLACES["Pod"], namespace):
            part = pod["metadata"]["labels"]["app.kubernetes.io/name"].removeprefix("fairlead-")
            conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
            if "deletionTimestamp" not in pod["metadata"]:
                found[part] = found.get(part, True) and conditions.get("Ready") == "True"
    return {part for part, is_ready in found.items() if is_ready}


@pytest.fixture
def without(deployed: Deployed, checker: MirrorChecker) -> Callable[[str, str], AbstractContextManager[None]]:
    """Takes a workload away for the time of a block; afterwards everything is as it was."""

    @contextmanager
    def taken_away(workload: str, namespace: str) -> Iterator[None]:
        where = (workload, f"--namespace={namespace}")
        deployed.administrator("scale", *where, "--replicas=0")
        try:
            yield
        finally:
            deployed.administrator("scale", *where, "--replicas=1")
            deployed.installation.wait_ready()
            if workload == "deployment/fairlead-gateway":
                deployed.door.reopen()
            checker.assert_equal(within_s=120)

    return taken_away


LACKING = {
    "the bus": ("statefulset/fairlead-nats", AGENT, set(AGENT_PARTS)),
    "the database": ("statefulset/fairlead-postgres", GATEWAY, {"gateway"}),
    "the gateway": ("deployment/fairlead-gateway", GATEWAY, {"bridge"}),
}
EVERYTHING = {*AGENT_PARTS, "gateway", "nats", "postgres"}


@pytest.mark.parametrize("what", LACKING)
def test_who_lacks_something_is_not_ready(
    what: str, deployed: Deployed, without: Callable[[str, str], AbstractContextManager[None]]
) -> None:
    """Those that need it are not ready, the others stay ready, nobody is restarted, and all of them come back."""
    workload, namespace, needy = LACKING[what]
    wait_until(lambda: ready(deployed) == EVERYTHING, within_s=TOLD_WITHIN_S)
    restarts = _restarts(deployed)
    gone = workload.partition("/")[2].removeprefix("fairlead-")

    with without(workload, namespace):
        wait_until(lambda: ready(deployed) == EVERYTHING - needy - {gone}, within_s=TOLD_WITHIN_S, what=f"{needy} told")

    wait_until(lambda: ready(deployed) == EVERYTHING, within_s=TOLD_WITHIN_S)
    assert _restarts(deployed) == restarts


def _restarts(deployed: Deployed) -> dict[str, int]:
    """Restarts of our pods' containers; pods that were taken away on purpose begin anew, with none."""
    return {
        pod["metadata"]["labels"]["app.kubernetes.io/name"]: container["restartCount"]
        for namespace in (GATEWAY, AGENT)
        for pod in deployed.api.list(PLACES["Pod"], namespace)
        for container in pod["status"].get("containerStatuses", [])
    }
