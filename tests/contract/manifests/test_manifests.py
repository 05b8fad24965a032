"""The Kubernetes manifests, judged by a real API server: its schemas, its strict decoding, its pod security."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.support.kubernetes_control_plane import ControlPlane

ROOT = Path(__file__).parents[3] / "infra/kubernetes"
OVERLAYS = sorted(path.name for path in (ROOT / "overlays").iterdir())
COMPONENTS = sorted(
    str(path.parent.relative_to(ROOT / "components")) for path in ROOT.glob("components/**/kustomization.yaml")
)
AGENT_SERVICES = ("watcher", "scrubber", "bridge", "executor")
SERVICES = (*AGENT_SERVICES, "gateway")
NOT_IN_KUBERNETES = {"PodMonitor"}
"""Kinds of others, which a plain cluster does not know."""
MANDATORY = {"deployment", "serviceaccount", "rbac", "networkpolicy", "configmap", "kustomization"}

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def strict_namespace(_session_control_plane: ControlPlane) -> Iterator[str]:
    """A namespace in which pods must keep to the pod security standard `restricted`."""
    name = "manifests"
    _session_control_plane.kubectl("create", "namespace", name)
    _session_control_plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/warn=restricted")
    yield name
    _session_control_plane.kubectl("delete", "namespace", name, "--wait=false")


def render(control_plane: ControlPlane, directory: Path) -> list[dict[str, Any]]:
    """What kustomize makes of a folder, without kinds that a plain cluster does not know."""
    objects = yaml.safe_load_all(control_plane.kubectl("kustomize", str(directory)))
    return [each for each in objects if each["kind"] not in NOT_IN_KUBERNETES]


def composed(directory: Path, base: str, component: str) -> Path:
    """A copy of the manifests with a folder that adds a component to an overlay, as a user would."""
    copy = directory / "kubernetes"
    subprocess.run(["cp", "-r", ROOT, copy], check=True)
    file = copy / "overlays" / base / "kustomization.yaml"
    with file.open("a") as out:
        out.write(f"components:\n  - ../../components/{component}\n")
    return file.parent


def judge(control_plane: ControlPlane, objects: list[dict[str, Any]], namespace: str) -> str:
    """Submit objects to a server-side dry run in strict mode; returns the warnings."""
    moved = [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in objects]
    for each in moved:
        for subject in each.get("subjects", ()):
            subject["namespace"] = namespace
    result = subprocess.run(
        [str(control_plane.binaries / "kubectl"), "--kubeconfig", str(control_plane.kubeconfig), "apply",
         "--dry-run=server", "--validate=strict", "-f", "-"],
        input=yaml.safe_dump_all(moved), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_server_takes_an_overlay(control_plane: ControlPlane, strict_namespace: str, overlay: str) -> None:
    """Every object is valid, no field is unknown, and no pod needs more than `restricted` allows."""
    assert judge(control_plane, render(control_plane, ROOT / "overlays" / overlay), strict_namespace) == ""


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_api_server_takes_an_overlay_with_a_component(
    control_plane: ControlPlane, strict_namespace: str, tmp_path: Path, component: str
) -> None:
    """A switch leaves everything valid."""
    overlay = composed(tmp_path, "gateway" if component == "mtls/gateway" else "agent", component)
    assert judge(control_plane, render(control_plane, overlay), strict_namespace) == ""


def test_services_have_the_same_files() -> None:
    """Whoever knows one service's folder knows them all."""
    for service in SERVICES:
        assert {path.stem for path in (ROOT / "base" / service).iterdir()} >= MANDATORY, service


def test_only_watcher_and_executor_have_rights_and_a_token(control_plane: ControlPlane) -> None:
    """Scrubber, bridge, gateway and nats-server mount no token, and no role of theirs has a rule."""
    objects = render(control_plane, ROOT / "overlays/agent") + render(control_plane, ROOT / "overlays/gateway")
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in objects
        if each["kind"] in ("Deployment", "StatefulSet")
    }
    mounting = {name for name, pod in pods.items() if pod["automountServiceAccountToken"]}
    ruled = {each["metadata"]["name"] for each in objects if each["kind"].endswith("Role") and each["rules"]}
    assert mounting == ruled == {"fairlead-watcher", "fairlead-executor"}


def test_the_watcher_only_reads(control_plane: ControlPlane) -> None:
    """It may get, list and watch, and no Secret."""
    objects = render(control_plane, ROOT / "overlays/agent")
    rules = next(
        each["rules"]
        for each in objects
        if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "fairlead-watcher"
    )
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert "secrets" not in {resource for rule in rules for resource in rule["resources"]}


def test_one_process_takes_the_place_of_four(control_plane: ControlPlane, tmp_path: Path) -> None:
    """The component leaves one Deployment, which holds both roles and mounts the token."""
    objects = render(control_plane, composed(tmp_path, "agent", "one-process-agent"))
    deployments = {each["metadata"]["name"]: each for each in objects if each["kind"] == "Deployment"}
    assert set(deployments) == {"fairlead-agent"}
    assert deployments["fairlead-agent"]["spec"]["template"]["spec"]["automountServiceAccountToken"]
    bound = {each["subjects"][0]["name"] for each in objects if each["kind"] == "ClusterRoleBinding"}
    assert bound == {"fairlead-agent"}
