"""Tables for people: the columns that `kubectl get` shows (meta.k8s.io/v1 Table), as the API server's printers make them.

The kinds that people look at have their own columns; the rest have name and age of creation, as unknown kinds have there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fairlead.simcluster.logs import parse_time

if TYPE_CHECKING:
    from fairlead.simcluster.resources import Resource

Object = dict[str, Any]
NONE: Final = "<none>"
UNKNOWN: Final = "<unknown>"


class Column(NamedTuple):
    """One column; `cell` gets the object and the time now."""

    name: str
    cell: Callable[[Object, float], Any]
    type: str = "string"
    priority: int = 0

    def definition(self) -> dict[str, Any]:
        """As a Table declares it."""
        shape = "name" if self.name == "Name" else ""
        return {
            "name": self.name,
            "type": self.type,
            "format": shape,
            "description": "",
            "priority": self.priority,
        }


def human_duration(seconds: float) -> str:
    """A duration as kubectl shows it (k8s.io/apimachinery duration.HumanDuration)."""
    left = int(seconds)
    if left < 0:
        return "0s"
    minutes, hours, days = left // 60, left // 3600, left // 86400
    if left < 120:
        return f"{left}s"
    if minutes < 10:
        return f"{minutes}m" + (f"{left % 60}s" if left % 60 else "")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h" + (f"{minutes % 60}m" if minutes % 60 else "")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return f"{days}d" + (f"{hours % 24}h" if hours % 24 else "")
    years = days // 365
    if years < 2:
        return f"{days}d"
    return f"{years}y" + (f"{days % 365}d" if years < 8 and days % 365 else "")


def value_at(obj: Any, path: str, default: Any = None) -> Any:
    """The value at a simple JSON path: `.spec.size`, `.spec.list[0].name`."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if index:
            obj = obj[int(index)] if isinstance(obj, list) and len(obj) > int(index) else None
        else:
            obj = obj.get(name) if isinstance(obj, dict) else None
    return default if obj is None else obj


def _field(name: str, path: str, default: Any = "", *, type: str = "string", priority: int = 0) -> Column:  # noqa: A002 - as the API names it
    return Column(name, lambda obj, _now: value_at(obj, path, default), type, priority)


def _number(name: str, path: str) -> Column:
    return _field(name, path, 0, type="integer")


def _since(obj: Object, now: float, path: str = ".metadata.creationTimestamp") -> str:
    time = value_at(obj, path)
    return human_duration(now - parse_time(time)) if time else UNKNOWN


def _pairs(labels: dict[str, Any] | None) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted((labels or {}).items())) or NONE


def _selector(obj: Object, _now: float) -> str:
    return _pairs(value_at(obj, ".spec.selector.matchLabels"))


def _containers(key: str) -> Callable[[Object, float], str]:
    def listed(obj: Object, _now: float) -> str:
        spec = value_at(obj, ".spec.jobTemplate.spec.template.spec") or value_at(obj, ".spec.template.spec", {})
        return ",".join(str(each.get(key, "")) for each in spec.get("containers", ()))

    return listed


def _share(ready: str, wanted: str) -> Callable[[Object, float], str]:
    return lambda obj, _now: f"{value_at(obj, ready, 0)}/{value_at(obj, wanted, 0)}"


def _pod_ready(pod: Object, _now: float) -> str:
    statuses = value_at(pod, ".status.containerStatuses", ())
    return f"{sum(bool(each.get('ready')) for each in statuses)}/{len(pod['spec']['containers'])}"


def _pod_status(pod: Object, _now: float) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    reason: str = value_at(pod, ".status.reason") or value_at(pod, ".status.phase", "")
    for status in value_at(pod, ".status.containerStatuses", ()):
        for kind in ("waiting", "terminated"):
            reason = value_at(status, f".state.{kind}.reason") or reason
    return reason


