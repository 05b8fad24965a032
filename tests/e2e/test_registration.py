"""An account of a real cluster gets into Clouddriver by itself, works there with a real kubectl, and goes again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.e2e.conftest import ACCOUNT, adopt
from tests.support.clouddriver_accounts import clouddriver_thread
from tests.support.kubectl import Kubectl
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.polling import wait_until

from fairlead.cli.gateway import GatewayRefusal
from fairlead.cli.stack import AccountPlan, Stack

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180)]
KINDS = ["Namespace", "CustomResourceDefinition.apiextensions.k8s.io", "ConfigMap", "Pod"]


@pytest.fixture
def api_server(_session_control_plane: ControlPlane) -> ControlPlane:
    """The session's API server."""
    return _session_control_plane


def test_from_the_first_claim_to_the_removal(
    api_server: ControlPlane, stacks: Callable[..., Stack], tmp_path: Path
) -> None:
    """What is registered is a kubeconfig that kubectl reads and writes by; after the removal it opens nothing."""
    plan = AccountPlan(ACCOUNT, api_server.kubeconfig, "admin-token", {"kinds": KINDS})
    with clouddriver_thread() as clouddriver:
        stack = stacks(plan, one_process=True, started=False)
        chosen = {
            "url": clouddriver.url,
            "facadeCaFile": str(stack.files.ca),
            "inlineTokens": True,
            "checkSeconds": 0.2,
        }
        stack.overrides = {"gateway": {"facade": {"url": stack.addresses.api}, "clouddriver": chosen}}
        stack.start_all()
        adopt(stack)
        wait_until(lambda: ACCOUNT in clouddriver.store, within_s=60, what="the registration")
        kubeconfig = tmp_path / ACCOUNT
        kubeconfig.write_text(clouddriver.store[ACCOUNT]["kubeconfigContents"], encoding="utf-8")
        kubectl = Kubectl(api_server.binaries / "kubectl", kubeconfig, tmp_path)
        namespaces = msgspec.json.decode(kubectl("get", "namespaces", "-o", "json"))["items"]
        assert {"default", "kube-system"} <= {each["metadata"]["name"] for each in namespaces}
        kubectl("-n", "default", "create", "configmap", "registered", "--from-literal=a=b")
        kubectl("-n", "default", "delete", "configmap", "registered")

        with stack.gateway() as gateway:
            wait_until(lambda: gateway.registration(ACCOUNT)["state"] == "registered", what="the confirmation")
            assert clouddriver.loads[ACCOUNT] == 1
            with pytest.raises(GatewayRefusal, match="is served by"):
                gateway.remove(ACCOUNT)
            stack.stop("agent")
            wait_until(lambda: not gateway.account(ACCOUNT)["connected"], what="the agent's end")
            gateway.remove(ACCOUNT)
            wait_until(lambda: not gateway.accounts(), what="the removal")
        assert ACCOUNT not in clouddriver.store
        wait_until(lambda: kubectl.run("get", "namespaces").code != 0, what="the end of the token")
