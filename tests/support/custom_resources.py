"""Custom resources that a test's cluster serves for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.kubernetes_api import ApiRefusal, JsonObject, KubernetesApi, Place
from tests.support.polling import wait_until

DEFINITIONS = Place("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False)
POD_METRICS = Place("metrics.k8s.io/v1beta1", "pods")


@contextmanager
def defined(api: KubernetesApi, definition: JsonObject) -> Iterator[None]:
    """A custom resource that is served for as long as the context lasts."""
    spec = definition["spec"]
    api.create(DEFINITIONS, definition)
    path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}"
    try:
        wait_until(lambda: spec["names"]["plural"] in _served(api, path), what=f"{path} in discovery")
        yield
    finally:
        api.delete(DEFINITIONS, "", definition["metadata"]["name"])
        wait_until(lambda: spec["names"]["plural"] not in _served(api, path), what=f"{path} gone from discovery")


def _served(api: KubernetesApi, path: str) -> list[str]:
    try:
        return [each["name"] for each in api.call("GET", path)["resources"]]
    except ApiRefusal:
        return []


def metrics_definition() -> JsonObject:
    """Metrics of pods as a custom resource: what `kubectl top` reads, without a metrics server.

    The group is Kubernetes' own, so the API server asks for an approval in an annotation.
    """
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "pods.metrics.k8s.io",
            "annotations": {"api-approved.kubernetes.io": "unapproved, experimental-only"},
        },
        "spec": {
            "group": "metrics.k8s.io",
            "scope": "Namespaced",
            "names": {"plural": "pods", "singular": "podmetrics", "kind": "PodMetrics", "listKind": "PodMetricsList"},
            "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def pod_metrics(name: str, namespace: str, containers: tuple[str, ...]) -> JsonObject:
    """What a metrics server tells of a pod."""
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {"name": name, "namespace": namespace},
        "timestamp": "2026-01-01T00:00:00Z",
        "window": "15s",
        "containers": [{"name": each, "usage": {"cpu": "12m", "memory": "34Mi"}} for each in containers],
    }