def _pod_restarts(pod: Object, now: float) -> str:
    statuses = value_at(pod, ".status.containerStatuses", ())
    count = sum(each.get("restartCount", 0) for each in statuses)
    ends = [value_at(each, ".lastState.terminated.finishedAt") for each in statuses]
    last = max((parse_time(each) for each in ends if each), default=None)
    return f"{count} ({human_duration(now - last)} ago)" if count and last else str(count)


def _job_status(job: Object, _now: float) -> str:
    holding = {each["type"] for each in value_at(job, ".status.conditions", ()) if each["status"] == "True"}
    for kind in ("Complete", "Failed", "Suspended"):
        if kind in holding:
            return kind
    return "Terminating" if "deletionTimestamp" in job["metadata"] else "Running"


def _job_duration(job: Object, now: float) -> str:
    start, end = value_at(job, ".status.startTime"), value_at(job, ".status.completionTime")
    return human_duration((parse_time(end) if end else now) - parse_time(start)) if start else ""


def _service_ports(service: Object, _now: float) -> str:
    shown = []
    for port in value_at(service, ".spec.ports", ()):
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        shown.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(shown) or NONE


def _node_status(node: Object, _now: float) -> str:
    ready = [each for each in value_at(node, ".status.conditions", ()) if each["type"] == "Ready"]
    status = "Unknown" if not ready else "Ready" if ready[0]["status"] == "True" else "NotReady"
    return status + (",SchedulingDisabled" if value_at(node, ".spec.unschedulable") else "")


def _hosts(ingress: Object, _now: float) -> str:
    return ",".join(rule["host"] for rule in value_at(ingress, ".spec.rules", ()) if rule.get("host")) or "*"


def _versions(definition: Object, _now: float) -> str:
    return ",".join(each["name"] + ("(storage)" * each["storage"]) for each in definition["spec"]["versions"])


