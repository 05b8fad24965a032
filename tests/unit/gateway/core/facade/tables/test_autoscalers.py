"""Autoscalers."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.tables import NOW, cells

from fairlead.gateway.core.facade.tables.rendering import render_table

METRIC = {"metric": {"name": "q"}}


def _targets(*metrics: dict[str, Any], current: list[dict[str, Any]] | None = None) -> Any:
    return cells(
        "autoscaling", "horizontalpodautoscalers",
        spec={"maxReplicas": 9, "metrics": list(metrics)}, status={"currentMetrics": current},
    )[2]  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "field", "target", "current", "told"),
    [
        ("Resource", "resource", {"averageUtilization": 60}, {"averageUtilization": 41}, "cpu: 41%/60%"),
        ("Resource", "resource", {"averageUtilization": 60}, {}, "cpu: <unknown>/60%"),
        ("Resource", "resource", {}, {"averageUtilization": 0}, "cpu: 0%/<auto>"),
        ("Resource", "resource", {"averageValue": "1Gi"}, {"averageValue": "512Mi"}, "cpu: 512Mi/1Gi"),
        ("ContainerResource", "containerResource", {"averageUtilization": 5}, {"averageUtilization": 7}, "cpu: 7%/5%"),
        ("Pods", "pods", {"averageValue": "10"}, {"averageValue": "3"}, "3/10"),
        ("External", "external", {"value": "30"}, {"value": "12"}, "12/30"),
        ("External", "external", {"averageValue": "30"}, {"averageValue": "12"}, "12/30 (avg)"),
        ("Object", "object", {"value": "30"}, {}, "<unknown>/30"),
    ],
)
def test_targets(type_: str, field: str, target: dict[str, Any], current: dict[str, Any], told: str) -> None:
    """What is measured, of what is wanted."""
    wanted = {"type": type_, field: {"name": "cpu", **METRIC, "target": target}}
    assert _targets(wanted, current=[{"type": type_, field: {"name": "cpu", "current": current}}]) == told
    assert "<unknown>" in _targets(wanted)


def test_many_targets() -> None:
    """Two are shown; a type of a later release is not known."""
    pods = {"type": "Pods", "pods": {**METRIC, "target": {"averageValue": "10"}}}
    assert _targets(pods, {"type": "Later"}, pods, pods) == "<unknown>/10, <unknown type> + 2 more..."
    assert _targets() == "<none>"


def test_an_autoscaler() -> None:
    """What it scales, and between which bounds."""
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "api"}, "minReplicas": 1, "maxReplicas": 4}
    row = cells("autoscaling", "horizontalpodautoscalers", spec=spec, status={"currentReplicas": 2})
    assert row == ["web", "Deployment/api", "<none>", "1", 4, 2, "24h"]


def test_an_older_version_is_left_to_the_cluster() -> None:
    """Its metrics stand elsewhere."""
    body = b'{"apiVersion":"autoscaling/v1","metadata":{"name":"web"}}'
    assert render_table("autoscaling", "horizontalpodautoscalers", [body], "None", NOW) is None
