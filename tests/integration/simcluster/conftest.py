"""One simulated cluster for the module, and real kubectls for it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.kubectl import Kubectl, Ran
from tests.support.real_parts import require_part
from tests.support.simulated_api import SimulatedApi
from tools.parts.build import KUBECTL_MINORS, control_plane, older_kubectl

NEWEST = "newest"
MINORS = (*KUBECTL_MINORS, NEWEST)


@dataclass(frozen=True)
class Shell:
    """A kubectl in a namespace of its own."""

    kubectl: Kubectl
    namespace: str
    api: SimulatedApi

    def __call__(self, *args: str, stdin: str | None = None) -> str:
        """Run a command that has to succeed; what it prints."""
        return self.kubectl("-n", self.namespace, *args, stdin=stdin)

    def run(self, *args: str, stdin: str | None = None) -> Ran:
        """Run a command to its end, whatever it is."""
        return self.kubectl.run("-n", self.namespace, *args, stdin=stdin)

    def get(self, key: str, name: str) -> Any:
        """An object, past kubectl."""
        return self.api.do(lambda: self.api.cluster.get(key, name, self.namespace))

    def list(self, key: str) -> list[dict[str, Any]]:
        """The objects of a kind, past kubectl."""
        return self.api.do(lambda: self.api.cluster.list(key, self.namespace))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedApi]:
    """The cluster."""
    simulated = SimulatedApi(tmp_path_factory.mktemp("simcluster"), pod_start_s=0.1, pod_stop_s=0.1, job_run_s=0.2)
    simulated.start()
    yield simulated
    simulated.stop()


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each minor version of kubectl keeps its caches for the module."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture
def shell_of(api: SimulatedApi, homes: Path) -> Callable[[str], Shell]:
    """Makes a shell with the kubectl of a minor version."""

    def make(minor: str) -> Shell:
        bundle = control_plane() if minor == NEWEST else older_kubectl(minor)
        if bundle.missing():
            require_part(f"kubectl {minor}", "not built: run `make parts`")
        home = homes / minor
        home.mkdir(exist_ok=True)
        namespace = f"t-{secrets.token_hex(4)}"
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        api.do(lambda: api.cluster.create(manifest))
        return Shell(Kubectl(bundle.directory / "kubectl", api.kubeconfig, home), namespace, api)

    return make


@pytest.fixture
def shell(shell_of: Callable[[str], Shell]) -> Shell:
    """The newest kubectl."""
    return shell_of(NEWEST)
