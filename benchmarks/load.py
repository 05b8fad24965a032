"""Objects as clusters have them, and a loader that puts them into an API server as fast as it takes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fairlead.kube.credentials import from_kubeconfig
from fairlead.kube.session import KubeSession

NAMESPACES = 50
CLIENTS = 48


def config_map(number: int) -> dict[str, Any]:
    """A ConfigMap of about 1 KB."""
    data = {f"key-{index}": "v" * 90 for index in range(8)}
    labels = {"app.kubernetes.io/name": f"app-{number % 97}"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"config-{number}", "labels": labels},
        "data": data,
    }


def pod(number: int, revision: int = 0) -> dict[str, Any]:
    """A Pod of 6 to 9 KB as JSON with managedFields: two containers, probes, env, annotations as Spinnaker writes them."""
    app = f"app-{number % 97}"
    annotations = {
        "artifact.spinnaker.io/location": "shop", "artifact.spinnaker.io/name": app,
        "artifact.spinnaker.io/type": "kubernetes/replicaSet", "moniker.spinnaker.io/application": app,
        "moniker.spinnaker.io/cluster": f"replicaSet {app}", "bench/revision": str(revision),
    }  # fmt: skip
    labels = {"app": app, "app.kubernetes.io/managed-by": "spinnaker", "pod-template-hash": f"{number % 31:010x}"}
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": f"{app}-{number}", "labels": labels, "annotations": annotations},
        "spec": {"containers": [_container("main", number), _container("proxy", number)], "terminationGracePeriodSeconds": 30},
    }  # fmt: skip


def _container(name: str, number: int) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10, "timeoutSeconds": 2}
    return {
        "name": name, "image": f"registry.example.com/shop/{name}:1.{number % 40}.0",
        "args": ["--listen=0.0.0.0:8080", "--log-format=json", f"--shard={number % 7}"],
        "env": [{"name": f"SETTING_{index}", "value": f"value-of-setting-{index}-{number}"} for index in range(18)],
        "ports": [{"name": "http", "containerPort": 8080}], "livenessProbe": probe, "readinessProbe": probe,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a path in a made-up container
    }  # fmt: skip


def with_volume(manifest: dict[str, Any]) -> dict[str, Any]:
    """Give a pod the volume that its containers mount."""
    manifest["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    manifest["spec"]["automountServiceAccountToken"] = False
    return manifest


def namespace_of(number: int) -> str:
    """Spread objects over the namespaces."""
    return f"bench-{number % NAMESPACES}"


def creations(pods: int, config_maps: int) -> Iterator[tuple[str, bytes]]:
    """Path and body of each creation."""
    for number in range(config_maps):
        yield f"/api/v1/namespaces/{namespace_of(number)}/configmaps", json.dumps(config_map(number)).encode()
    for number in range(pods):
        yield f"/api/v1/namespaces/{namespace_of(number)}/pods", json.dumps(with_volume(pod(number))).encode()


async def load(
    kubeconfig: Path, requests: Iterable[tuple[str, bytes]], method: str = "POST", content: str = "application/json"
) -> int:
    """Send requests with many clients at once; returns how many."""
    credentials = await from_kubeconfig(kubeconfig)
    waiting = iter(requests)
    sent = 0

    async def client(session: KubeSession) -> None:
        nonlocal sent
        for path, body in waiting:
            await session.request(method, path, headers={"Content-Type": content}, body=body)
            sent += 1

    async with KubeSession(credentials) as session, asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client(session))
    return sent


async def prepare_namespaces(kubeconfig: Path) -> None:
    """Create the namespaces of the load, with the service account that pods ask for."""
    bodies = [
        ("/api/v1/namespaces", json.dumps({"metadata": {"name": f"bench-{number}"}}).encode())
        for number in range(NAMESPACES)
    ]
    await load(kubeconfig, bodies)
    account = json.dumps({"metadata": {"name": "default"}}).encode()
    credentials = await from_kubeconfig(kubeconfig)
    async with KubeSession(credentials) as session:
        for number in range(NAMESPACES):
            await session.request("POST", f"/api/v1/namespaces/bench-{number}/serviceaccounts", body=account, raw=True)
