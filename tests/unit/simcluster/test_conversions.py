"""Kinds with two shapes."""

from __future__ import annotations

from typing import Any

from fairlead.simcluster import conversions
from fairlead.simcluster.resources import Registry, Resource


def _resource(group: str, version: str, plural: str) -> Resource:
    found = Registry().find(group, version, plural)
    assert found is not None
    return found


def test_events_change_their_names() -> None:
    """There and back."""
    named = _resource("events.k8s.io", "v1", "events")
    stored = {"metadata": {}, "involvedObject": {"name": "web"}, "message": "m", "count": 2, "reason": "r"}
    served = conversions.to_served(named, stored)

    assert served["regarding"] == {"name": "web"}
    assert (served["note"], served["deprecatedCount"], served["reason"]) == ("m", 2, "r")
    assert conversions.to_stored(named, served) == stored


def test_autoscalers_change_their_target() -> None:
    """The percentage of v1 is a metric in v2."""
    old = _resource("autoscaling", "v1", "horizontalpodautoscalers")
    sent = {"metadata": {}, "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 70}}
    stored = conversions.to_stored(old, sent)

    assert stored["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
    assert conversions.to_served(old, stored) == sent


def test_most_kinds_have_one_shape() -> None:
    """And pass as they are."""
    pods = _resource("", "v1", "pods")
    obj: dict[str, Any] = {"metadata": {}, "spec": {}}

    assert not conversions.converted(pods)
    assert conversions.to_served(pods, obj) is obj
    assert conversions.to_stored(pods, obj) is obj
