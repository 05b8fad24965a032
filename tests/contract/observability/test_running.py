"""Every query, asked of a real Prometheus that scrapes a real stack under some traffic."""

from __future__ import annotations

import time
from functools import partial

import pytest
from tests.contract.observability.described import Question, filled_in, panel_questions, questions
from tests.support.observed_stack import FRESHNESS, Observed
from tests.support.polling import wait_until
from tests.support.prometheus import Prometheus
from tests.support.promql import take_apart

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
SHOWN = [
    ("fairlead-fleet.json", "Agents connected"),
    ("fairlead-fleet.json", "Freshness, 99 %"),
    ("fairlead-fleet.json", "From the change to its commit"),
    ("fairlead-fleet.json", "Events"),
    ("fairlead-fleet.json", "What waits"),
    ("fairlead-account.json", "Not live"),
    ("fairlead-account.json", "Oldest resource"),
    ("fairlead-account.json", "Watches"),
    ("fairlead-account.json", "Resources by state"),
    ("fairlead-account.json", "Events by kind"),
    ("fairlead-account.json", "Requests by verb"),
    ("fairlead-watcher.json", "Time of a batch"),
    ("fairlead-watcher.json", "CPU"),
    ("fairlead-scrubber.json", "Objects by outcome"),
    ("fairlead-bridge.json", "Credit"),
    ("fairlead-bridge.json", "Size of the log"),
    ("fairlead-bridge.json", "From sending to commit"),
    ("fairlead-executor.json", "Running and waiting"),
    ("fairlead-gateway.json", "Time to commit a batch"),
    ("fairlead-gateway.json", "Database answers"),
    ("fairlead-gateway.json", "Answering"),
    ("fairlead-gateway.json", "Ready"),
]
"""Panels that show something in a small, healthy stack."""


@pytest.fixture(scope="module")
def prometheus(observed: Observed) -> Prometheus:
    """The server that has seen a stack under traffic."""
    return observed.server


def test_every_query_is_taken(prometheus: Prometheus) -> None:
    """Prometheus reads and answers each, whatever the answer."""
    for question in questions():
        prometheus.query(filled_in(question.expr))


def test_every_metric_is_told(prometheus: Prometheus) -> None:
    """Each metric that some query asks for is one that a running service of its name tells, with or without values yet."""
    told = {
        each["metric"]
        for each in prometheus.ask("targets/metadata", match_target='{job=~"fairlead-.+"}', limit="100000")
    }
    asked = {selector.metric for question in questions() for selector in take_apart(question.expr).selectors}
    families = {_family(name) for name in asked if name.startswith("fairlead_")}

    assert families <= told


def _family(series: str) -> str:
    for suffix in ("_bucket", "_count", "_sum", "_total"):
        if series.endswith(suffix):
            return series.removesuffix(suffix)
    return series


@pytest.mark.parametrize(("page", "panel"), SHOWN)
def test_panels_show_what_happens(prometheus: Prometheus, page: str, panel: str) -> None:
    """Each query of these panels has an answer."""
    asked = [question for question in panel_questions() if question.place == f"{page}: {panel}"]

    assert asked
    for question in asked:
        wait_until(partial(_answered, prometheus, question), within_s=60, what=question.expr)


def _answered(server: Prometheus, question: Question) -> bool:
    return any(each["value"][1] != "NaN" for each in server.query(filled_in(question.expr)))


def test_exemplars_lead_to_traces(prometheus: Prometheus) -> None:
    """The buckets of freshness carry the ids of traces, under the label that Grafana is told to follow."""
    now = time.time()

    found = prometheus.ask("query_exemplars", query=FRESHNESS, start=str(now - 300), end=str(now + 60))

    ids = [each["labels"]["trace_id"] for series in found for each in series["exemplars"]]
    assert ids
    assert all(len(each) == 32 for each in ids)


def test_a_healthy_stack_alarms_nobody(observed: Observed) -> None:
    """Nothing fires and nothing waits to fire, but for what a scrape that came late tells until the next one."""
    wait_until(lambda: not observed.alarms(), within_s=30, what=lambda: f"the end of {observed.alarms()}")


def test_the_rules_are_loaded(prometheus: Prometheus) -> None:
    """Prometheus evaluates every group without an error."""
    groups = prometheus.ask("rules")["groups"]

    assert len(groups) == 6
    wait_until(
        lambda: all(rule["health"] == "ok" for group in prometheus.ask("rules")["groups"] for rule in group["rules"])
    )
