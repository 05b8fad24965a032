"""One change, one trace: from the watch line to the commit; one operation, one trace: from its receipt to its stored result."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.support import workloads
from tests.support.kubernetes_api import KubernetesApi
from tests.support.leak_search import TraceCollector
from tests.support.live_accounts import is_live
from tests.support.polling import wait_until
from tests.support.simulated_api import SimulatedApi
from ulid import ULID

from fairlead.cli.stack import AccountPlan, Stack
from fairlead.runtime.spans import EVENT, EXCHANGE, OPERATION

ACCOUNT = "shore"
ZONE = "fairlead_default"
HOPS = [(f"fairlead-{step.name.partition('.')[0]}", step.name) for step in EVENT]
"""Programs and spans on the way of an event; each is the parent of the next."""
STEPS = {(f"fairlead-{step.name.partition('.')[0]}", step.name): step.below for step in OPERATION}
"""Programs and spans of an operation, each with the span that it stands below."""
SENTINEL = "sentinel-4711-of-a-body"


class Told(NamedTuple):
    """A span, and the program that told it."""

    service: str
    span: Span


class World(NamedTuple):
    """A stack whose spans are collected, and its cluster."""

    stack: Stack
    api: KubernetesApi
    collector: TraceCollector


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedApi]:
    """A simulated API server, which outlives those who watch it."""
    simulated = SimulatedApi(tmp_path_factory.mktemp("traces"))
    simulated.start()
    yield simulated
    simulated.stop()


@pytest.fixture(scope="module")
def collector() -> Iterator[TraceCollector]:
    """A collector of spans, which outlives those who tell them."""
    with TraceCollector() as collector:
        yield collector


@pytest.fixture(scope="module")
def world(simulated: SimulatedApi, collector: TraceCollector, stacks: Callable[..., Stack]) -> Iterator[World]:
    """One account of one kind, live."""
    tracing = {"tracing": {"endpoint": collector.endpoint, "eventsPerSecond": 1000}}
    stack = stacks(AccountPlan(ACCOUNT, simulated.kubeconfig, "", {"kinds": ["ConfigMap"]}), overrides=tracing)
    with stack.gateway() as gateway, KubernetesApi(simulated.kubeconfig) as api:
        wait_until(lambda: is_live(gateway, ACCOUNT, kinds=1), what="the first list")
        yield World(stack, api, collector)


def test_an_event_is_followed_through_every_hop(world: World) -> None:
    """The spans form one chain; account, kind and zone are told, and nothing of the object."""
    world.api.create(workloads.PLACES["ConfigMap"], workloads.manifest("ConfigMap", "traced", "default"))
    wait_until(lambda: bool(whole_chain(world.collector)), within_s=30, what="a whole trace")
    chain = whole_chain(world.collector)

    told = {key: value for span in chain for key, value in attributes(span).items()}
    assert told == {"account": ACCOUNT, "kind": "ConfigMap", "change": "upsert", "zone": ZONE}
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in chain)
    assert [step.below for step in EVENT] == ["", *(step.name for step in EVENT[:-1])]


def test_an_operation_is_followed_from_its_receipt_to_its_stored_result(world: World) -> None:
    """Every step has its span below the one that led to it; the manifest is told nowhere."""
    manifest = workloads.manifest("ConfigMap", "operated", "default")
    manifest["data"] = {"text": SENTINEL}
    operation = operate(world, {"kind": "create", "manifest": manifest})
    assert operation["state"] == "succeeded"
    wait_until(lambda: set(STEPS) <= set(steps(world.collector, operation["id"])), within_s=30, what="the whole trace")
    found = steps(world.collector, operation["id"])

    names = {told.span.span_id: told.span.name for told in found.values()}
    assert {step: names.get(found[step].span.parent_span_id, "") for step in STEPS} == STEPS
    spans = {name: told.span for (_, name), told in found.items()}
    assert attributes(spans["gateway.operation"]) == {
        "operation": operation["id"],
        "account": ACCOUNT,
        "kind": "create",
    }
    assert attributes(spans["bridge.operation"])["zone"] == attributes(spans["gateway.report"])["zone"] == ZONE
    assert attributes(spans["executor.operation"])["kind"] == "create"
    assert (attributes(spans["executor.request"])["verb"], number(spans["executor.request"], "code")) == ("create", 201)
    assert not [name for name, span in spans.items() if span.status.code == Status.STATUS_CODE_ERROR]
    assert {name: {each.key for each in span.attributes} for name, span in spans.items()} == {
        step.name: set(step.attributes) for step in OPERATION
    }
    assert not [body for body in world.collector if SENTINEL.encode() in body]


def test_an_operation_goes_on_with_its_callers_trace(world: World) -> None:
    """A pipeline that is traced itself finds the operation in its own trace."""
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    manifest = workloads.manifest("ConfigMap", "continued", "default")
    body = {"account": ACCOUNT, "kind": "create", "manifest": manifest}
    token = world.stack.files.api_token.read_text(encoding="utf-8").strip()
    trust = ssl.create_default_context(cafile=str(world.stack.files.ca))
    headers = {"Authorization": f"Bearer {token}", "traceparent": f"00-{trace_id}-{span_id}-01"}
    url = f"{world.stack.addresses.api}/v1/operations?wait=30s"
    answer = httpx.post(url, json=body, headers=headers, verify=trust, trust_env=False, timeout=40).raise_for_status()
    operation = answer.json()["id"]
    wait_until(lambda: set(STEPS) <= set(steps(world.collector, operation)), within_s=30, what="the whole trace")
    received = {name: told.span for (_, name), told in steps(world.collector, operation).items()}["gateway.operation"]

    assert (received.trace_id.hex(), received.parent_span_id.hex()) == (trace_id, span_id)


def test_what_fails_is_told_where_it_failed(world: World) -> None:
    """The API server's refusal marks its request and the operation, by class and code; the text stays out."""
    target = {"kind": "ConfigMap", "namespace": "default", "name": "nowhere"}
    operation = operate(world, {"kind": "delete", "target": target})
    assert operation["state"] == "failed"
    wait_until(lambda: set(STEPS) <= set(steps(world.collector, operation["id"])), within_s=30, what="the whole trace")
    spans = {name: told.span for (_, name), told in steps(world.collector, operation["id"]).items()}

    failed = {name: span.status.message for name, span in spans.items() if span.status.code == Status.STATUS_CODE_ERROR}
    assert failed == {"executor.request": "ApiRefused", "executor.operation": "failed"}
    assert (number(spans["executor.request"], "code"), number(spans["executor.operation"], "code")) == (404, 404)
    assert not [body for body in world.collector if b"not found" in body]