NAME: Final = _field("Name", ".metadata.name")
AGE: Final = Column("Age", _since)
CREATED: Final = _field("Created At", ".metadata.creationTimestamp", type="date")
WIDE: Final = (
    Column("Containers", _containers("name"), priority=1),
    Column("Images", _containers("image"), priority=1),
    Column("Selector", _selector, priority=1),
)
COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "pods": (
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _pod_restarts),
        AGE,
        _field("IP", ".status.podIP", NONE, priority=1),
        _field("Node", ".spec.nodeName", NONE, priority=1),
        _field("Nominated Node", ".status.nominatedNodeName", NONE, priority=1),
        Column("Readiness Gates", lambda _obj, _now: NONE, priority=1),
    ),
    "deployments.apps": (
        Column("Ready", _share(".status.readyReplicas", ".spec.replicas")),
        _number("Up-to-date", ".status.updatedReplicas")._replace(type="string"),
        _number("Available", ".status.availableReplicas")._replace(type="string"),
        AGE,
        *WIDE,
    ),
    "replicasets.apps": (
        _number("Desired", ".spec.replicas"),
        _number("Current", ".status.replicas"),
        _number("Ready", ".status.readyReplicas"),
        AGE,
        *WIDE,
    ),
    "statefulsets.apps": (Column("Ready", _share(".status.readyReplicas", ".spec.replicas")), AGE, *WIDE[:2]),
    "daemonsets.apps": (
        _number("Desired", ".status.desiredNumberScheduled"),
        _number("Current", ".status.currentNumberScheduled"),
        _number("Ready", ".status.numberReady"),
        _number("Up-to-date", ".status.updatedNumberScheduled"),
        _number("Available", ".status.numberAvailable"),
        Column("Node Selector", lambda obj, _now: _pairs(value_at(obj, ".spec.template.spec.nodeSelector"))),
        AGE,
        *WIDE,
    ),
    "controllerrevisions.apps": (
        Column("Controller", lambda obj, _now: _owner(obj)),
        _field("Revision", ".revision", 0),
        AGE,
    ),
    "jobs.batch": (
        Column("Status", _job_status),
        Column("Completions", _share(".status.succeeded", ".spec.completions")),
        Column("Duration", _job_duration),
        AGE,
        *WIDE,
    ),
    "cronjobs.batch": (
        _field("Schedule", ".spec.schedule"),
        _field("Timezone", ".spec.timeZone", NONE),
        Column("Suspend", lambda obj, _now: str(value_at(obj, ".spec.suspend", False)), "boolean"),
        Column("Active", lambda obj, _now: len(value_at(obj, ".status.active", ())), "integer"),
        Column("Last Schedule", lambda obj, now: _since(obj, now, ".status.lastScheduleTime").replace(UNKNOWN, NONE)),
        AGE,
        *WIDE,
    ),
    "services": (
        _field("Type", ".spec.type"),
        _field("Cluster-IP", ".spec.clusterIP", NONE),
        Column("External-IP", lambda obj, _now: ",".join(value_at(obj, ".spec.externalIPs", ())) or NONE),
        Column("Port(s)", _service_ports),
        AGE,
        Column("Selector", lambda obj, _now: _pairs(value_at(obj, ".spec.selector")), priority=1),
    ),
    "configmaps": (
        Column("Data", lambda obj, _now: len(obj.get("data") or {}) + len(obj.get("binaryData") or {})),
        AGE,
    ),
    "secrets": (_field("Type", ".type"), Column("Data", lambda obj, _now: len(obj.get("data") or {})), AGE),
    "serviceaccounts": (AGE,),
    "namespaces": (_field("Status", ".status.phase"), AGE),
    "nodes": (
        Column("Status", _node_status),
        Column("Roles", lambda _obj, _now: NONE),
        AGE,
        _field("Version", ".status.nodeInfo.kubeletVersion"),
    ),
    "ingresses.networking.k8s.io": (
        _field("Class", ".spec.ingressClassName", NONE),
        Column("Hosts", _hosts),
        _field("Address", ".status.loadBalancer.ingress[0].ip"),
        Column("Ports", lambda obj, _now: "80, 443" if value_at(obj, ".spec.tls") else "80"),
        AGE,
    ),
    "networkpolicies.networking.k8s.io": (
        Column("Pod-Selector", lambda obj, _now: _pairs(value_at(obj, ".spec.podSelector.matchLabels"))),
        AGE,
    ),
    "customresourcedefinitions.apiextensions.k8s.io": (
        _field("Scope", ".spec.scope"),
        Column("Versions", _versions),
        CREATED,
        _field("Group", ".spec.group", priority=1),
        _field("Kind", ".spec.names.kind", priority=1),
        Column("ShortNames", lambda obj, _now: ",".join(value_at(obj, ".spec.names.shortNames", ())), priority=1),
        Column("Established", lambda obj, _now: _established(obj), "boolean", 1),
    ),
}


def _owner(obj: Object) -> str:
    owner = next((each for each in obj["metadata"].get("ownerReferences", ()) if each.get("controller")), None)
    if owner is None:
        return NONE
    group = owner["apiVersion"].rpartition("/")[0]
    return f"{owner['kind'].lower()}{'.' * bool(group)}{group}/{owner['name']}"


def _established(definition: Object) -> bool:
    conditions = value_at(definition, ".status.conditions", ())
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def columns_of(resource: Resource) -> tuple[Column, ...]:
    """The columns of a resource: its name, then its own ones."""
    if not resource.custom:
        return (NAME, *COLUMNS.get(resource.key, (CREATED,)))
    made = [_printed(each) for each in resource.columns]
    return (NAME, *(made or [AGE._replace(type="date")]))


def _printed(column: dict[str, Any]) -> Column:
    """A column of a CustomResourceDefinition's `additionalPrinterColumns`."""
    path, kind = column["jsonPath"], column["type"]
    if kind == "date":
        return Column(column["name"], lambda obj, now: _since(obj, now, path), kind, column.get("priority", 0))
    return Column(column["name"], lambda obj, _now: value_at(obj, path), kind, column.get("priority", 0))


def cells(resource: Resource, obj: Object, now: float) -> list[Any]:
    """The cells of an object's row."""
    return [column.cell(obj, now) for column in columns_of(resource)]
