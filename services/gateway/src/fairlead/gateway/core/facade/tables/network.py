"""Services, ingresses and network policies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from fairlead.gateway.core.facade.tables.parts import (
    AGE,
    NAME,
    NONE,
    SELECTOR,
    UNKNOWN,
    Cell,
    Column,
    Metadata,
    Part,
    Printer,
    Selector,
    age,
    labels,
    selector,
)

HOSTS_SHOWN = 3


class _Port(Part, frozen=True):
    port: int = 0
    node_port: int = 0
    protocol: str = "TCP"


class _Ingress(Part, frozen=True):
    ip: str = ""
    hostname: str = ""


class _LoadBalancer(Part, frozen=True):
    ingress: list[_Ingress] | None = None


class _Balanced(Part, frozen=True):
    load_balancer: _LoadBalancer = _LoadBalancer()


class _ServiceSpec(Part, frozen=True):
    type: str = ""
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    cluster_ips: list[str] | None = msgspec.field(name="clusterIPs", default=None)
    external_ips: list[str] | None = msgspec.field(name="externalIPs", default=None)
    external_name: str = ""
    ports: list[_Port] | None = None
    selector: dict[str, str] | None = None


class Service(Part, frozen=True):
    """What is read of a Service."""

    metadata: Metadata = Metadata()
    spec: _ServiceSpec = _ServiceSpec()
    status: _Balanced = _Balanced()


def _service(found: Service, now: datetime) -> list[Cell]:
    spec = found.spec
    own = spec.cluster_ips[0] if spec.cluster_ips else spec.cluster_ip
    return [
        found.metadata.name,
        spec.type,
        own or NONE,
        _external(found),
        ",".join(map(_port, spec.ports or ())) or NONE,
        age(found.metadata.creation_timestamp, now),
        labels(spec.selector),
    ]


def _external(service: Service) -> str:
    spec = service.spec
    own = spec.external_ips or []
    match spec.type:
        case "ClusterIP" | "NodePort":
            return ",".join(own) or NONE
        case "LoadBalancer":
            return ",".join([*_addresses(service.status), *own]) or "<pending>"
        case "ExternalName":
            return spec.external_name
    return UNKNOWN


def _addresses(status: _Balanced) -> list[str]:
    found = {each.ip or each.hostname for each in status.load_balancer.ingress or ()}
    return sorted(found - {""})


def _port(port: _Port) -> str:
    node = f":{port.node_port}" if port.node_port > 0 else ""
    return f"{port.port}{node}/{port.protocol}"


class _Rule(Part, frozen=True):
    host: str = ""


class _Tls(Part, frozen=True):
    secret_name: str = ""


class _IngressSpec(Part, frozen=True):
    ingress_class_name: str | None = None
    rules: list[_Rule] | None = None
    tls: list[_Tls] | None = None


class Ingress(Part, frozen=True):
    """What is read of an Ingress."""

    metadata: Metadata = Metadata()
    spec: _IngressSpec = _IngressSpec()
    status: _Balanced = _Balanced()


def _ingress(found: Ingress, now: datetime) -> list[Cell]:
    spec = found.spec
    return [
        found.metadata.name,
        NONE if spec.ingress_class_name is None else spec.ingress_class_name,
        _hosts(spec.rules or []),
        ",".join(_addresses(found.status)),
        "80, 443" if spec.tls else "80",
        age(found.metadata.creation_timestamp, now),
    ]


def _hosts(rules: Sequence[_Rule]) -> str:
    """The first hosts, and how many rules there are beyond as many as hosts are shown."""
    shown: list[str] = []
    more = False
    for rule in rules:
        more = more or len(shown) == HOSTS_SHOWN
        if rule.host and not more:
            shown.append(rule.host)
    told = ",".join(shown) or "*"
    return f"{told} + {len(rules) - HOSTS_SHOWN} more..." if more else told


class _PolicySpec(Part, frozen=True):
    pod_selector: Selector = Selector()


class NetworkPolicy(Part, frozen=True):
    """What is read of a NetworkPolicy."""

    metadata: Metadata = Metadata()
    spec: _PolicySpec = _PolicySpec()


def _network_policy(found: NetworkPolicy, now: datetime) -> list[Cell]:
    return [found.metadata.name, selector(found.spec.pod_selector), age(found.metadata.creation_timestamp, now)]


SERVICES = Printer(
    (NAME, Column("Type"), Column("Cluster-IP"), Column("External-IP"), Column("Port(s)"), AGE, SELECTOR),
    Service,
    _service,
)
INGRESSES = Printer(
    (NAME, Column("Class"), Column("Hosts"), Column("Address"), Column("Ports"), AGE), Ingress, _ingress
)
NETWORK_POLICIES = Printer((NAME, Column("Pod-Selector"), AGE), NetworkPolicy, _network_policy)
