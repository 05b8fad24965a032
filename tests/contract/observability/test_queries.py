"""Dashboards and alerts ask for what the services tell, and for nothing else."""

from __future__ import annotations

import re

import pytest
from prometheus_client.metrics import MetricWrapperBase
from tests.contract.observability.described import (
    Question,
    alert_questions,
    panel_questions,
    questions,
    variable_questions,
)
from tests.support.promql import Selector, take_apart

from fairlead.contracts.scrubbing import Verdict
from fairlead.gateway.core.facade.barrier import Outcome
from fairlead.gateway.core.operations import State
from fairlead.gateway.core.registration import lifecycle
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.core.states import ResourceState
from fairlead.runtime import metrics
from fairlead.runtime.exposition import registry_of
from fairlead.scrubber.core.batches import OUTCOMES

TARGET = frozenset({"job", "instance"})
"""Labels that Prometheus gives to every series."""
ALERTS = frozenset({"alertname", "alertstate", "severity"})
"""Labels of Prometheus' own series of alerts."""
VALUES: dict[tuple[str, str], set[str]] = {
    ("fairlead_service_ready", "service"): set(metrics.SERVED_BY["service"]),
    ("fairlead_service_bus_connected", "service"): set(metrics.SERVED_BY["service"]),
    ("fairlead_service_bus_reconnects_total", "service"): set(metrics.SERVED_BY["service"]),
    ("fairlead_watcher_batches_total", "verdict"): {*(each.value for each in Verdict), "unanswered"},
    ("fairlead_watcher_lists_total", "reason"): {"pages", "stream", "names", "repair"},
    ("fairlead_scrubber_batches_total", "verdict"): {each.value for each in Verdict},
    ("fairlead_scrubber_objects_total", "outcome"): set(OUTCOMES),
    ("fairlead_gateway_operations_total", "state"): {each.value for each in State},
    ("fairlead_gateway_parts_total", "outcome"): {"applied", "duplicate", "fenced", "refused"},
    ("fairlead_gateway_resources", "state"): {each.value for each in ResourceState},
    ("fairlead_gateway_sessions_closed_total", "reason"): {each.value for each in CloseReason},
    ("fairlead_gateway_writes_total", "outcome"): {each.value for each in Outcome},
    ("fairlead_clouddriver_accounts", "state"): {each.value for each in lifecycle.State},
}
"""Closed sets of labels that queries match."""
OPEN = {"account", "instance", "job", "code", "alertname", "alertstate"}
"""Labels whose values come from outside."""
NOT_SHOWN: dict[str, str] = {
    "fairlead_watcher_sent_events_total": "for Armory's dashboard; ours shows events read and bytes sent",
}
"""Metrics that no dashboard shows, each with the reason."""

EVERY = [pytest.param(each, id=each.place) for each in questions()]


def known() -> dict[str, frozenset[str]]:
    """Every series name with its labels."""
    found = {"up": frozenset[str](), "ALERTS": ALERTS | {"account"}}
    for metric in metrics.table():
        for name, more in _series(metric):
            found[name] = frozenset(metric._labelnames) | more
    process = (family.name for family in registry_of(()).collect() if family.name.startswith("process_"))
    for name in process:
        found[name] = found[f"{name}_total"] = frozenset()
    return found


def _series(metric: MetricWrapperBase) -> list[tuple[str, frozenset[str]]]:
    (family,) = metric.describe()
    match family.type:
        case "counter":
            return [(f"{family.name}_total", frozenset())]
        case "histogram":
            return [(f"{family.name}_{part}", frozenset()) for part in ("sum", "count")] + [
                (f"{family.name}_bucket", frozenset({"le"}))
            ]
        case _:
            return [(str(family.name), frozenset())]


KNOWN = known()


