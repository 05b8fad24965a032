"""A living shop of workloads, so that a demo looks at something: three namespaces, a dozen kinds, gentle churn."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.errors import StatusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairlead.simcluster.cluster import SimCluster

# namespace, name, replicas, image
DEPLOYMENTS: Final = (
    ("storefront", "web", 3, "registry.example/shop/web:4.2.0"),
    ("storefront", "cart", 2, "registry.example/shop/cart:2.9.1"),
    ("storefront", "search", 2, "registry.example/shop/search:1.14.3"),
    ("checkout", "payments", 2, "registry.example/shop/payments:7.0.2"),
    ("checkout", "orders", 3, "registry.example/shop/orders:3.3.0"),
    ("checkout", "mailer", 1, "registry.example/shop/mailer:1.0.8"),
    ("platform", "metrics", 1, "registry.example/platform/metrics:0.9.5"),
)
STATEFUL_SETS: Final = (
    ("storefront", "sessions", 2, "registry.example/platform/redis:7.4"),
    ("checkout", "ledger", 3, "registry.example/platform/postgres:17.2"),
)
NAMESPACES: Final = ("storefront", "checkout", "platform")
MANAGER: Final = "shop"
CHATTY_PODS: Final = 5
"""How many pods print a line with each change."""


def _metadata(namespace: str, name: str, **more: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop"}
    return {"namespace": namespace, "name": name, "labels": labels, **more}


def _workload(kind: str, namespace: str, name: str, replicas: int, image: str) -> dict[str, Any]:
    labels = {"app": name}
    env = [
        {"name": "LOG_LEVEL", "valueFrom": {"configMapKeyRef": {"name": f"{name}-settings", "key": "logLevel"}}},
        {"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": f"{name}-credentials", "key": "apiKey"}}},
    ]
    container = {
        "name": name,
        "image": image,
        "ports": [{"containerPort": 8080, "name": "http"}],
        "env": env,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 10},
    }
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": _metadata(namespace, name), "spec": spec}


def _companions(namespace: str, name: str) -> list[dict[str, Any]]:
    secret = base64.b64encode(f"demo-{name}-key".encode()).decode()
    selector = {"app": name}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(namespace, f"{name}-settings"),
            "data": {"logLevel": "info", "flags.yaml": "newCheckout: false\nrecommendations: true\n"},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": _metadata(namespace, f"{name}-credentials"),
            "data": {"apiKey": secret},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata(namespace, name),
            "spec": {"selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": _metadata(namespace, name),
            "spec": {"podSelector": {"matchLabels": selector}, "ingress": [{"from": [{"namespaceSelector": {}}]}]},
        },
    ]


def _edges() -> list[dict[str, Any]]:
    backend = {"service": {"name": "web", "port": {"name": "http"}}}
    rule = {"host": "shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    report = {
        "restartPolicy": "Never",
        "containers": [{"name": "report", "image": "registry.example/shop/report:1.1.0", "args": ["--daily"]}],
    }
    agent = {"containers": [{"name": "agent", "image": "registry.example/platform/node-agent:2.0.1"}]}
    labels = {"app": "node-agent"}
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": _metadata("storefront", "shop"),
            "spec": {"rules": [rule]},
        },
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": _metadata("checkout", "daily-report"),
            "spec": {"schedule": "15 3 * * *", "jobTemplate": {"spec": {"template": {"spec": report}}}},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": _metadata("platform", "node-agent"),
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": agent}},
        },
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": _metadata("storefront", "web"),
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 2,
                "maxReplicas": 6,
            },
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": _metadata("checkout", "orders"),
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "orders"}}},
        },
    ]


class Shop:
    """The shop in one cluster. `seed` makes its churn repeatable."""

    def __init__(self, cluster: SimCluster, *, seed: int = 7) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)  # noqa: S311 - choices of a demo
        self._moves: list[Callable[[], None]] = [self._release, self._scale, self._configure, self._crash, self._report]
        self._build = 0

    def open(self) -> None:
        """Create everything."""
        manifests: list[dict[str, Any]] = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES
        ]
        for kind, rows in (("Deployment", DEPLOYMENTS), ("StatefulSet", STATEFUL_SETS)):
            for namespace, name, replicas, image in rows:
                manifests += _companions(namespace, name)
                manifests.append(_workload(kind, namespace, name, replicas, image))
        for manifest in [*manifests, *_edges()]:
            self._cluster.create(manifest, manager=MANAGER)

    async def run(self, churn_s: float) -> None:
        """Change something now and then, until cancelled."""
        while True:
            await asyncio.sleep(churn_s * self._random.uniform(0.5, 1.5))
            self.churn()

    def churn(self) -> None:
        """One small change, and a few lines in the logs. What a visitor has deleted stays deleted."""
        self._chat()
        try:
            self._random.choice(self._moves)()
        except StatusError:
            return

    def _chat(self) -> None:
        """Let some of the running pods print a line."""
        running = [pod for pod in self._cluster.list("pods") if (pod.get("status") or {}).get("phase") == "Running"]
        for pod in self._random.sample(running, min(CHATTY_PODS, len(running))):
            path, took = self._random.choice(("/", "/cart", "/search?q=tea", "/orders/17")), self._random.randint(2, 90)
            text = f"level=info msg=served path={path} status=200 took={took}ms"
            self._cluster.log(pod["metadata"]["name"], text, namespace=pod["metadata"]["namespace"])

    def _pick(self) -> tuple[str, str, str]:
        namespace, name, _, image = self._random.choice(DEPLOYMENTS)
        return namespace, name, image

    def _release(self) -> None:
        namespace, name, image = self._pick()
        self._build += 1
        spec = {"containers": [{"name": name, "image": f"{image}-{self._build}"}]}
        present = self._cluster.get("deployments.apps", name, namespace)
        if present is not None:
            container = present["spec"]["template"]["spec"]["containers"][0]
            spec = {"containers": [{**container, "image": f"{image}-{self._build}"}]}
            self._cluster.patch("deployments.apps", name, {"spec": {"template": {"spec": spec}}}, namespace=namespace)

    def _scale(self) -> None:
        namespace, name, _ = self._pick()
        replicas = self._random.randint(1, 5)
        self._cluster.patch("deployments.apps", name, {"spec": {"replicas": replicas}}, namespace=namespace)

    def _configure(self) -> None:
        namespace, name, _ = self._pick()
        level = self._random.choice(("info", "debug", "warning"))
        self._cluster.patch("configmaps", f"{name}-settings", {"data": {"logLevel": level}}, namespace=namespace)

    def _crash(self) -> None:
        pods = [pod for pod in self._cluster.list("pods") if pod["metadata"]["namespace"] in NAMESPACES]
        if pods:
            metadata = self._random.choice(pods)["metadata"]
            self._cluster.delete("pods", metadata["name"], metadata["namespace"])

    def _report(self) -> None:
        container = {"name": "report", "image": "registry.example/shop/report:1.1.0"}
        done = [job for job in self._cluster.list("jobs.batch", "checkout") if job.get("status", {}).get("succeeded")]
        for job in done[:-2]:
            self._cluster.delete("jobs.batch", job["metadata"]["name"], "checkout")
        self._cluster.create(
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"namespace": "checkout", "generateName": "report-"},
                "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
            },
            manager=MANAGER,
        )
