"""Kinds that one storage serves under two shapes: Events in two groups, HorizontalPodAutoscalers in two versions."""

from __future__ import annotations

from typing import Any, Final

from fairlead.simcluster.resources import Resource

EVENT_NAMES: Final = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
STORED_EVENT_NAMES: Final = {served: stored for stored, served in EVENT_NAMES.items()}


def converted(resource: Resource) -> bool:
    """Whether the served shape differs from the stored one."""
    return resource.group == "events.k8s.io" or (resource.group, resource.version) == ("autoscaling", "v1")


def to_served(resource: Resource, obj: dict[str, Any]) -> dict[str, Any]:
    """The stored object in the shape of a served version."""
    if resource.group == "events.k8s.io":
        return {EVENT_NAMES.get(name, name): value for name, value in obj.items()}
    if converted(resource) and "spec" in obj:
        spec = dict(obj["spec"])
        for metric in spec.pop("metrics", None) or ():
            target = (metric.get("resource") or {}).get("target") or {}
            if (metric.get("resource") or {}).get("name") == "cpu" and "averageUtilization" in target:
                spec["targetCPUUtilizationPercentage"] = target["averageUtilization"]
        return {**obj, "spec": spec}
    return obj


def to_stored(resource: Resource, obj: dict[str, Any]) -> dict[str, Any]:
    """An object sent in a served version, in the stored shape."""
    if resource.group == "events.k8s.io":
        return {STORED_EVENT_NAMES.get(name, name): value for name, value in obj.items()}
    if converted(resource) and "spec" in obj:
        spec = dict(obj["spec"])
        percentage = spec.pop("targetCPUUtilizationPercentage", None)
        if percentage is not None:
            target = {"type": "Utilization", "averageUtilization": percentage}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        return {**obj, "spec": spec}
    return obj