def faults(question: Question) -> list[str]:
    """What a query asks for that is not there."""
    asked = take_apart(question.expr)
    found = [f"there is no metric {each.metric}" for each in asked.selectors if each.metric not in KNOWN]
    told = frozenset().union(*(KNOWN.get(each.metric, frozenset()) for each in asked.selectors)) | TARGET
    for each in asked.selectors:
        labels = KNOWN.get(each.metric, frozenset()) | TARGET
        found += [f"{each.metric} has no label {label}" for label, _, _ in each.matchers if label not in labels]
        found += [f"{each.metric} is never {label}={value}" for label, value in _strange_values(each)]
    found += [f"nothing is told by {label}" for label in asked.grouped - told]
    left = asked.grouped if asked.aggregated else told
    found += [f"the answer has no label {label}" for label in sorted(_named(question.shown) - left)]
    return found


def _named(text: str) -> set[str]:
    """Labels that a legend (``{{label}}``) or an annotation (``{{ $labels.label }}``) names."""
    return set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text))


def _strange_values(selector: Selector) -> list[tuple[str, str]]:
    return [
        (label, alternative)
        for label, _, value in selector.matchers
        if label not in OPEN
        for alternative in value.split("|")
        if alternative not in VALUES.get((selector.metric, label), set())
    ]


@pytest.mark.parametrize("question", EVERY)
def test_a_query_names_what_the_services_tell(question: Question) -> None:
    """Metrics, labels and the values of closed sets exist; what is shown of an answer is in it."""
    assert not faults(question), question.expr


@pytest.mark.parametrize("question", [pytest.param(each, id=each.place) for each in panel_questions()])
def test_counters_are_read_as_rates(question: Question) -> None:
    """A counter's own value says how long a process has lived; a gauge has no rate."""
    for selector in take_apart(question.expr).selectors:
        counts = selector.metric.endswith(("_total", "_bucket", "_count", "_sum"))
        assert counts == selector.ranged or selector.metric == "process_start_time_seconds", selector


@pytest.mark.parametrize(
    "question", [pytest.param(each, id=each.place) for each in panel_questions() if each.exemplars]
)
def test_exemplars_are_asked_of_histograms(question: Question) -> None:
    """Only buckets hold them."""
    assert all(selector.metric.endswith("_bucket") for selector in take_apart(question.expr).selectors)


def test_variables_list_labels_that_exist() -> None:
    """A choice is offered among values of a label that the metric has."""
    for question, label in variable_questions():
        (selector,) = take_apart(question.expr).selectors
        assert label in KNOWN[selector.metric] | TARGET, question.place


def test_every_metric_is_shown() -> None:
    """What is worth counting is worth a panel, or the table says why not; an exception that is not needed goes."""
    asked = {selector.metric for question in panel_questions() for selector in take_apart(question.expr).selectors}
    blind = [
        name
        for metric in metrics.table()
        for name in [next(iter(_series(metric)))[0]]
        if not asked & {each for each, _ in _series(metric)}
    ]

    assert sorted(blind) == sorted(NOT_SHOWN)


@pytest.mark.parametrize(
    ("expr", "shown", "fault"),
    [
        ("rate(fairlead_watcher_event_total[5m])", "", "there is no metric fairlead_watcher_event_total"),
        ('fairlead_bridge_connected{account="a"}', "", "fairlead_bridge_connected has no label account"),
        ("sum by (resource) (fairlead_watcher_watches)", "", "nothing is told by resource"),
        ("sum by (account) (fairlead_watcher_watches)", "{{resource}}", "the answer has no label resource"),
        ('rate(fairlead_scrubber_objects_total{outcome="catched"}[5m])', "", "is never outcome=catched"),
        ("sum(fairlead_bridge_connected)", "{{ $labels.instance }}", "the answer has no label instance"),
    ],
)
def test_a_wrong_query_is_found(expr: str, shown: str, fault: str) -> None:
    """The check sees a wrong metric, matcher, grouping, legend, value or annotation."""
    assert any(fault in each for each in faults(Question("here", expr, shown)))


def test_alerts_are_found() -> None:
    """There is something to check."""
    assert len(list(alert_questions())) > 20
    assert len(list(panel_questions())) > 100
