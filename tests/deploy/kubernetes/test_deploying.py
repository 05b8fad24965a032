"""A person deploys through the gateway, and pods run: the cluster is the one that Fairlead itself stands in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.deploy.kubernetes import programs
from tests.deploy.kubernetes.conftest import Deployed
from tests.deploy.kubernetes.installation import ACCOUNT, AGENT, GATEWAY
from tests.support.kubectl import Kubectl
from tests.support.kubernetes_api import JsonObject
from tests.support.mirror_checker import MirrorChecker
from tests.support.polling import wait_until
from tests.support.workloads import PLACES

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]


def running(deployed: Deployed, namespace: str) -> list[JsonObject]:
    """Pods that are ready and are not being deleted, as the API server tells it."""
    pods = deployed.api.list(PLACES["Pod"], namespace)
    return [pod for pod in pods if _is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]


def _is_ready(pod: JsonObject) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


@pytest.fixture
def shop(deployed: Deployed, kubectl: Kubectl, namespace: str) -> str:
    """A web server with two pods, applied through the gateway and rolled out; its namespace."""
    kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=programs.web("shop", deployed.image, replicas=2))
    kubectl("rollout", "status", "deployment/shop", f"--namespace={namespace}", "--timeout=120s", timeout_s=150)
    return namespace


@pytest.fixture
def in_shop(kubectl: Kubectl, shop: str) -> Callable[..., str]:
    """Kubectl in the namespace of the shop."""

    def run(*words: str) -> str:
        return kubectl(*words, f"--namespace={shop}", timeout_s=150)

    return run


def test_the_agent_watches_its_own_cluster(deployed: Deployed, checker: MirrorChecker) -> None:
    """Fairlead's own pods are rows of the mirror, and the mirror equals the cluster."""
    checker.assert_equal()

    for namespace in (GATEWAY, AGENT):
        rows = {row["name"] for row in checker.gateway.objects(ACCOUNT, kind="Pod", namespace=namespace)}
        assert rows == {pod["metadata"]["name"] for pod in deployed.api.list(PLACES["Pod"], namespace)}
        assert rows


def test_an_apply_starts_pods(
    deployed: Deployed, in_shop: Callable[..., str], shop: str, checker: MirrorChecker
) -> None:
    """The pods run, kubectl sees them through the gateway, and their rows say so."""
    names = {pod["metadata"]["name"] for pod in running(deployed, shop)}

    assert len(names) == 2
    lines = in_shop("get", "pods", "--no-headers").splitlines()
    assert {line.split()[0] for line in lines} == names
    assert all(line.split()[1:3] == ["1/1", "Running"] for line in lines)
    checker.assert_equal()


def test_a_deployment_is_scaled(deployed: Deployed, in_shop: Callable[..., str], shop: str) -> None:
    """Up and down; the pods follow."""
    for replicas in (3, 1):
        in_shop("scale", "deployment/shop", f"--replicas={replicas}")
        in_shop("rollout", "status", "deployment/shop", "--timeout=120s")
        wait_until(lambda wanted=replicas: len(running(deployed, shop)) == wanted, within_s=30)  # type: ignore[misc]


def test_a_rollout_is_undone_and_restarted(deployed: Deployed, in_shop: Callable[..., str], shop: str) -> None:
    """A bad image never becomes ready; undo brings the old one back, and a restart replaces every pod."""
    before = {pod["metadata"]["uid"] for pod in running(deployed, shop)}
    in_shop("set", "image", "deployment/shop", "main=fairlead.invalid/shop:missing")
    wait_until(lambda: _waits_for_image(deployed, shop), within_s=60, what="a pod that waits for its image")
    in_shop("rollout", "undo", "deployment/shop")
    in_shop("rollout", "status", "deployment/shop", "--timeout=120s")
    images = in_shop("get", "deployment", "shop", "--output=jsonpath={.spec.template.spec.containers[*].image}")
    assert images == deployed.image
    assert (
        len(in_shop("rollout", "history", "deployment/shop").strip().splitlines()) == 4
    )  # two revisions, two headings

    in_shop("rollout", "restart", "deployment/shop")
    in_shop("rollout", "status", "deployment/shop", "--timeout=120s")
    wait_until(lambda: len(running(deployed, shop)) == 2, within_s=30)
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in running(deployed, shop))


def _waits_for_image(deployed: Deployed, namespace: str) -> bool:
    states = [
        container.get("state", {}).get("waiting", {}).get("reason", "")
        for pod in deployed.api.list(PLACES["Pod"], namespace)
        for container in pod["status"].get("containerStatuses", [])
    ]
    return any(reason in ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull") for reason in states)


def test_a_delete_waits_until_the_pods_are_gone(
    deployed: Deployed, in_shop: Callable[..., str], shop: str, checker: MirrorChecker
) -> None:
    """`kubectl delete --cascade=foreground` comes back when nothing is left, in the cluster and in the mirror."""
    in_shop("delete", "deployment/shop", "--cascade=foreground", "--timeout=60s")

    wait_until(lambda: not deployed.api.list(PLACES["Pod"], shop), within_s=30, what="no pods")
    assert in_shop("get", "pods", "--no-headers") == ""
    checker.assert_equal()


def test_a_job_is_run_as_an_operation(deployed: Deployed, namespace: str) -> None:
    """`fairlead ops run-job` waits for the pod's end; its log and its events come from the cluster."""
    manifest = deployed.directory / f"{namespace}.json"
    manifest.write_text(programs.job("count", deployed.image, "print('one'); print('two')"), encoding="utf-8")
    where = ("--account", ACCOUNT, "--namespace", namespace)

    deployed.fairlead("ops", "run-job", "--filename", str(manifest), *where)

    assert deployed.fairlead("ops", "logs", "Job", "count", *where).splitlines() == ["one", "two"]
    assert "Completed" in deployed.fairlead("ops", "events", "Job", "count", *where)


def test_a_pod_that_is_not_restricted_is_refused(deployed: Deployed, kubectl: Kubectl, namespace: str) -> None:
    """Pod security's own words come through the gateway."""
    rooted = programs.pod("rooted", deployed.image, "print()", securityContext={"privileged": True})

    ran = kubectl.run("apply", f"--namespace={namespace}", "--filename=-", stdin=rooted)

    assert ran.code == 1
    assert 'violates PodSecurity "restricted' in ran.err
