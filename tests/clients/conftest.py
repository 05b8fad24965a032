"""Clients of others over the facade, in front of a real API server with a played node."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.e2e.conftest import Facade, facade, stacks
from tests.support.kubectl import Kubectl
from tests.support.kubernetes_api import ApiRefusal, KubernetesApi
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.played_node import PlayedNode
from tests.support.polling import wait_until
from tests.support.real_parts import require_part
from tests.support.two_ways import TwoWays, Way
from tools.parts.build import KUBECTL_MINORS, Bundle, control_plane, informers, older_kubectl

__all__ = ["facade", "stacks"]  # fixtures are found by their names

PREFIX = "clients-"
NEWEST = "newest"
MINORS = (*KUBECTL_MINORS, NEWEST)


def kubectl_binary(minor: str) -> Path:
    """Where the kubectl of a minor version is."""
    return _built(control_plane() if minor == NEWEST else older_kubectl(minor)) / "kubectl"


def informers_binary() -> Path:
    """Where the program of client-go's informers is."""
    return _built(informers()) / "informers"


def _built(bundle: Bundle) -> Path:
    if bundle.missing():
        require_part("clients of the Kubernetes API", f"{', '.join(bundle.missing())} not built: run `make parts`")
    return bundle.directory


@pytest.fixture(scope="module")
def administrator(_session_control_plane: ControlPlane) -> Iterator[KubernetesApi]:
    """The API server itself, for what a test arranges and checks."""
    with KubernetesApi(_session_control_plane.kubeconfig, "admin-token") as api:
        yield api


@pytest.fixture(scope="module")
def node(administrator: KubernetesApi, _session_control_plane: ControlPlane) -> Iterator[PlayedNode]:
    """Pods of the clients' namespaces start and end."""
    pki = _session_control_plane.pki
    played = PlayedNode(administrator, pki / "apiserver.crt", pki / "apiserver.key", (PREFIX,))
    played.start()
    yield played
    played.stop()
    assert not played.failures, played.failures


@dataclass
class Namespaces:
    """Makes namespaces, and deletes them in the end."""

    api: KubernetesApi
    made: list[str] = field(default_factory=list)

    def __call__(self) -> str:
        """Create one; back when its service account is there, without which no pod can be made."""
        name = f"{PREFIX}{secrets.token_hex(4)}"
        self.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        self.made.append(name)
        wait_until(lambda: self._has_service_account(name), what=f"the service account of {name}")
        return name

    def _has_service_account(self, namespace: str) -> bool:
        try:
            self.api.call("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
        except ApiRefusal as refusal:
            assert refusal.status == 404, refusal  # noqa: PT017 - any other refusal is a fault
            return False
        return True


@pytest.fixture(scope="module")
def namespaces(administrator: KubernetesApi) -> Iterator[Namespaces]:
    """Fresh namespaces; deleted when the module is through, without waiting until they are gone."""
    made = Namespaces(administrator)
    yield made
    for name in made.made:
        try:
            administrator.call("DELETE", f"/api/v1/namespaces/{name}")
        except ApiRefusal as refusal:
            assert refusal.status in (404, 409), refusal  # noqa: PT017 - gone, or on its way


@pytest.fixture(scope="module")
def two_ways(facade: Facade, namespaces: Namespaces) -> Callable[[str], TwoWays]:
    """Makes the kubectl of a minor version run through the gateway and past it, each in a namespace of its own."""

    def make(minor: str) -> TwoWays:
        binary = kubectl_binary(minor)
        return TwoWays(
            Way(facade.kubectl(binary=binary), namespaces()),
            Way(facade.kubectl(binary=binary, direct=True), namespaces()),
        )

    return make


@pytest.fixture
def kubectl_in(tmp_path: Path) -> Callable[..., Kubectl]:
    """Makes a kubectl of a kubeconfig, with a home of its own."""

    def make(kubeconfig: Path, minor: str = NEWEST) -> Kubectl:
        return Kubectl(kubectl_binary(minor), kubeconfig, Path(tempfile.mkdtemp(dir=tmp_path)))

    return make
