"""Something to look at in the demo's own namespace."""

from __future__ import annotations

from typing import Any

from fairlead.cli.demo.cluster import Cluster
from fairlead.contracts.identity import Resource

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
SERVICES = Resource("", "v1", "services", "Service", namespaced=True)
TICKETS = 300
"""In a simulated cluster; a real one is spared."""
TICKETS_REAL = 20


def seed(cluster: Cluster) -> None:
    """Create a pile of ConfigMaps and a Service."""
    count = TICKETS_REAL if cluster.limited else TICKETS
    tickets = [(CONFIG_MAPS, _ticket(cluster.namespace, number)) for number in range(count)]
    cluster.create([*tickets, (SERVICES, _service(cluster.namespace))])


def _ticket(namespace: str, number: int) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": f"ticket-{number:04}", "labels": {"app": "tickets"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"seat": f"{number:04}"}}


def _service(namespace: str) -> dict[str, Any]:
    spec = {"selector": {"app": "tickets"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": "tickets"},
        "spec": spec,
    }
