"""Whole stacks over simulated and real clusters; each lives as long as the module that wants it."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support import workloads
from tests.support.kubectl import Kubectl
from tests.support.kubernetes_api import KubernetesApi
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.live_accounts import is_live
from tests.support.polling import wait_until
from tests.support.processes import SESSION_PROCESSES
from tests.support.real_parts import require_part
from tests.support.simulated_api import SimulatedApi

from fairlead.cli.parts.errors import PartMissingError
from fairlead.cli.stack import AccountPlan, Stack

ACCOUNT = "shore"


@dataclass
class Cluster:
    """One API server, simulated or real."""

    kind: str
    kubeconfig: Path
    context: str
    api: KubernetesApi
    compact: Callable[[], None]
    """Make every version that was seen so far too old for a watch."""
    simulated: SimulatedApi | None = None
    control_plane: ControlPlane | None = None

    def account(self, name: str = ACCOUNT, **options: Any) -> AccountPlan:
        """An account of this cluster; options have their names in the configuration file."""
        return AccountPlan(name, self.kubeconfig, self.context, options)

    def writes_by_audit_id(self) -> dict[str, int]:
        """How many writes took effect under each Audit-ID, as the API server's own log tells."""
        if self.simulated is not None:
            log = self.simulated.cluster.requests
            ids = self.simulated.do(lambda: [each.audit_id for each in log.writes() if 200 <= each.code < 300])
        else:
            assert self.control_plane is not None
            ids = [event["auditID"] for event in self.control_plane.audit_events() if _took_effect(event)]
        return Counter(ids)

    def new_namespace(self) -> str:
        """Create a namespace."""
        name = f"e2e-{secrets.token_hex(4)}"
        self.api.create(workloads.PLACES["Namespace"], workloads.namespace(name))
        return name


def _took_effect(event: dict[str, Any]) -> bool:
    """Whether an event of the audit log is a write that succeeded."""
    wrote = event["verb"] in ("create", "update", "patch", "delete") and event["stage"] == "ResponseComplete"
    return wrote and 200 <= event["responseStatus"]["code"] < 300


@dataclass
class Facade:
    """A whole stack in front of a real API server, for clients of Kubernetes."""

    stack: Stack
    control_plane: ControlPlane
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    """Before this, others used the API server."""

    def kubeconfig(self, account: str = ACCOUNT) -> Path:
        """Reaches the cluster through the gateway, as `fairlead kubeconfig` writes it."""
        return self.stack.kubeconfig(account)

    @property
    def direct(self) -> Path:
        """Reaches the API server itself, as administrator."""
        return self.control_plane.kubeconfig

    def kubectl(self, *, direct: bool = False, binary: Path | None = None) -> Kubectl:
        """Kubectl with a home of its own, through the gateway or past it."""
        home = Path(tempfile.mkdtemp(dir=self.stack.files.directory, prefix="home-"))
        kubeconfig = self.direct if direct else self.kubeconfig()
        return Kubectl(binary or self.control_plane.binaries / "kubectl", kubeconfig, home)


FACADE_KINDS = [
    "ConfigMap", "CronJob", "CustomResourceDefinition.apiextensions.k8s.io", "DaemonSet", "Deployment", "Event", "Ingress",
    "Job", "Namespace", "NetworkPolicy", "Pod", "ReplicaSet", "Secret", "Service", "StatefulSet",
]  # fmt: skip
"""What Clouddriver lists, and what it lists live all the same."""


@pytest.fixture(scope="module")
def facade(_session_control_plane: ControlPlane, stacks: Callable[..., Stack]) -> Facade:
    """One account of a real API server whose mirror is complete, agent in one process."""
    control_plane = _session_control_plane
    plan = AccountPlan(ACCOUNT, control_plane.kubeconfig, "admin-token", {"kinds": FACADE_KINDS})
    began = datetime.now(UTC)
    stack = stacks(plan, one_process=True)
    with stack.gateway() as gateway:
        wait_until(lambda: is_live(gateway, ACCOUNT, kinds=len(FACADE_KINDS)), within_s=60, what="a complete mirror")
    return Facade(stack, control_plane, began)


CLUSTERS = ["simcluster", pytest.param("kube-apiserver", marks=pytest.mark.real)]


@pytest.fixture(scope="module", params=CLUSTERS)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A simulated and a real API server, as admin."""
    if request.param == "simcluster":
        simulated = SimulatedApi(tmp_path_factory.mktemp("simcluster"), pod_start_s=0.1, pod_stop_s=0.1)
        simulated.start()
        with KubernetesApi(simulated.kubeconfig) as api:
            yield Cluster("simcluster", simulated.kubeconfig, "", api, _compact(simulated), simulated=simulated)
        simulated.stop()
        return
    control_plane: ControlPlane = request.getfixturevalue("_session_control_plane")
    with KubernetesApi(control_plane.kubeconfig, "admin-token") as api:
        yield Cluster(
            "kube-apiserver", control_plane.kubeconfig, "", api, control_plane.compact, control_plane=control_plane
        )


def _compact(simulated: SimulatedApi) -> Callable[[], None]:
    def compact() -> None:
        simulated.do(simulated.cluster.compact)
        simulated.do(simulated.cluster.faults.expire_watches)

    return compact


@pytest.fixture(scope="module")
def stacks(request: pytest.FixtureRequest) -> Iterator[Callable[..., Stack]]:
    """Starts stacks that end with the module; takes what Stack takes, without the directory."""
    directories: list[Path] = []
    failures_before = request.session.testsfailed
    with ExitStack() as running:

        def start(*accounts: AccountPlan, started: bool = True, **settings: Any) -> Stack:
            directory = Path(tempfile.mkdtemp(prefix="fairlead-e2e-"))
            directory.chmod(0o755)  # under root, PostgreSQL is another user
            directories.append(directory)
            try:
                stack = Stack(directory, accounts, **settings)
            except PartMissingError as error:
                require_part("nats-server and PostgreSQL", str(error))
            running.callback(discard, stack)
            if started:
                stack.start_all()
            adopt(stack)
            return stack

        yield start
    for directory in directories:
        if request.session.testsfailed == failures_before:  # else logs and data stay for whoever looks into it
            shutil.rmtree(directory, ignore_errors=True)


def discard(stack: Stack) -> None:
    """End a stack that is not needed any more; an orderly stop takes seconds, and is looked at elsewhere."""
    stack.kill(*reversed(stack.parts))


def adopt(stack: Stack) -> None:
    """Let the stack's processes outlive the test that (re)started them."""
    processes = [stack.nats.process, *(instance.process for instance in stack.instances.values())]
    if stack.postgres.process is not None:
        processes.append(stack.postgres.process)
    SESSION_PROCESSES.extend(process for process in processes if process not in SESSION_PROCESSES)
