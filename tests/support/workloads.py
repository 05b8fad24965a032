"""Manifests of the twelve kinds that are watched by default, and of a custom resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.kubernetes_api import JsonObject, Place

GROUP = "fairlead.test"
WIDGET_KIND = f"Widget.{GROUP}"

PLACES = {
    "ReplicaSet": Place("apps/v1", "replicasets"),
    "Service": Place("v1", "services"),
    "Ingress": Place("networking.k8s.io/v1", "ingresses"),
    "DaemonSet": Place("apps/v1", "daemonsets"),
    "Deployment": Place("apps/v1", "deployments"),
    "Pod": Place("v1", "pods"),
    "StatefulSet": Place("apps/v1", "statefulsets"),
    "Job": Place("batch/v1", "jobs"),
    "CronJob": Place("batch/v1", "cronjobs"),
    "NetworkPolicy": Place("networking.k8s.io/v1", "networkpolicies"),
    "Namespace": Place("v1", "namespaces", namespaced=False),
    "CustomResourceDefinition": Place("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False),
    "Widget": Place(f"{GROUP}/v1", "widgets"),
    "Secret": Place("v1", "secrets"),
    "ConfigMap": Place("v1", "configmaps"),
}
TWELVE = tuple(kind for kind in PLACES if kind not in ("Widget", "Secret", "ConfigMap"))
"""In the order of Armory's plug-in."""
NAMESPACED = tuple(kind for kind in TWELVE if PLACES[kind].namespaced)


def namespace(name: str) -> JsonObject:
    """A namespace."""
    return _object("Namespace", name, "")


def widget_definition() -> JsonObject:
    """The definition of the custom resource."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
    return _object("CustomResourceDefinition", f"widgets.{GROUP}", "", spec=spec)


def manifest(kind: str, name: str, in_namespace: str) -> JsonObject:
    """A namespaced object of a kind."""
    return _object(kind, name, in_namespace, **_CONTENTS[kind](name))


def _object(kind: str, name: str, in_namespace: str, **contents: Any) -> JsonObject:
    metadata: JsonObject = {"name": name, "labels": {"app": name}, "annotations": {"note": 'ü "quoted" \\ \u2028'}}
    if in_namespace:
        metadata["namespace"] = in_namespace
    return {"apiVersion": PLACES[kind].api_version, "kind": kind, "metadata": metadata, **contents}


def _pod_spec(restart: str = "Always") -> JsonObject:
    container = {"name": "main", "image": "registry.test/shop:1", "env": [{"name": "MODE", "value": "demo"}]}
    return {"restartPolicy": restart, "containers": [container]}


def _template(name: str, restart: str = "Always") -> JsonObject:
    return {"metadata": {"labels": {"app": name}}, "spec": _pod_spec(restart)}


def _controller(name: str, **more: Any) -> JsonObject:
    return {"spec": {"selector": {"matchLabels": {"app": name}}, "template": _template(name), **more}}


def _backend(name: str) -> JsonObject:
    return {"service": {"name": name, "port": {"number": 80}}}


_CONTENTS: dict[str, Callable[[str], JsonObject]] = {
    "ReplicaSet": lambda name: _controller(f"{name}-rs", replicas=1),
    "Service": lambda name: {"spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}},
    "Ingress": lambda name: {"spec": {"defaultBackend": _backend(name)}},
    "DaemonSet": lambda name: _controller(f"{name}-ds"),
    "Deployment": lambda name: _controller(f"{name}-deploy", replicas=2),
    "Pod": lambda _name: {"spec": _pod_spec()},
    "StatefulSet": lambda name: _controller(f"{name}-sts", replicas=1, serviceName=name),
    "Job": lambda name: {"spec": {"template": _template(f"{name}-job", "Never")}},
    "CronJob": lambda name: {
        "spec": {
            "schedule": "0 3 1 1 *",
            "suspend": True,
            "jobTemplate": {"spec": {"template": _template(f"{name}-cron", "Never")}},
        }
    },
    "NetworkPolicy": lambda name: {"spec": {"podSelector": {"matchLabels": {"app": name}}, "policyTypes": ["Ingress"]}},
    "Widget": lambda _name: {"spec": {"size": 3, "ratio": 0.5, "deep": {"list": [1, "two", None, True, {"x": []}]}}},
    "ConfigMap": lambda _name: {"data": {"mode": "demo"}},
    "Secret": lambda _name: {"type": "Opaque", "stringData": {}},
}
