"""The compose stack on a container engine, brought up and taken down by the same verbs that people use."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.kubernetes_api import KubernetesApi
from tests.support.mirror_checker import MirrorChecker
from tests.support.source_tree import ROOT

from fairlead.cli.gateway import Gateway
from fairlead.cli.parts.ports import free_ports

ACCOUNT = "shop"
PYTHON = "/opt/fairlead/bin/python"
PORTS = ("HTTPS_PORT", "LINK_PORT", "CLUSTER_PORT", "PROMETHEUS_PORT", "JAEGER_PORT", "GRAFANA_PORT")
IMAGE_TAG = "test-deploy"
"""Of the images that are built for the tests, so that nobody else's are touched."""
SERVICES = ("watcher", "scrubber", "bridge", "executor", "gateway")
_MAKE_S = 900.0
_DOCKER_S = 60.0
_ENDS_IN = 1500


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def everything(self) -> str:
        """Both streams."""
        return f"{self.out}\n{self.err}"


def run(*words: str, timeout_s: float = _DOCKER_S, environment: Mapping[str, str] | None = None) -> Said:
    """Run a command in the root of the repository to its end."""
    more = [f"{name}={value}" for name, value in (environment or {}).items()]
    command = ["env", *more, *words]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=timeout_s)
    return Said(done.returncode, done.stdout, done.stderr)


def docker(*words: str, timeout_s: float = _DOCKER_S) -> str:
    """What a docker command prints; it has to succeed."""
    said = run("docker", *words, timeout_s=timeout_s)
    assert said.code == 0, f"docker {' '.join(words)} failed: {said.err[-_ENDS_IN:]}"
    return said.out.strip()


@dataclass
class Deployment:
    """One compose project: its name, its ports and its switches."""

    project: str
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        named = {"COMPOSE_PROJECT_NAME": self.project, "IMAGE_TAG": IMAGE_TAG, "IMAGE_PREFIX": ""}
        self.environment = {**named, **ports, **self.environment}

    # ---- verbs

    def make(self, verb: str, *settings: str) -> Said:
        """Run a verb of the Makefile; settings as `UP=--scale scrubber=3`."""
        return run("make", verb, *settings, timeout_s=_MAKE_S, environment=self.environment)

    def up(self, *settings: str) -> Said:
        """Bring it up by `make up`, which has to succeed."""
        said = self.make("up", *settings)
        assert said.code == 0, f"make up failed:\n{said.everything[-2 * _ENDS_IN :]}"
        return said

    def containers(self, *filters: str) -> list[str]:
        """Ids of its containers, running or not."""
        return self._listed("ps", "--all", *filters)

    def leftovers(self) -> dict[str, list[str]]:
        """What there is of it on the engine."""
        found = {
            "containers": self.containers(),
            "volumes": self._listed("volume", "ls"),
            "networks": self._listed("network", "ls"),
        }
        return {what: ids for what, ids in found.items() if ids}

    def _listed(self, *words: str) -> list[str]:
        return docker(*words, "--quiet", "--filter", f"label=com.docker.compose.project={self.project}").split()

    # ---- containers

    def container(self, service: str) -> str:
        """The id of a service's one container, running or not."""
        found = self.containers("--filter", f"label=com.docker.compose.service={service}")
        assert len(found) == 1, f"{service} has {len(found)} containers"
        return found[0]

    def state(self, container: str) -> dict[str, Any]:
        """What the engine knows of a container."""
        return dict(json.loads(docker("inspect", container))[0])

    def readiness(self, service: str) -> str:
        """What a service lacks by its own words; empty when it is ready."""
        said = run("docker", "exec", self.container(service), PYTHON, "-m", "fairlead.runtime.probe")
        return "" if said.code == 0 else said.everything.strip()

    def logs(self) -> dict[str, str]:
        """Everything that each container has printed."""
        return {self.name(each): run("docker", "logs", each).everything for each in self.containers()}

    def name(self, container: str) -> str:
        """The name of a container, without the project."""
        return docker("inspect", "--format", "{{.Name}}", container).removeprefix(f"/{self.project}-")

    # ---- ways in

    @property
    def credentials(self) -> Path:
        """Where `make up` put what a caller needs."""
        return ROOT / ".local" / "compose" / self.project

    def url(self, variable: str, scheme: str = "http") -> str:
        """The address of a published port."""
        return f"{scheme}://127.0.0.1:{self.environment[variable]}"

    def gateway(self) -> Gateway:
        """REST with the operator's token."""
        token = (self.credentials / "api.token").read_text(encoding="utf-8").strip()
        url = self.url("HTTPS_PORT", "https")
        return Gateway(url, token=token, ca_file=self.credentials / "ca.crt", trust_env=False)

    def cluster(self) -> KubernetesApi:
        """The simulated cluster itself."""
        return KubernetesApi(self.credentials / "cluster.kubeconfig")

    def assert_mirrored(self, *, within_s: float) -> None:
        """Hold the mirror to a fresh list of everything that is watched."""
        with self.gateway() as gateway, self.cluster() as api:
            MirrorChecker(gateway, api, ACCOUNT).assert_equal(within_s=within_s)