def test_an_exchange_is_followed_to_the_cluster(world: World) -> None:
    """What only the cluster knows is asked for in one trace; its path, which names objects, is told nowhere."""
    answer = ask_facade(world, "/api/v1/namespaces/default/serviceaccounts")
    operation = answer.headers["audit-id"].partition(".")[0]
    wanted = {(f"fairlead-{step.name.partition('.')[0]}", step.name): step for step in EXCHANGE}
    wait_until(lambda: set(steps(world.collector, operation)) == set(wanted), within_s=30, what="the whole trace")
    opened, carried = (steps(world.collector, operation)[step].span for step in wanted)

    assert (opened.trace_id, opened.span_id) == (carried.trace_id, carried.parent_span_id)
    assert attributes(opened) == attributes(carried) == {"operation": operation, "account": ACCOUNT}
    assert all(set(step.attributes) == {"operation", "account"} for step in EXCHANGE)
    assert not [body for body in world.collector if b"serviceaccounts" in body]


def test_histograms_name_traces_that_were_told(world: World) -> None:
    """An operator comes from a slow bucket to the trace of something that fell into it."""
    operate(world, {"kind": "create", "manifest": workloads.manifest("ConfigMap", "exemplary", "default")})
    ask_facade(world, "/api/v1/namespaces/default/serviceaccounts")
    expected = {
        "watcher": {"fairlead_watcher_batch_seconds"},
        "scrubber": {"fairlead_scrubber_batch_seconds"},
        "bridge": {"fairlead_bridge_batch_seconds"},
        "executor": {
            "fairlead_executor_operation_seconds", "fairlead_executor_phase_seconds", "fairlead_api_request_seconds",
        },
        "gateway": {
            "fairlead_gateway_freshness_seconds", "fairlead_gateway_commit_seconds", "fairlead_gateway_operation_seconds",
            "fairlead_gateway_operation_phase_seconds", "fairlead_facade_request_seconds",
        },
    }  # fmt: skip
    for service, histograms in expected.items():
        named = wait_exemplars(world.stack.instances[service].metrics_url, histograms)
        wait_until(partial(named_by, world.collector, named), within_s=30, what=f"the traces of {service}")


