"""The table of metrics keeps its own rules."""

from __future__ import annotations

import pytest
from prometheus_client.metrics import MetricWrapperBase

from fairlead.runtime import metrics

CLOSED_SETS = {
    "by", "call", "code", "direction", "kind", "outcome", "phase", "reason", "route", "service", "source", "state", "verb",
    "verdict",
}  # fmt: skip


@pytest.mark.parametrize("metric", metrics.table(), ids=str)
def test_metrics_follow_the_rules(metric: MetricWrapperBase) -> None:
    """Each begins with the product's name, says what it means and, for a histogram, its unit; labels are few and known."""
    (family,) = metric.describe()

    assert family.name.startswith("fairlead_")
    assert family.documentation.endswith(".")
    assert family.type != "histogram" or family.name.endswith(("_seconds", "_bytes"))
    assert set(metric._labelnames) <= CLOSED_SETS | {"account", "resource"}
    assert metrics.group_of(metric) in metrics.SERVED_BY


def test_a_metric_is_told_by_its_services_alone() -> None:
    """Requests to API servers are made by two services, the link is one's."""
    assert metrics.is_told_by(metrics.API_REQUESTS, ["executor"])
    assert metrics.is_told_by(metrics.BRIDGE_CONNECTED, ["watcher", "bridge"])
    assert not metrics.is_told_by(metrics.BRIDGE_CONNECTED, ["watcher", "executor"])
