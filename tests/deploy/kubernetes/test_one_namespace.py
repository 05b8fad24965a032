"""An agent with rights in one namespace alone, by Roles: it serves that namespace, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.deploy.kubernetes import programs
from tests.deploy.kubernetes.conftest import Deployed
from tests.deploy.kubernetes.installation import NARROW, agent_settings
from tests.support.kubectl import Kubectl
from tests.support.mirror_checker import MirrorChecker

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

ACCOUNT = "one-namespace"


@pytest.fixture(scope="module")
def narrow(deployed: Deployed) -> Iterator[Kubectl]:
    """The agent, ready, in the namespace that it serves; a kubectl of its account."""
    installation, administrator = deployed.installation, deployed.administrator
    installation.prepare_namespace(NARROW, "agent")
    scope = {"namespaces": [NARROW], "onlyNamespacedResources": True}
    settings = agent_settings({"name": ACCOUNT, "serviceAccount": True, **scope}, "agent")
    installation.apply("agent", NARROW, settings, "rbac-namespace")
    administrator("scale", "deployments", "--all", "--replicas=1", f"--namespace={NARROW}")  # small nodes do
    installation.wait_ready(NARROW)
    with deployed.open_gateway() as gateway:
        MirrorChecker(gateway, deployed.api, ACCOUNT).assert_equal(within_s=90)
    yield deployed.kubectl(account=ACCOUNT)
    administrator("delete", "namespace", NARROW)


def test_its_own_namespace_is_served(deployed: Deployed, narrow: Kubectl) -> None:
    """What is applied there runs, and the mirror of the namespace equals it; no row is of another one."""
    narrow("apply", f"--namespace={NARROW}", "--filename=-", stdin=programs.web("shop", deployed.image))
    narrow("rollout", "status", "deployment/shop", f"--namespace={NARROW}", "--timeout=120s", timeout_s=150)

    with deployed.open_gateway() as gateway:
        MirrorChecker(gateway, deployed.api, ACCOUNT).assert_equal()
        assert {row["namespace"] for row in gateway.objects(ACCOUNT, kind="Pod")} == {NARROW}


def test_another_namespace_is_refused(deployed: Deployed, narrow: Kubectl, namespace: str) -> None:
    """A write elsewhere ends in the API server's own words and changes nothing."""
    ran = narrow.run("create", "configmap", "note", f"--namespace={namespace}")

    assert ran.code == 1
    assert "configmaps is forbidden" in ran.err
    assert f'cannot create resource "configmaps" in API group "" in the namespace "{namespace}"' in ran.err
    assert deployed.administrator.run("get", "configmap", "note", f"--namespace={namespace}").code == 1
