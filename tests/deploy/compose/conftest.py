"""One deployment for all tests of this folder, on a real container engine: it comes up first and is taken down last."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.deployment import ACCOUNT, IMAGE_TAG, Deployment, docker, run
from tests.support.kubectl import Kubectl
from tests.support.kubernetes_api import KubernetesApi
from tests.support.source_tree import ROOT
from tools.images import IMAGES
from tools.parts.build import control_plane

from fairlead.cli.gateway import Gateway

SHELLLESS = "COMPOSE_MORE=tests/deploy/compose/shellless.yaml"
OBSERVED = "OBSERVE=1"
_MIRROR_S = 90.0


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """The stack with tracing and metrics, its mirror complete; `make down` has to leave nothing of it."""
    stack = Deployment(f"fairlead-test-{secrets.token_hex(3)}")
    unnamed_before = unnamed_volumes()
    try:
        stack.up(OBSERVED, SHELLLESS)
        stack.assert_mirrored(within_s=_MIRROR_S)
        yield stack
    finally:
        down = stack.make("down")
        run("docker", "image", "rm", *(f"fairlead/{image.name}:{IMAGE_TAG}" for image in IMAGES))
    assert down.code == 0, down.everything
    assert not stack.leftovers()
    assert not unnamed_volumes() - unnamed_before
    assert not stack.credentials.exists()


@pytest.fixture
def other() -> Iterator[Deployment]:
    """A second project, not up yet; nothing of it stays."""
    stack = Deployment(f"fairlead-other-{secrets.token_hex(3)}")
    yield stack
    down = stack.make("down")
    assert down.code == 0, down.everything
    assert not stack.leftovers()


def unnamed_volumes() -> set[str]:
    """Volumes that images ask for by themselves."""
    return set(docker("volume", "ls", "--quiet", "--filter", "label=com.docker.volume.anonymous").split())


@pytest.fixture
def gateway(deployment: Deployment) -> Iterator[Gateway]:
    """REST of the deployment."""
    with deployment.gateway() as opened:
        yield opened


@pytest.fixture
def cluster(deployment: Deployment) -> Iterator[KubernetesApi]:
    """The cluster that is mirrored, past Fairlead."""
    with deployment.cluster() as api:
        yield api


@pytest.fixture(scope="session")
def kubectl(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """A real kubectl through the gateway, set up by the commands that `make up` prints."""
    file = deployment.credentials / "shop.kubeconfig"
    access = {
        "FAIRLEAD_GATEWAY": deployment.url("HTTPS_PORT", "https"),
        "FAIRLEAD_CA_FILE": str(deployment.credentials / "ca.crt"),
        "FAIRLEAD_TOKEN_FILE": str(deployment.credentials / "api.token"),
    }
    said = run(str(ROOT / ".venv/bin/fairlead"), "kubeconfig", ACCOUNT, "--output", str(file), environment=access)
    assert said.code == 0, said.everything
    built = control_plane().directory / "kubectl"
    return Kubectl(built if built.is_file() else Path("kubectl"), file, tmp_path_factory.mktemp("home"))
