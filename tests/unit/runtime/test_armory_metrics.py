"""The old names say what the new ones say."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed

from fairlead.runtime import metrics
from fairlead.runtime.armory_metrics import OLD_NAMES
from fairlead.runtime.exposition import registry_of

AGENT = ("bridge", "executor", "scrubber", "watcher")


def value(name: str, **labels: str) -> float:
    """A value as the agent tells it now; 0.0 for a series that is not there."""
    return registry_of(AGENT).get_sample_value(name, labels) or 0.0


def test_the_seven_metrics_of_armorys_agent_are_there() -> None:
    """And `kubesvc_disconnection_count` besides, under which its dashboard looks for the disconnections."""
    assert {old.name for old in OLD_NAMES} == {
        "kubesvc_connection_count", "kubesvc_disconnection_total", "kubesvc_disconnection_count",
        "kubesvc_events_sent_total", "kubesvc_events_bytes_sent_total", "kubesvc_resource_agent_total",
        "kubesvc_kubernetes_requests", "kubesvc_watches",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "change"), [
    ("kubesvc_connection_count", lambda: metrics.BRIDGE_DIALS.labels("connected").inc()),
    ("kubesvc_disconnection_total", metrics.BRIDGE_DISCONNECTIONS.inc),
    ("kubesvc_disconnection_count", metrics.BRIDGE_DISCONNECTIONS.inc),
    ("kubesvc_resource_agent_total", lambda: metrics.WATCHER_RESOURCES.labels("old", "live").inc()),
    ("kubesvc_kubernetes_requests", lambda: metrics.API_REQUESTS.labels("old", "get", "200").observe(7.0)),
    ("kubesvc_watches", lambda: metrics.WATCHER_WATCHES.labels("old").inc()),
])  # fmt: skip
def test_each_follows_its_source(name: str, change: object) -> None:
    """One more there is one more here, whatever account it is of."""
    before = value(name)
    change()  # type: ignore[operator]

    assert value(name) == before + 1


def test_failed_dials_are_no_connections() -> None:
    """Only what became a connection counts."""
    before = value("kubesvc_connection_count")
    metrics.BRIDGE_DIALS.labels("failed").inc()

    assert value("kubesvc_connection_count") == before


def test_events_by_kind_and_bytes_by_group() -> None:
    """Accounts are summed up; the group without a name is `core`."""
    kind, core = value("kubesvc_events_sent_total", event_kind="gadgets"), {"event_group": "core"}
    size, plain = (
        value("kubesvc_events_bytes_sent_total", event_group="apps"),
        value("kubesvc_events_bytes_sent_total", **core),
    )
    for account in ("one", "two"):
        metrics.WATCHER_SENT_EVENTS.labels(account, "gadgets.example.com").inc(2)
        metrics.WATCHER_SENT_BYTES.labels(account, "deployments.apps").inc(30)
        metrics.WATCHER_SENT_BYTES.labels(account, "pods").inc(5)

    assert value("kubesvc_events_sent_total", event_kind="gadgets") == kind + 4
    assert value("kubesvc_events_bytes_sent_total", event_group="apps") == size + 60
    assert value("kubesvc_events_bytes_sent_total", **core) == plain + 10


def test_both_formats_can_be_read() -> None:
    """The names stand as queries spell them, and a strict parser of OpenMetrics takes them."""
    registry = registry_of(AGENT)
    lines = generate_latest(registry).decode().splitlines()
    text = openmetrics(registry).decode()  # type: ignore[no-untyped-call] # prometheus_client leaves it untyped
    families = {family.name for family in parsed(text)}  # type: ignore[no-untyped-call] # as above

    assert {line.split()[0].split("{")[0] for line in lines if line.startswith("kubesvc_")} >= {
        "kubesvc_connection_count", "kubesvc_disconnection_total", "kubesvc_resource_agent_total", "kubesvc_watches",
    }  # fmt: skip
    assert {"kubesvc_connection_count", "kubesvc_disconnection", "kubesvc_resource_agent_total"} <= families
