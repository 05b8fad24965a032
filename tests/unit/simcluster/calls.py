"""Requests to the handlers and objects to send, without a server."""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead.simcluster.api.answers import Answer, LogAnswer, WatchAnswer
from fairlead.simcluster.api.dispatch import handle
from fairlead.simcluster.api.routes import Request, User
from fairlead.simcluster.controllers.manager import ControllerManager
from fairlead.simcluster.state import State

ADMIN = User("admin", ("system:masters",))
MERGE = "application/merge-patch+json"


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Tell the time in seconds since the epoch."""
        return self.now


class Hands:
    """One cluster's state with its controllers, driven by hand."""

    def __init__(self, *, nodes: int = 1) -> None:
        self.clock = Clock()
        self.state = State(now=self.clock)
        self.controllers = ControllerManager(self.state, pod_start_s=1.0, pod_stop_s=1.0, job_run_s=5.0)
        for name in ("default", "other"):
            self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        for number in range(nodes):
            self.call("POST", "/api/v1/nodes", {"metadata": {"name": f"node-{number}"}})

    def answer(self, method: str, path: str, body: Any = None, **headers: str) -> Answer | WatchAnswer | LogAnswer:
        """Handle a request as admin; the query stands in the path, header names have underscores."""
        path, _, query = path.partition("?")
        pairs = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body) if body is not None else b""
        named = {"user-agent": "tests/1"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return handle(self.state, Request(method, path, pairs, named, encoded, ADMIN))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Code and decoded body of an answer."""
        answer = self.answer(method, path, body, **headers)
        assert isinstance(answer, Answer)
        return answer.code, msgspec.json.decode(b"".join(answer.pieces))

    def watch(self, path: str, **headers: str) -> list[dict[str, Any]]:
        """The events that a watch gives at once."""
        answer = self.answer("GET", path, **headers)
        assert isinstance(answer, WatchAnswer)
        return events(answer.cursor.take(1 << 20))

    def get(self, path: str) -> Any:
        """A document that must be there."""
        code, document = self.call("GET", path)
        assert code == 200, document
        return document

    def names(self, path: str) -> list[str]:
        """The names in a list."""
        return [item["metadata"]["name"] for item in self.get(path)["items"]]

    def settle(self, seconds: float = 0.0) -> None:
        """Let time pass in small steps and the controllers work."""
        until = self.clock.now + seconds
        self.controllers.work()
        while self.clock.now < until:
            self.clock.now = min(self.clock.now + 0.1, until)
            self.controllers.work()


def events(lines: bytes) -> list[dict[str, Any]]:
    """Decoded watch lines."""
    return [msgspec.json.decode(line) for line in lines.splitlines()]


def config_map(name: str, **data: str) -> dict[str, Any]:
    """A ConfigMap manifest."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def workload(kind: str, name: str, replicas: int = 1, image: str = "example/web:1") -> dict[str, Any]:
    """A workload manifest of apps/v1."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    if kind == "DaemonSet":
        del spec["replicas"]
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def definition(*versions: str) -> dict[str, Any]:
    """A CustomResourceDefinition of widgets.shop.example."""
    served = [
        {"name": name, "served": True, "storage": at == 0, "subresources": {"status": {}}}
        for at, name in enumerate(versions or ("v1",))
    ]
    return {
        "metadata": {"name": "widgets.shop.example"},
        "spec": {
            "group": "shop.example",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": served,
        },
    }


MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
REPLICA_SETS = "/apis/apps/v1/namespaces/default/replicasets"
PODS = "/api/v1/namespaces/default/pods"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/shop.example/v1/namespaces/default/widgets"
