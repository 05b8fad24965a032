"""A cluster's judgement of manifests: a namespace that demands `restricted`, kustomize, and helm."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.manifests import Helm, Judge, Kustomize, built
from tools.parts.build import helm as helm_part


@pytest.fixture(scope="module")
def judge(_session_control_plane: ControlPlane) -> Iterator[Judge]:
    """The API server's verdict, in a namespace in which it warns of pods that break the standard `restricted`."""
    plane = _session_control_plane
    name = f"manifests-{secrets.token_hex(3)}"
    labels = {"pod-security.kubernetes.io/warn": "restricted"}
    plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    yield Judge([plane.binaries / "kubectl", "--kubeconfig", plane.kubeconfig], name)
    if plane.api_server.running:
        plane.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def kustomize(_session_control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kustomize:
    """`kubectl kustomize` of the newest kubectl."""
    return Kustomize(_session_control_plane.binaries / "kubectl", tmp_path_factory.mktemp("kustomize"))


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The command `helm`, without a cluster."""
    return Helm(built(helm_part()) / "helm", tmp_path_factory.mktemp("helm"))


@pytest.fixture
def cluster_helm(helm: Helm, control_plane: ControlPlane) -> Helm:
    """The command `helm`, an administrator of the control plane."""
    return Helm(helm.binary, helm.home, control_plane.kubeconfig)
