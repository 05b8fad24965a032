"""Services, ingresses and network policies."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.tables import cells

BALANCED = {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}, {"hostname": "lb.example.com"}, {}]}}


@pytest.mark.parametrize(
    ("spec", "external"),
    [
        ({"type": "ClusterIP"}, "<none>"),
        ({"type": "NodePort", "externalIPs": ["192.0.2.1", "192.0.2.2"]}, "192.0.2.1,192.0.2.2"),
        ({"type": "LoadBalancer"}, "192.0.2.9,lb.example.com"),
        ({"type": "LoadBalancer", "externalIPs": ["192.0.2.1"]}, "192.0.2.9,lb.example.com,192.0.2.1"),
        ({"type": "ExternalName", "externalName": "db.example.com"}, "db.example.com"),
        ({}, "<unknown>"),
    ],
)
def test_how_a_service_is_reached(spec: dict[str, Any], external: str) -> None:
    """By its type."""
    assert cells("", "services", spec=spec, status=BALANCED)[3] == external


def test_a_service() -> None:
    """Addresses, also in the form of older servers, and ports."""
    ports = [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    spec = {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "ports": ports, "selector": {"app": "web"}}
    assert cells("", "services", spec=spec) == [
        "web", "LoadBalancer", "10.0.0.1", "<pending>", "80:30080/TCP,53/UDP", "24h", "app=web",
    ]  # fmt: skip
    assert cells("", "services", spec={"type": "ExternalName"})[2:5] == ["<none>", "", "<none>"]
    assert cells("", "services", spec={"type": "ClusterIP", "clusterIPs": ["10.0.0.2", "fd00::2"]})[2] == "10.0.0.2"


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ([], "*"),
        (["a", "b", "c"], "a,b,c"),
        (["a", "b", "c", "d", "e"], "a,b,c + 2 more..."),
        (["a", "", "b"], "a,b"),
        (["a", "b", "c", ""], "a,b,c + 1 more..."),
    ],
)
def test_an_ingress(hosts: list[str], told: str) -> None:
    """The first three hosts."""
    spec = {"ingressClassName": "nginx", "rules": [{"host": host} for host in hosts], "tls": [{}]}
    row = ["web", "nginx", told, "192.0.2.9,lb.example.com", "80, 443", "24h"]
    assert cells("networking.k8s.io", "ingresses", spec=spec, status=BALANCED) == row


def test_a_network_policy() -> None:
    """What it selects."""
    spec = {"podSelector": {"matchLabels": {"app": "web"}}}
    assert cells("networking.k8s.io", "networkpolicies", spec=spec) == ["web", "app=web", "24h"]
    assert cells("networking.k8s.io", "networkpolicies")[1] == "<none>"
