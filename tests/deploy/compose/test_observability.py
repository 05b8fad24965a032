"""What operators see: the backends are asked for the trace of a real event and a real operation, and for the series."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
from tests.support import workloads
from tests.support.deployment import ACCOUNT, SERVICES, Deployment
from tests.support.kubernetes_api import KubernetesApi
from tests.support.polling import wait_until
from tests.support.workloads import PLACES
from ulid import ULID

from fairlead.cli.gateway import Gateway
from fairlead.runtime.spans import EVENT, OPERATION, Step

_ASKED_S = 10.0
_TOLD_S = 60.0
_OPERATION_S = 40.0
SERIES = (
    "sum(fairlead_gateway_freshness_seconds_count) > 0",
    "count(fairlead_gateway_lag_seconds) > 0",
    "sum(fairlead_watcher_watches) > 0",
    "count(fairlead_watcher_lists_running)",
    "count(fairlead_watcher_backing_off)",
    "count(fairlead_watcher_pending_bytes)",
    'sum(fairlead_api_request_seconds_count{code="200"}) > 0',
    'sum(fairlead_scrubber_objects_total{outcome="passed"}) > 0',
    "fairlead_bridge_window_bytes > 0",
    "count(fairlead_bridge_log_pending_batches)",
    "sum(fairlead_executor_phase_seconds_count) > 0",
    "sum(fairlead_gateway_operation_phase_seconds_count) > 0",
)
"""Freshness and lag, what runs and what waits, credits, requests by code, the scrubber's count, phases of operations."""


@dataclass(frozen=True)
class Backends:
    """Jaeger and Prometheus, over their HTTP APIs."""

    jaeger: httpx.Client
    prometheus: httpx.Client

    def traces(self, root: str, **tags: str) -> list[dict[str, Any]]:
        """The newest traces with a root, as the API behind Jaeger's own pages tells them."""
        service = f"fairlead-{root.partition('.')[0]}"
        asked = {"service": service, "operation": root, "limit": "50", "lookback": "1h", "tags": json.dumps(tags)}
        return list(self.jaeger.get("/api/traces", params=asked).raise_for_status().json()["data"] or [])

    def knows(self, trace: str) -> bool:
        """Whether Jaeger holds a trace."""
        return self.jaeger.get(f"/api/traces/{trace}").status_code == 200

    def series(self, query: str) -> list[dict[str, str]]:
        """The labels of what a query finds now."""
        answer = self.prometheus.get("/api/v1/query", params={"query": query}).raise_for_status().json()
        return [each["metric"] for each in answer["data"]["result"]]

    def exemplars(self, query: str) -> list[str]:
        """The traces that the series of a query name, of the last minutes."""
        asked = {"query": query, "start": str(time.time() - 600), "end": str(time.time())}
        answer = self.prometheus.get("/api/v1/query_exemplars", params=asked).raise_for_status().json()
        return [each["labels"]["trace_id"] for series in answer["data"] for each in series["exemplars"]]


@pytest.fixture(scope="module")
def backends(deployment: Deployment) -> Iterator[Backends]:
    """What `OBSERVE=1` stacks on the services."""
    with (
        httpx.Client(base_url=deployment.url("JAEGER_PORT"), timeout=_ASKED_S, trust_env=False) as jaeger,
        httpx.Client(base_url=deployment.url("PROMETHEUS_PORT"), timeout=_ASKED_S, trust_env=False) as prometheus,
    ):
        yield Backends(jaeger, prometheus)


def edges(trace: dict[str, Any]) -> set[tuple[str, str]]:
    """Each span's name with that of the span above it, empty at the root and `?` where that is not there."""
    names = {span["spanID"]: span["operationName"] for span in trace["spans"]}
    above = {span["spanID"]: [each["spanID"] for each in span["references"]] for span in trace["spans"]}
    return {(names.get(above[each][0], "?") if above[each] else "", name) for each, name in names.items()}


def services(trace: dict[str, Any]) -> set[str]:
    """The program that told each span, as the span's name has to begin."""
    return {
        f"{trace['processes'][span['processID']]['serviceName'].removeprefix('fairlead-')} {span['operationName']}"
        for span in trace["spans"]
    }


def is_whole(trace: dict[str, Any], steps: Sequence[Step]) -> bool:
    """Whether a trace has exactly these spans and edges, each told by the service that it is named for."""
    rightly = all(each.split(" ")[1].startswith(f"{each.split(' ')[0]}.") for each in services(trace))
    return rightly and edges(trace) == {(step.below, step.name) for step in steps}


def test_an_event_is_one_trace(backends: Backends, cluster: KubernetesApi) -> None:
    """Jaeger holds a trace with every span and edge of the table, and no other."""
    body = f"body{secrets.token_hex(8)}"

    def whole() -> list[dict[str, Any]]:
        manifest = workloads.manifest("ConfigMap", f"traced-{secrets.token_hex(4)}", "default")
        cluster.create(PLACES["ConfigMap"], {**manifest, "data": {"content": body}})
        return [trace for trace in backends.traces(EVENT[0].name, account=ACCOUNT) if is_whole(trace, EVENT)]

    wait_until(lambda: bool(whole()), within_s=_TOLD_S, what="a whole trace of an event")
    assert body not in json.dumps(whole())


def test_an_operation_is_one_trace(backends: Backends, gateway: Gateway) -> None:
    """From its receipt to its stored result, found by the operation's id."""
    manifest = workloads.manifest("ConfigMap", f"traced-{secrets.token_hex(4)}", "default")
    request = {"account": ACCOUNT, "kind": "create", "manifest": manifest}
    operation = gateway.submit(request, operation_id=str(ULID()), wait_s=_OPERATION_S)
    assert operation["state"] == "succeeded"

    def whole() -> bool:
        traces = backends.traces(OPERATION[0].name, operation=operation["id"])
        return len(traces) == 1 and is_whole(traces[0], OPERATION)

    wait_until(whole, within_s=_TOLD_S, what="a whole trace of the operation")


def test_prometheus_reaches_every_service(backends: Backends) -> None:
    """And each of them says that it is ready."""

    def ready() -> set[str]:
        return {each["service"] for each in backends.series("fairlead_service_ready == 1")}

    wait_until(lambda: ready() == set(SERVICES), within_s=_TOLD_S, what="five ready services in Prometheus")
    assert not backends.series("up == 0")


@pytest.mark.parametrize("query", SERIES)
def test_the_series_are_there(query: str, backends: Backends) -> None:
    """After the traffic of these tests."""
    wait_until(lambda: bool(backends.series(query)), within_s=_TOLD_S, what=query)


def test_a_slow_bucket_leads_to_a_trace(backends: Backends) -> None:
    """A trace that Prometheus names beside the freshness is one that Jaeger holds."""
    named = partial(backends.exemplars, "fairlead_gateway_freshness_seconds_bucket")
    wait_until(lambda: any(map(backends.knows, named()[-5:])), within_s=_TOLD_S, what="a trace behind an exemplar")
