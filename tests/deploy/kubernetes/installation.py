"""Fairlead as its manifests install it: gateway and agent in namespaces of their own, pod security "restricted" in both.

What is done here is what the overlays tell a user to do: copy them, write one's own settings, `fairlead prepare`,
`fairlead kubernetes-secrets`, `kubectl apply -k`. The agent watches the cluster that it stands in.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.support.kubectl import Kubectl, Ran
from tests.support.source_tree import ROOT

GATEWAY = "fairlead-deploy-gateway"
AGENT = "fairlead-deploy-agent"
INFRASTRUCTURE = "fairlead-deploy-infra"
NARROW = "fairlead-deploy-narrow"
"""Namespaces; no other installation is touched."""
LINK = f"fairlead-gateway.{GATEWAY}.svc:9091"
ACCOUNT = "own-cluster"
MANIFESTS = ROOT / "infra" / "kubernetes"
IMAGES = ("watcher", "scrubber", "bridge", "executor", "gateway", "fairlead")
CLUSTER_WIDE = tuple(
    f"{kind}/fairlead-{role}"
    for kind in ("clusterrolebinding", "clusterrole")
    for role in ("watcher", "executor", "executor-writes")
)
AGENT_PARTS = ("watcher", "scrubber", "bridge", "executor")
_ROLLOUT_S = 240
_REMOVAL_S = 180.0


class NotInstalledError(Exception):
    """The manifests did not come up; the message shows what the cluster says about it."""


@dataclass(frozen=True)
class Installation:
    """One installation in one cluster, by an administrator's kubectl; files of it are in the directory."""

    kubectl: Kubectl
    directory: Path
    image_prefix: str
    image_tag: str

    @property
    def keys(self) -> Path:
        """What `fairlead prepare` made."""
        return self.directory / "keys"

    def image(self, name: str) -> str:
        """Reference of one of our images."""
        return f"{self.image_prefix}{name}:{self.image_tag}"

    def install(self) -> None:
        """Install everything and wait until all of it is ready.

        Raises:
            NotInstalledError: it did not become ready.

        """
        shutil.copytree(MANIFESTS, self.directory / "manifests")
        host = LINK.partition(":")[0]
        names = ("--nats-host", "fairlead-nats", "--host", host, "--database-host", "fairlead-postgres")
        self.fairlead("prepare", str(self.keys), *names)
        self.prepare_namespace(GATEWAY, "gateway")
        self.prepare_namespace(AGENT, "agent")
        self.apply("gateway", GATEWAY, {}, database=True)
        self.apply_agent()
        self.wait_ready()

    def prepare_namespace(self, namespace: str, side: str) -> None:
        """Make a namespace with the Secrets that a side needs."""
        self.kubectl("apply", "--filename=-", stdin=json.dumps(restricted_namespace(namespace)))
        secrets = self.fairlead("kubernetes-secrets", str(self.keys), "--for", side)
        self.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=secrets)

    def apply_agent(self, *components: str) -> None:
        """Apply the overlay of agent mode, with components switched on."""
        account = {"name": ACCOUNT, "serviceAccount": True}
        self.apply("agent", AGENT, agent_settings(account, "agent"), *components)

    def apply(
        self, overlay: str, namespace: str, settings: dict[str, Any], *components: str, database: bool = False
    ) -> None:
        """Make an overlay one's own, as a user does, and apply it; with the PostgreSQL of development, if wanted."""
        source, here = MANIFESTS / "overlays" / overlay, self.directory / "manifests" / "overlays" / overlay
        document = yaml.safe_load((source / "kustomization.yaml").read_text(encoding="utf-8"))
        document["namespace"] = namespace
        document["components"] = [*document.get("components", []), *(f"../../components/{name}" for name in components)]
        document["images"] = [
            {"name": f"fairlead/{name}", "newName": f"{self.image_prefix}{name}", "newTag": self.image_tag}
            for name in IMAGES
        ]
        if database:
            shutil.copy(MANIFESTS / "overlays" / "dev" / "postgres.yaml", here)
            document["resources"].append("postgres.yaml")
            document["images"].append({"name": "postgres", "newTag": "17"})
        (here / "kustomization.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        (here / "fairlead-local.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        self.kubectl("apply", "--kustomize", str(here))

    def wait_ready(self, *namespaces: str) -> None:
        """Wait until every pod of namespaces is ready; without any, of gateway and agent.

        Raises:
            NotInstalledError: one is not.

        """
        for namespace in namespaces or (GATEWAY, AGENT):
            for workload in self._workloads(namespace):
                wait = ("rollout", "status", workload, f"--namespace={namespace}", f"--timeout={_ROLLOUT_S}s")
                ran = self.kubectl.run(*wait, timeout_s=_ROLLOUT_S + 30)
                if ran.code != 0:
                    raise NotInstalledError(f"{workload}: {ran.err}\n{self._told(namespace)}")

    def remove(self) -> None:
        """Remove all of it, and wait until it is gone."""
        namespaces = [f"namespace/{each}" for each in (GATEWAY, AGENT, INFRASTRUCTURE, NARROW)]
        words = ("--ignore-not-found", "--wait", f"--timeout={_REMOVAL_S:g}s")
        self.kubectl("delete", *namespaces, *CLUSTER_WIDE, *words, timeout_s=_REMOVAL_S + 30)

    def foreign(self) -> str:
        """Where another installation stands in this cluster, whose cluster roles ours would replace; empty: nowhere."""
        ran = self.kubectl.run("get", "clusterrolebinding", "fairlead-watcher", "--output=json")
        subjects = ran.document.get("subjects", []) if ran.code == 0 else []
        return next((each["namespace"] for each in subjects if each["namespace"] != AGENT), "")

    def fairlead(self, *words: str) -> str:
        """Run our command line; it has to succeed."""
        ran = self.try_fairlead(*words)
        assert ran.code == 0, f"fairlead {' '.join(words)} failed: {ran.err}"
        return ran.out

    def try_fairlead(self, *words: str) -> Ran:
        """Run our command line."""
        command = [sys.executable, "-m", "fairlead.cli", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        return Ran(done.returncode, done.stdout, done.stderr)

    def _workloads(self, namespace: str) -> Iterator[str]:
        found = self.kubectl("get", "statefulsets,deployments", f"--namespace={namespace}", "--output=name")
        yield from found.split()

    def _told(self, namespace: str) -> str:
        """What the cluster says about a namespace in which something does not come up."""
        pods = self.kubectl.run("get", "pods", f"--namespace={namespace}").out
        events = self.kubectl.run("get", "events", f"--namespace={namespace}", "--field-selector=type=Warning").out
        names = self.kubectl.run("get", "pods", f"--namespace={namespace}", "--output=name").out.split()
        logs = [
            f"{name}:\n{self.kubectl.run('logs', name, f'--namespace={namespace}', '--tail=8').out}" for name in names
        ]
        return "\n".join([pods, *events.splitlines()[-15:], *logs])


def agent_settings(account: dict[str, Any], mode: str) -> dict[str, Any]:
    """What an agent's overlay leaves to its user: the account, and where the gateway is."""
    return {"kubernetes": {"accounts": [account]}, "agent": {"mode": mode}, "clouddriver": {"grpc": LINK}}


def restricted_namespace(name: str) -> dict[str, Any]:
    """A namespace that takes no pod with more rights than "restricted" allows."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
