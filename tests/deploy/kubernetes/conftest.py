"""Fairlead on a Kubernetes cluster with nodes, installed by its manifests, watching the cluster it stands in.

Not part of a plain run: `make test-deploy-kubernetes KUBECONFIG_FILE=<file>` asks for it. The cluster needs two processors that
nobody else has reserved, DNS, a default storage class (or three free volumes), no Fairlead of its own, and our images: `make
images`, then for kind `kind load docker-image …`. Metrics are tested where metrics-server runs.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.deploy.kubernetes.door import Door
from tests.deploy.kubernetes.installation import ACCOUNT, GATEWAY, Installation, restricted_namespace
from tests.support.kubectl import Kubectl
from tests.support.kubernetes_api import KubernetesApi
from tests.support.mirror_checker import MirrorChecker
from tests.support.options import OPTIONS
from tests.support.polling import wait_until
from tests.support.processes import SESSION_PROCESSES
from tools.images import workspace_version
from tools.parts.build import control_plane

from fairlead.cli.gateway import Gateway, GatewayRefusal, GatewayUnreachable

collect_ignore_glob = [] if OPTIONS.kubeconfig else ["test_*.py"]

DOOR = "service/fairlead-gateway"
_ADMINISTRATOR = "fairlead-deploy-administrator"
_SYNCED_S = 90.0


@dataclass
class Deployed:
    """The installation, and how it is reached from outside."""

    installation: Installation
    administrator: Kubectl
    """Past the gateway, with every right."""
    api: KubernetesApi
    """The same, for what tests ask and change."""
    door: Door
    directory: Path
    image: str
    """What test programs run in."""

    def open_gateway(self) -> Gateway:
        """The gateway's REST API, with the operator's token."""
        keys = self.installation.keys
        token = (keys / "api.token").read_text(encoding="utf-8").strip()
        return Gateway(self.door.url, token=token, ca_file=keys / "ca.crt", trust_env=False)

    def fairlead(self, *words: str) -> str:
        """Our command line, at the gateway."""
        return self.installation.fairlead(*words, *self.options())

    def options(self, door: Door | None = None) -> list[str]:
        """The options by which our command line finds the gateway."""
        keys = self.installation.keys
        url = (door or self.door).url
        return ["--gateway", url, "--token-file", str(keys / "api.token"), "--ca-file", str(keys / "ca.crt")]

    def kubectl(self, door: Door | None = None, account: str = ACCOUNT) -> Kubectl:
        """A person's kubectl, through the gateway."""
        home = Path(tempfile.mkdtemp(dir=self.directory, prefix="home-"))
        kubeconfig = home / "kubeconfig"
        self.installation.fairlead("kubeconfig", account, "--output", str(kubeconfig), *self.options(door))
        return Kubectl(self.administrator.binary, kubeconfig, home)

    def new_door(self, target: str = DOOR) -> Door:
        """Another way to the gateway, or to one pod of it, whose traffic the others do not feel."""
        return Door(self.administrator, GATEWAY, target, 8443, self.directory / "doors.log")

    def new_namespace(self) -> str:
        """Make a namespace, past the gateway; back when pods can be made in it."""
        name = f"fairlead-deploy-{secrets.token_hex(4)}"
        self.administrator("create", "--filename=-", stdin=json.dumps(restricted_namespace(name)))
        account = ("get", "serviceaccount", "default", f"--namespace={name}")
        wait_until(lambda: self.administrator.run(*account).code == 0, what="the namespace's service account")
        return name


@pytest.fixture(scope="session")
def deployed() -> Iterator[Deployed]:
    """Everything installed, ready, and the mirror complete; removed in the end."""
    assert OPTIONS.kubeconfig is not None
    directory = Path(tempfile.mkdtemp(prefix="fairlead-deploy-"))
    administrator = Kubectl(_kubectl_binary(), OPTIONS.kubeconfig, directory)
    tag = OPTIONS.image_tag or workspace_version()
    installation = Installation(administrator, directory, OPTIONS.image_prefix, tag)
    if namespace := installation.foreign():
        pytest.exit(f"Fairlead stands in this cluster already (namespace {namespace}); these tests would break it", 1)
    installation.remove()  # what a run that was killed left behind
    installation.install()
    door = Door(administrator, GATEWAY, DOOR, 8443, directory / "door.log")
    door.open()
    SESSION_PROCESSES.append(door.process)
    with KubernetesApi(_access_of_administrator(administrator, directory)) as api:
        made = Deployed(installation, administrator, api, door, directory, installation.image("fairlead"))
        with made.open_gateway() as gateway:
            wait_until(lambda: _is_synced(gateway), within_s=_SYNCED_S, what="a complete mirror")
        yield made
    door.close()
    administrator.run("delete", "clusterrolebinding", _ADMINISTRATOR)
    installation.remove()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def checker(deployed: Deployed) -> Iterator[MirrorChecker]:
    """Holds the mirror to the cluster."""
    with deployed.open_gateway() as gateway:
        yield MirrorChecker(gateway, deployed.api, ACCOUNT)


@pytest.fixture(scope="session")
def kubectl(deployed: Deployed) -> Kubectl:
    """A person's kubectl, through the gateway."""
    return deployed.kubectl()


@pytest.fixture
def namespace(deployed: Deployed) -> Iterator[str]:
    """A namespace for programs; its removal is not waited for."""
    name = deployed.new_namespace()
    yield name
    deployed.administrator("delete", "namespace", name, "--wait=false")


@pytest.fixture
def another_door(deployed: Deployed) -> Iterator[Callable[..., Door]]:
    """Opens further ways to the gateway, and closes them in the end."""
    opened: list[Door] = []

    def make(target: str = DOOR) -> Door:
        door = deployed.new_door(target)
        door.open()
        opened.append(door)
        return door

    yield make
    for door in opened:
        door.close()


def _is_synced(gateway: Gateway) -> bool:
    """Whether every kind is watched and its first list is in."""
    try:
        resources = gateway.resources(ACCOUNT)
    except (GatewayRefusal, GatewayUnreachable):
        return False
    return bool(resources) and all(each["state"] == "live" for each in resources)


def _kubectl_binary() -> Path:
    """The kubectl that `make parts` built, else the user's own."""
    built = control_plane().directory / "kubectl"
    own = shutil.which("kubectl")
    if built.is_file():
        return built
    assert own is not None, "no kubectl: install one, or run `make parts`"
    return Path(own)


def _access_of_administrator(kubectl: Kubectl, directory: Path) -> Path:
    """A kubeconfig with a token, whatever the user's own log in with."""
    kubectl("create", "serviceaccount", _ADMINISTRATOR, f"--namespace={GATEWAY}")
    subject = f"--serviceaccount={GATEWAY}:{_ADMINISTRATOR}"
    kubectl.run("delete", "clusterrolebinding", _ADMINISTRATOR)
    kubectl("create", "clusterrolebinding", _ADMINISTRATOR, "--clusterrole=cluster-admin", subject)
    token = kubectl("create", "token", _ADMINISTRATOR, f"--namespace={GATEWAY}", "--duration=8h").strip()
    document = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "--output=json"))
    document["users"] = [{"name": "administrator", "user": {"token": token}}]
    document["contexts"][0]["context"]["user"] = "administrator"
    path = directory / "administrator.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    path.chmod(0o600)
    return path
