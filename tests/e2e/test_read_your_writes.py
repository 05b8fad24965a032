"""The write barrier: whoever writes through the gateway never lists less than what was written, however late the mirror is."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tests.e2e.conftest import ACCOUNT, Facade
from tests.support.kubectl import Kubectl
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.live_accounts import is_live
from tests.support.polling import wait_until

from fairlead.cli.stack import AccountPlan, Stack

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180)]

KINDS = ["ConfigMap", "Deployment", "Namespace", "Pod", "ReplicaSet", "Service"]
SCRUBBER = "scrubber"
"""While it stands still, nothing that happens in the cluster comes to the mirror."""


def _deployment(image: str) -> str:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})


def _config(name: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})


@dataclass
class World:
    """A namespace, kubectl through the gateway, and what the API server sees of it."""

    facade: Facade
    kubectl: Kubectl
    namespace: str

    def run(self, *args: str, stdin: str | None = None) -> str:
        """Run kubectl in the namespace."""
        return self.kubectl(f"--namespace={self.namespace}", *args, stdin=stdin)

    def listed(self, plural: str) -> dict[str, dict[str, Any]]:
        """What kubectl lists, by name."""
        items = json.loads(self.run("get", plural, "-o", "json"))["items"]
        return {item["metadata"]["name"]: item for item in items}

    def image(self) -> str:
        """The image of the deployment, as listed."""
        return str(self.listed("deployments")["web"]["spec"]["template"]["spec"]["containers"][0]["image"])

    def lists_seen(self, plural: str) -> int:
        """How many lists of clients of the gateway came to the API server."""
        return sum(
            event["verb"] == "list" and event["objectRef"].get("resource") == plural and "kubectl" in event["userAgent"]
            for event in self.facade.control_plane.audit_events(self.namespace)
            if event.get("objectRef", {}).get("namespace") == self.namespace
        )

    def answers_from_mirror(self, plural: str) -> bool:
        """Whether a list is answered without the API server."""
        before = self.lists_seen(plural)
        self.listed(plural)
        return self.lists_seen(plural) == before

    def settle(self, *plurals: str) -> None:
        """Wait until lists come out of the mirror."""
        wait_until(lambda: all(map(self.answers_from_mirror, plurals)), what=f"{', '.join(plurals)} out of the mirror")

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Nothing comes to the mirror meanwhile."""
        self.facade.stack.pause(SCRUBBER)
        try:
            yield
        finally:
            self.facade.stack.resume(SCRUBBER)


@pytest.fixture(scope="module")
def stack(_session_control_plane: ControlPlane, stacks: Callable[..., Stack]) -> Facade:
    """An agent in four processes, so that one can stand still."""
    plan = AccountPlan(ACCOUNT, _session_control_plane.kubeconfig, "admin-token", {"kinds": KINDS})
    started = stacks(plan)
    with started.gateway() as gateway:
        wait_until(lambda: is_live(gateway, ACCOUNT, kinds=len(KINDS)), within_s=60, what="a complete mirror")
    return Facade(started, _session_control_plane)


@pytest.fixture
def world(stack: Facade) -> Iterator[World]:
    """A namespace with a deployment, a config map and a service, all of them in the mirror."""
    name = f"barrier-{secrets.token_hex(4)}"
    stack.control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    found = World(stack, stack.kubectl(), name)
    found.run("apply", "-f", "-", stdin=_deployment("web:1"))
    found.run("apply", "-f", "-", stdin=_config("settings-v000"))
    found.run("create", "service", "clusterip", "web", "--tcp=80")
    found.settle("deployments", "configmaps", "services")
    yield found
    stack.control_plane.request("DELETE", f"/api/v1/namespaces/{name}")


def test_lists_show_what_was_written(world: World) -> None:
    """While the mirror stands still, each list after a write shows it; kinds that nobody wrote come out of the mirror.

    An update, a scale (answered as another kind), an undo (answered in protobuf), a creation and a deletion.
    """
    with world.standing_still():
        world.run("apply", "-f", "-", stdin=_deployment("web:2"))
        assert world.image() == "web:2"
        world.run("scale", "deployment/web", "--replicas=0")
        assert world.listed("deployments")["web"]["spec"]["replicas"] == 0
        world.run("rollout", "undo", "deployment/web")
        assert world.image() == "web:1"
        world.run("create", "-f", "-", stdin=_config("settings-v001"))
        assert {"settings-v000", "settings-v001"} <= set(world.listed("configmaps"))
        world.run("delete", "configmap", "settings-v000")
        assert "settings-v000" not in world.listed("configmaps")
        assert not world.answers_from_mirror("configmaps")
        assert world.answers_from_mirror("services")
    world.settle("deployments", "configmaps")
    assert world.image() == "web:1"
    names = set(world.listed("configmaps"))
    assert "settings-v001" in names
    assert "settings-v000" not in names


def test_a_list_waits_for_a_mirror_that_is_late(world: World) -> None:
    """One that catches up within two seconds is waited for: the list shows the write and comes out of the mirror."""
    before = world.lists_seen("deployments")
    with world.standing_still():
        world.run("apply", "-f", "-", stdin=_deployment("web:3"))
        wake = threading.Timer(0.3, world.facade.stack.resume, [SCRUBBER])
        wake.start()
        assert world.image() == "web:3"
        wake.join()
    assert world.lists_seen("deployments") == before


def test_a_dry_run_holds_nothing(world: World) -> None:
    """Neither in the query nor in the body of a deletion."""
    with world.standing_still():
        world.run("delete", "configmap", "settings-v000", "--dry-run=server")
        world.run("apply", "-f", "-", "--dry-run=server", stdin=_config("settings-v009"))
        assert world.answers_from_mirror("configmaps")


def test_the_journal_tells_who_wrote_what(world: World) -> None:
    """Each write has a row with its command and outcome, as `fairlead accounts writes` shows it; reads have none."""
    world.run("label", "deployment/web", "seen=yes")
    world.run("delete", "configmap", "nobody", "--ignore-not-found")
    with world.facade.stack.gateway() as gateway:
        rows = [row for row in gateway.writes(ACCOUNT) if row["namespace"] == world.namespace]
    told = [(row["command"], row["verb"], row["resource"], row["name"], row["outcome"], row["code"]) for row in rows]
    assert told[:2] == [
        ("kubectl delete", "delete", "configmaps", "nobody", "refused", 404),
        ("kubectl label", "patch", "deployments.apps", "web", "done", 200),
    ]
    labelled = world.facade.control_plane.request("GET", f"/apis/apps/v1/namespaces/{world.namespace}/deployments/web")
    assert rows[1]["uid"] == labelled["metadata"]["uid"]
