"""Two gateways of one database, an agent that is connected to one of them: clients come to the other."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.conftest import ACCOUNT, FACADE_KINDS, adopt
from tests.support import workloads
from tests.support.audit_tail import AuditTail, effects
from tests.support.kubectl import Kubectl
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.polling import wait_until

from fairlead.cli.stack import AccountPlan, Stack

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180)]

OTHER = "gateway-2"


@pytest.fixture(scope="module")
def plane(_session_control_plane: ControlPlane) -> ControlPlane:
    """A real API server."""
    return _session_control_plane


@pytest.fixture(scope="module")
def stack(plane: ControlPlane, stacks: Callable[..., Stack]) -> Stack:
    """The agent dials the first gateway."""
    plan = AccountPlan(ACCOUNT, plane.kubeconfig, "admin-token", {"kinds": FACADE_KINDS})
    stack = stacks(plan, one_process=True, replicas={"gateway": 2})
    wait_until(lambda: _is_live(stack), within_s=60, what="a complete mirror")
    return stack


def _is_live(stack: Stack) -> bool:
    with stack.gateway() as gateway:
        resources = gateway.resources(ACCOUNT) if any(gateway.accounts()) else []
    return len(resources) == len(FACADE_KINDS) and all(each["state"] == "live" for each in resources)


def kubectl(stack: Stack, plane: ControlPlane, gateway: str) -> Kubectl:
    """Kubectl through a gateway."""
    home = Path(tempfile.mkdtemp(dir=stack.files.directory, prefix="home-"))
    return Kubectl(plane.binaries / "kubectl", stack.kubeconfig(ACCOUNT, gateway=gateway), home)


def test_a_deployment_through_the_other_gateway(stack: Stack, plane: ControlPlane) -> None:
    """Reads, writes and deletions reach the cluster once, and both gateways' lists show them at once."""
    here, there = (kubectl(stack, plane, name) for name in ("gateway", OTHER))
    audit = AuditTail(plane.audit_log)
    there("create", "namespace", "twogates")
    for kind in ("ConfigMap", "Secret", "Service"):
        there("apply", "-f", "-", stdin=json.dumps(workloads.manifest(kind, "shop", "twogates")))
        for either in (here, there):
            assert "shop" in either("--namespace=twogates", "get", kind.lower(), "-o", "name")
    there("--namespace=twogates", "patch", "service", "shop", "-p", '{"metadata":{"labels":{"seen":"there"}}}')
    assert here("--namespace=twogates", "get", "service", "shop", "-o", "jsonpath={.metadata.labels.seen}") == "there"
    there("--namespace=twogates", "delete", "configmap", "shop")
    ran = there.run("--namespace=twogates", "get", "configmap", "shop")

    assert (ran.code, "NotFound" in ran.err) == (1, True)
    written = audit.read(
        lambda each: each.namespace == "twogates" and each.agent.startswith("kubectl") and each.took_effect
    )
    assert set(effects(written).values()) == {1}
    with stack.gateway() as gateway:
        rows = [row for row in gateway.writes(ACCOUNT) if row["namespace"] == "twogates"]
    assert {row["outcome"] for row in rows} == {"done"}


def test_the_gateway_that_holds_the_agent_goes(stack: Stack, plane: ControlPlane) -> None:
    """What needs the cluster says that nothing was sent; when the gateway is back, everything goes on."""
    there = kubectl(stack, plane, OTHER)
    stack.kill("gateway")
    try:
        ran = there.run("--namespace=default", "get", "secret", "nobody")
        listed = there("--namespace=default", "get", "services", "-o", "name")
    finally:
        stack.start("gateway")
        adopt(stack)

    assert ran.code == 1
    assert "nothing was sent" in ran.err, ran.err
    assert "service/kubernetes" in listed
    wait_until(
        lambda: "NotFound" in there.run("--namespace=default", "get", "secret", "nobody").err,
        within_s=60,
        what="an answer of the cluster",
    )
