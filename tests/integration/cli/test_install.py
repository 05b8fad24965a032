"""The commands of docs/install.md, run one after the other against a real API server; no node is there to run the pods."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.manifests import built
from tests.support.source_tree import ROOT
from tools.parts.build import helm as helm_part

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

NAMESPACES = ("fairlead", "spinnaker")
NEEDS_PODS = ("rollout status", "fairlead accounts", "fairlead resources", "fairlead tokens", "export ")
"""Commands that want a gateway that runs; `test_first_hour.py` and the deployment's tests run their like."""
COMMAND_TIMEOUT_S = 60


def commands() -> list[str]:
    """The page's commands, in its order."""
    page = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    found = re.findall(r"^```sh\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    return [line for block in found for line in block.replace("\\\n", "").splitlines()]


@pytest.fixture
def emptied(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane, from which everything that the page makes is taken again."""
    yield control_plane
    control_plane.kubectl("delete", "namespace", "--wait=false", "--ignore-not-found", *NAMESPACES)
    for kind in ("clusterroles", "clusterrolebindings"):
        ours = [name for name in control_plane.kubectl("get", kind, "-o", "name").split() if "/fairlead-" in name]
        if ours:
            control_plane.kubectl("delete", *ours)


@pytest.fixture
def environment(emptied: ControlPlane, tmp_path: Path) -> dict[str, str]:
    """A checkout's infra, kubeconfigs to be taken up, and kubectl, helm and the command on the PATH."""
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    for name in ("prod-eu-1", "prod-us-1"):
        (tmp_path / name).write_text("no kubeconfig", encoding="utf-8")
    helm = built(helm_part()) / "helm"
    (tmp_path / "bin").mkdir()
    for program in (emptied.binaries / "kubectl", helm):
        (tmp_path / "bin" / program.name).symlink_to(program)
    path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.defpath}"
    return {"PATH": path, "HOME": str(tmp_path), "KUBECONFIG": str(emptied.kubeconfig), "NO_PROXY": "127.0.0.1"}


def run(command: str, environment: dict[str, str], folder: Path) -> None:
    """Run one command as a shell does."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env=environment, cwd=folder, check=False, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_every_command(environment: dict[str, str], emptied: ControlPlane, tmp_path: Path) -> None:
    """Each one is taken; a chart is installed where the manifests that it stands for have been removed."""
    ran = [command for command in commands() if not command.startswith(NEEDS_PODS) and "rollout status" not in command]
    assert sum(command.startswith("helm") for command in ran) == 2
    for command in ran:
        if command.startswith("helm"):
            for overlay in ("gateway",) if "fairlead-gateway" in command else ("agent", "infrastructure"):
                run(f"kubectl delete --ignore-not-found -k infra/kubernetes/overlays/{overlay}", environment, tmp_path)
        run(command, environment, tmp_path)
    for namespace in NAMESPACES:
        told = emptied.kubectl("get", "deployments", "--namespace", namespace, "-o", "name").split()
        assert "deployment.apps/fairlead-bridge" in told
