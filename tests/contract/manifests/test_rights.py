"""Least rights: who may do what at the API server, in each variant; judged by a real one."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.manifests import Composition, Kustomize, by_name, moved, pod_specs
from tests.support.polling import wait_until

pytestmark = pytest.mark.real

READING = {"get", "list", "watch"}
RIGHTS: list[tuple[str, str, dict[tuple[str, ...], bool]]] = [
    ("watcher", "list pods --namespace other", {(): True, ("rbac-namespace",): False}),
    ("watcher", "watch deployments.apps", {(): True, ("rbac-namespace",): True, ("rbac-read-only",): True}),
    ("watcher", "list customresourcedefinitions", {(): True, ("rbac-namespace",): False}),
    ("watcher", "get secrets", {(): False}),
    ("watcher", "create pods", {(): False}),
    ("executor", "create deployments.apps", {(): True, ("rbac-namespace",): True, ("rbac-read-only",): False}),
    ("executor", "create deployments.apps --namespace other", {(): True, ("rbac-namespace",): False}),
    ("executor", "get pods/log", {(): True, ("rbac-namespace",): True, ("rbac-read-only",): True}),
    ("executor", "delete namespaces", {(): True, ("rbac-namespace",): False, ("rbac-read-only",): False}),
    ("executor", "patch secrets", {("rbac-namespace", "rbac-read-only"): False}),
    ("executor", "get secrets", {("rbac-namespace", "rbac-read-only"): True}),
    ("executor", "create clusterroles", {(): False}),
    ("scrubber", "get pods", {(): False}),
    ("bridge", "get pods", {(): False}),
]
"""Service, request, and whether it is allowed with the components; requests are in the agent's namespace unless they say."""


def test_only_watcher_and_executor_have_rights_and_a_token(kustomize: Kustomize) -> None:
    """Scrubber, bridge, gateway and nats-server mount no token, and no role of theirs has a rule."""
    rendered = kustomize(Composition("agent"), Composition("gateway"))
    pods = pod_specs(rendered)
    assert {name for name, pod in pods.items() if pod["automountServiceAccountToken"]} == {
        "fairlead-watcher",
        "fairlead-executor",
    }
    ruled = {each["metadata"]["name"] for each in rendered if each["kind"].endswith("Role") and each["rules"]}
    assert ruled == {"fairlead-watcher", "fairlead-executor", "fairlead-executor-writes"}


def test_only_one_role_writes(kustomize: Kustomize) -> None:
    """Whoever takes fairlead-executor-writes away has an agent that only reads."""
    rendered = kustomize(Composition("agent"))
    verbs = {
        name: {verb for rule in each["rules"] for verb in rule["verbs"]}
        for (kind, name), each in by_name(rendered).items()
        if kind == "ClusterRole"
    }
    assert verbs["fairlead-watcher"] | verbs["fairlead-executor"] == READING
    assert not verbs["fairlead-executor-writes"] & READING


def test_with_kubeconfigs_nobody_has_rights(kustomize: Kustomize) -> None:
    """Where the rights come from kubeconfigs, no token is mounted and no role has a rule."""
    for overlay in ("infrastructure", "spinnaker-service"):
        rendered = kustomize(Composition(overlay))
        assert not [name for name, pod in pod_specs(rendered).items() if pod["automountServiceAccountToken"]]
        assert not [each for each in rendered if each["kind"].endswith("Role") and each["rules"]]


@pytest.fixture(scope="module")
def allowed(_session_control_plane: ControlPlane, kustomize: Kustomize) -> Iterator[Asker]:
    """Asks the API server what a service account may do, with the roles of some components applied."""
    asker = Asker(_session_control_plane, kustomize)
    yield asker
    asker.clear()


class Asker:
    """``kubectl auth can-i`` as a service account."""

    def __init__(self, control_plane: ControlPlane, kustomize: Kustomize) -> None:
        self.control_plane = control_plane
        self.kustomize = kustomize
        self.applied: tuple[str, ...] | None = None
        self.text = ""
        self.namespaces = {name: f"{name}-{secrets.token_hex(3)}" for name in ("fairlead", "other")}
        for namespace in self.namespaces.values():
            control_plane.kubectl("create", "namespace", namespace)

    def __call__(self, components: tuple[str, ...], service: str, request: str) -> bool:
        """Whether the service may do that."""
        if components != self.applied:
            self._apply(components)
        own = self.namespaces["fairlead"]
        account = f"system:serviceaccount:{own}:fairlead-{service}"
        words = ["--namespace", own, "auth", "can-i", "--as", account]
        words += [self.namespaces.get(word, word) for word in request.split()]
        done = subprocess.run(
            [self.control_plane.binaries / "kubectl", "--kubeconfig", self.control_plane.kubeconfig, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.stdout.strip() in ("yes", "no"), done.stderr
        return done.stdout.strip() == "yes"

    def _apply(self, components: tuple[str, ...]) -> None:
        self._remove()
        roles = [
            each for each in self.kustomize(Composition("agent", components)) if each["apiVersion"].startswith("rbac.")
        ]
        self.text = yaml.safe_dump_all(moved(roles, self.namespaces["fairlead"]))
        self.control_plane.kubectl("apply", "-f", "-", stdin=self.text)
        self.applied = components

    def _remove(self) -> None:
        if self.text:
            self.control_plane.kubectl("delete", "--wait=false", "-f", "-", stdin=self.text)

    def clear(self) -> None:
        """Take everything away again."""
        self._remove()
        for namespace in self.namespaces.values():
            self.control_plane.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.parametrize("components", sorted({each for _, _, wanted in RIGHTS for each in wanted}), ids="+".join)
def test_rights_are_as_told(control_plane: ControlPlane, allowed: Asker, components: tuple[str, ...]) -> None:
    """The real authorizer grants what the variant promises, and nothing beyond it."""
    told = {(service, request): wanted[components] for service, request, wanted in RIGHTS if components in wanted}

    def wrong() -> list[tuple[str, str]]:
        return [key for key in told if allowed(components, *key) != told[key]]

    # Roles take effect a moment after their creation.
    wait_until(lambda: not wrong(), what=lambda: f"other answers to {wrong()}")