def operate(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """Carry an operation out through the gateway."""
    with world.stack.gateway() as gateway:
        return dict(gateway.submit({"account": ACCOUNT, **request}, operation_id=str(ULID()), wait_s=30))


def ask_facade(world: World, path: str) -> httpx.Response:
    """Ask the account's Kubernetes API."""
    token = world.stack.files.facade_token.read_text(encoding="utf-8").strip()
    trust = ssl.create_default_context(cafile=str(world.stack.files.ca))
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(world.stack.facade(ACCOUNT) + path, headers=headers, verify=trust, trust_env=False, timeout=20)
    return answer.raise_for_status()


def exemplars(url: str) -> dict[str, list[str]]:
    """The traces that each histogram of a service names."""
    text = httpx.get(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"}, trust_env=False).text
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call] # prometheus_client leaves it untyped
    found: dict[str, list[str]] = {}
    for sample in (sample for family in families for sample in family.samples):
        if sample.exemplar is not None:
            found.setdefault(sample.name.removesuffix("_bucket"), []).append(sample.exemplar.labels["trace_id"])
    return found


def collected(collector: TraceCollector) -> Iterator[Told]:
    """Every span that was told."""
    requests = [ExportTraceServiceRequest.FromString(body) for body in collector]
    for resource in (each for request in requests for each in request.resource_spans):
        service = _text(resource.resource.attributes, "service.name")
        for span in (each for scope in resource.scope_spans for each in scope.spans):
            yield Told(service, span)


def wait_exemplars(url: str, histograms: set[str]) -> set[str]:
    """Wait until each histogram names a trace; all that they name."""
    for name in sorted(histograms):
        wait_until(partial(has_exemplar, url, name), what=f"an exemplar of {name}")
    return {trace for name in histograms for trace in exemplars(url)[name]}


def has_exemplar(url: str, histogram: str) -> bool:
    """Whether a histogram names a trace."""
    return histogram in exemplars(url)


def named_by(collector: TraceCollector, named: set[str]) -> bool:
    """Whether all these traces have come."""
    return named <= {told.span.trace_id.hex() for told in collected(collector)}


def steps(collector: TraceCollector, operation: str) -> dict[tuple[str, str], Told]:
    """The spans of an operation's trace, by program and name."""
    every = list(collected(collector))
    of = {told.span.trace_id for told in every if attributes(told.span).get("operation") == operation}
    assert len(of) <= 1, "one operation, one trace"
    return {(told.service, told.span.name): told for told in every if told.span.trace_id in of}


def whole_chain(collector: TraceCollector) -> list[Span]:
    """The spans of an event's trace that has all hops, in their order; empty while there is none."""
    found: dict[bytes, dict[tuple[str, str], Span]] = {}
    for told in collected(collector):
        found.setdefault(told.span.trace_id, {})[told.service, told.span.name] = told.span
    for spans in found.values():
        chain = [spans.get(hop) for hop in HOPS]
        whole = [span for span in chain if span is not None]
        if len(whole) == len(HOPS) and _linked(whole):
            return whole
    return []


def attributes(span: Span) -> dict[str, str]:
    """The attributes of a span that are texts."""
    return {each.key: each.value.string_value for each in span.attributes if each.value.HasField("string_value")}


def number(span: Span, key: str) -> int:
    """An attribute that is a number."""
    return next(each.value.int_value for each in span.attributes if each.key == key)


def _linked(chain: list[Span]) -> bool:
    return not chain[0].parent_span_id and all(
        child.parent_span_id == parent.span_id for parent, child in pairwise(chain)
    )


def _text(texts: Any, key: str) -> str:
    return next((each.value.string_value for each in texts if each.key == key), "")
