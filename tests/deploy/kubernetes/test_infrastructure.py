"""Infrastructure mode: an agent that reaches a cluster by a kubeconfig, and has no rights in the one that it stands in."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.deploy.kubernetes import programs
from tests.deploy.kubernetes.conftest import Deployed
from tests.deploy.kubernetes.installation import INFRASTRUCTURE, agent_settings
from tests.support.mirror_checker import MirrorChecker

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

FAR = "far-cluster"
_RIGHTS = "fairlead-deploy-far"


COMPOSITIONS = {"four services": (), "one process": ("one-process-agent", "kubeconfigs")}


@pytest.fixture(scope="module", params=COMPOSITIONS)
def far(deployed: Deployed, request: pytest.FixtureRequest) -> Iterator[str]:
    """An agent of this mode, ready; the name of its account. The cluster is the same, reached as a far one would be."""
    installation, administrator = deployed.installation, deployed.administrator
    installation.prepare_namespace(INFRASTRUCTURE, "agent")
    administrator.run("delete", "clusterrolebinding", _RIGHTS)
    subject = f"--serviceaccount={INFRASTRUCTURE}:default"
    administrator("create", "clusterrolebinding", _RIGHTS, "--clusterrole=cluster-admin", subject)
    kubeconfig = deployed.directory / FAR
    kubeconfig.write_text(json.dumps(_kubeconfig(deployed)), encoding="utf-8")
    secret = ("create", "secret", "generic", "fairlead-kubeconfigs", f"--from-file={kubeconfig}")
    administrator(*secret, f"--namespace={INFRASTRUCTURE}")
    account = {"name": FAR, "kubeconfigFile": f"/run/kubeconfigs/{FAR}"}
    installation.apply(
        "infrastructure", INFRASTRUCTURE, agent_settings(account, "infrastructure"), *COMPOSITIONS[request.param]
    )
    administrator("scale", "deployments", "--all", "--replicas=1", f"--namespace={INFRASTRUCTURE}")  # small nodes do
    installation.wait_ready(INFRASTRUCTURE)
    yield FAR
    administrator("delete", "namespace", INFRASTRUCTURE)
    administrator("delete", "clusterrolebinding", _RIGHTS)


def _kubeconfig(deployed: Deployed) -> dict[str, object]:
    """Of the cluster, as pods reach it, with a token that is good for some hours."""
    own = json.loads(deployed.administrator("config", "view", "--raw", "--minify", "--flatten", "--output=json"))
    authority = own["clusters"][0]["cluster"]["certificate-authority-data"]
    words = ("create", "token", "default", f"--namespace={INFRASTRUCTURE}", "--duration=8h")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": FAR,
                "cluster": {"server": "https://kubernetes.default.svc", "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": FAR, "user": {"token": deployed.administrator(*words).strip()}}],
        "contexts": [{"name": FAR, "context": {"cluster": FAR, "user": FAR}}],
        "current-context": FAR,
    }


def test_a_cluster_is_served_by_its_kubeconfig(deployed: Deployed, far: str, namespace: str) -> None:
    """Its mirror equals the cluster, and what is applied through the gateway runs there."""
    with deployed.open_gateway() as gateway:
        checker = MirrorChecker(gateway, deployed.api, far)
        checker.assert_equal(within_s=90)
        kubectl = deployed.kubectl(account=far)

        kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=programs.web("shop", deployed.image))
        kubectl("rollout", "status", "deployment/shop", f"--namespace={namespace}", "--timeout=120s", timeout_s=150)

        checker.assert_equal()


def test_its_pods_have_no_access_to_their_own_cluster(deployed: Deployed, far: str) -> None:
    """No pod mounts a token, and no service account of the agent may read."""
    assert far
    pods = json.loads(deployed.administrator("get", "pods", f"--namespace={INFRASTRUCTURE}", "--output=json"))["items"]
    mounted = [
        volume for pod in pods for volume in pod["spec"]["volumes"] if "serviceAccountToken" in json.dumps(volume)
    ]
    may = ("auth", "can-i", "list", "pods", "--all-namespaces")
    accounts = {pod["spec"]["serviceAccountName"] for pod in pods} - {"default"}

    assert accounts
    assert not mounted
    for account in accounts:
        who = f"--as=system:serviceaccount:{INFRASTRUCTURE}:{account}"
        assert deployed.administrator.run(*may, who).out.strip() == "no", account
