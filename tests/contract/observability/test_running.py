"""Every query, asked of a real Prometheus that scrapes a real stack under some traffic."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.contract.observability.described import ALERTS, Question, filled_in, panel_questions, questions
from tests.support import workloads
from tests.support.kubernetes_api import KubernetesApi
from tests.support.leak_search import TraceCollector
from tests.support.polling import wait_until
from tests.support.processes import SESSION_PROCESSES
from tests.support.prometheus import Prometheus, running
from tests.support.promql import take_apart
from tests.support.real_parts import require_part
from tests.support.simulated_api import SimulatedApi

from fairlead.cli.gateway import Gateway, GatewayRefusal
from fairlead.cli.parts.errors import PartMissingError
from fairlead.cli.stack import AccountPlan, Stack

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
ACCOUNT = "shop"
FRESHNESS = "fairlead_gateway_freshness_seconds_bucket"
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
def prometheus() -> Iterator[Prometheus]:
    """A server that has scraped a stack for a few seconds, during which objects came."""
    directory = Path(tempfile.mkdtemp(prefix="fairlead-observed-"))
    directory.chmod(0o755)  # under root, PostgreSQL is another user
    simulated = SimulatedApi(directory)
    simulated.start()
    try:
        with TraceCollector() as collector, _stack(directory, simulated, collector) as stack:
            targets = {f"fairlead-{name}": _address(stack, name) for name in stack.instances}
            with running(Prometheus(directory, targets, ALERTS)) as server:
                SESSION_PROCESSES.extend(
                    [server.process, stack.nats.process, *(each.process for each in stack.instances.values())]
                )
                if stack.postgres.process is not None:
                    SESSION_PROCESSES.append(stack.postgres.process)
                wait_until(lambda: len(server.query("up == 1")) == len(targets), what="a scrape of each service")
                _drive(stack, simulated, server)
                yield server
    finally:
        simulated.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _stack(directory: Path, simulated: SimulatedApi, collector: TraceCollector) -> Stack:
    plan = AccountPlan(ACCOUNT, simulated.kubeconfig, "", {"kinds": ["ConfigMap", "Pod"]})
    try:
        return Stack(
            directory, [plan], overrides={"tracing": {"endpoint": collector.endpoint, "eventsPerSecond": 1000}}
        )
    except PartMissingError as error:
        require_part("nats-server and PostgreSQL", str(error))


def _address(stack: Stack, name: str) -> str:
    return stack.instances[name].metrics_url.removeprefix("http://").removesuffix("/metrics")


def _drive(stack: Stack, simulated: SimulatedApi, server: Prometheus) -> None:
    """Objects come one after the other until Prometheus has seen that they do."""
    numbers = itertools.count()

    def another() -> bool:
        api.create(workloads.PLACES["ConfigMap"], workloads.manifest("ConfigMap", f"seen-{next(numbers)}", "default"))
        return _told(server, FRESHNESS)

    with stack.gateway() as gateway, KubernetesApi(simulated.kubeconfig) as api:
        wait_until(lambda: _is_live(gateway), what="the first lists")
        wait_until(another, within_s=60, what="the figures of the traffic")


def _is_live(gateway: Gateway) -> bool:
    try:
        resources = gateway.resources(ACCOUNT)
    except GatewayRefusal:
        return False
    return len(resources) == 2 and all(each["state"] == "live" for each in resources)


def _told(server: Prometheus, metric: str) -> bool:
    found = server.query(f"sum(increase({metric}[1m]))")
    return bool(found) and float(found[0]["value"][1]) > 0


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


def test_a_healthy_stack_alarms_nobody(prometheus: Prometheus) -> None:
    """Nothing fires and nothing waits to fire, but for what is merely being looked at."""
    assert prometheus.query("ALERTS") == []


def test_the_rules_are_loaded(prometheus: Prometheus) -> None:
    """Prometheus evaluates every group without an error."""
    groups = prometheus.ask("rules")["groups"]

    assert len(groups) == 6
    wait_until(
        lambda: all(rule["health"] == "ok" for group in prometheus.ask("rules")["groups"] for rule in group["rules"])
    )
