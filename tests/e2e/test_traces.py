"""One change, one trace: from the watch line to the commit, through five programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support import workloads
from tests.support.kubernetes_api import KubernetesApi
from tests.support.leak_search import TraceCollector
from tests.support.polling import wait_until
from tests.support.simulated_api import SimulatedApi

from fairlead.cli.gateway import Gateway, GatewayRefusal
from fairlead.cli.stack import AccountPlan, Stack

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

HOPS = [
    ("fairlead-watcher", "watcher.event"),
    ("fairlead-watcher", "watcher.publish"),
    ("fairlead-scrubber", "scrubber.scrub"),
    ("fairlead-bridge", "bridge.send"),
    ("fairlead-gateway", "gateway.receive"),
    ("fairlead-gateway", "gateway.commit"),
]
"""Programs and spans on the way of an event; each is the parent of the next."""


def test_an_event_is_followed_through_every_hop(tmp_path: Path, stacks: Callable[..., Stack]) -> None:
    """The spans form one chain; account, kind and zone are told, and nothing of the object."""
    with TraceCollector() as collector, simulation(tmp_path) as simulated, KubernetesApi(simulated.kubeconfig) as api:
        tracing = {"tracing": {"endpoint": collector.endpoint, "eventsPerSecond": 1000}}
        plan = AccountPlan("shore", simulated.kubeconfig, "", {"kinds": ["ConfigMap"]})
        stack = stacks(plan, overrides=tracing)
        with stack.gateway() as gateway:
            wait_until(lambda: is_live(gateway), what="the first list")
        api.create(workloads.PLACES["ConfigMap"], workloads.manifest("ConfigMap", "traced", "default"))
        wait_until(lambda: bool(whole_chain(collector)), within_s=30, what="a whole trace")
        chain = whole_chain(collector)

    told = {attribute.key: attribute.value.string_value for span in chain for attribute in span.attributes}
    assert told == {"account": "shore", "kind": "ConfigMap", "change": "upsert", "zone": "fairlead_default"}
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in chain)


@contextmanager
def simulation(directory: Path) -> Iterator[SimulatedApi]:
    """A simulated API server."""
    simulated = SimulatedApi(directory)
    simulated.start()
    try:
        yield simulated
    finally:
        simulated.stop()


def is_live(gateway: Gateway) -> bool:
    """Whether the account's one kind is watched."""
    try:
        return all(each["state"] == "live" for each in gateway.resources("shore"))
    except GatewayRefusal:
        return False


def whole_chain(collector: TraceCollector) -> list[Span]:
    """The spans of a trace that has all hops, in their order; empty while there is none."""
    requests = [ExportTraceServiceRequest.FromString(body) for body in collector]
    found: dict[bytes, dict[tuple[str, str], Span]] = {}
    for resource in (each for request in requests for each in request.resource_spans):
        service = _text(resource.resource.attributes, "service.name")
        for span in (each for scope in resource.scope_spans for each in scope.spans):
            found.setdefault(span.trace_id, {})[service, span.name] = span
    for spans in found.values():
        chain = [spans.get(hop) for hop in HOPS]
        whole = [span for span in chain if span is not None]
        if len(whole) == len(HOPS) and _linked(whole):
            return whole
    return []


def _linked(chain: list[Span]) -> bool:
    return not chain[0].parent_span_id and all(
        child.parent_span_id == parent.span_id for parent, child in pairwise(chain)
    )


def _text(attributes: Any, key: str) -> str:
    return next((each.value.string_value for each in attributes if each.key == key), "")
