"""The table of metrics is what the services tell: nothing is missing, nothing is told that it does not have."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from tests.support import workloads
from tests.support.kubernetes_api import KubernetesApi
from tests.support.live_accounts import is_live
from tests.support.polling import wait_until
from tests.support.simulated_api import SimulatedApi
from tools.reference.signals import exposed_name
from ulid import ULID

from fairlead.cli.gateway import Gateway
from fairlead.cli.stack import AccountPlan, Stack
from fairlead.runtime import metrics
from fairlead.runtime.armory_metrics import OLD_NAMES

ACCOUNT = "shore"
KINDS = ["ConfigMap", "Secret"]
SERVICES = ("watcher", "scrubber", "bridge", "executor", "gateway")
TABLE = {exposed_name(metric): metric for metric in metrics.table()}
WITHOUT_A_CAUSE = {
    "fairlead_watcher_overloads_total": "no session outgrows its bound here",
    "fairlead_executor_turned_away_total": "there is room for every operation",
    "fairlead_gateway_sessions_closed_total": "no session has to be closed",
    "fairlead_gateway_barrier_total": "no list meets a write that is under way",
    "fairlead_clouddriver_requests_total": "there is no Clouddriver",
    "fairlead_clouddriver_accounts": "there is no Clouddriver",
}
"""Metrics with labels that this stack has no reason to give a series, each with why."""
_PARTS_OF_HISTOGRAMS = ("_bucket", "_sum", "_count")


class World(NamedTuple):
    """A stack that has seen some of everything."""

    stack: Stack
    told: Mapping[str, list[Sample]]
    """What each service tells of ours and of Armory's."""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedApi]:
    """A simulated API server, which outlives those who watch it."""
    simulated = SimulatedApi(tmp_path_factory.mktemp("metrics"))
    simulated.start()
    yield simulated
    simulated.stop()


@pytest.fixture(scope="module")
def world(simulated: SimulatedApi, stacks: Callable[..., Stack]) -> World:
    """Five services, through which events, operations and requests of all sorts have gone."""
    stack = stacks(AccountPlan(ACCOUNT, simulated.kubeconfig, "", {"kinds": KINDS}))
    with stack.gateway() as gateway, KubernetesApi(simulated.kubeconfig) as api:
        wait_until(lambda: is_live(gateway, ACCOUNT, kinds=len(KINDS)), within_s=30, what="the first lists")
        observe(api)
        operate(gateway)
    use_facade(stack)
    try:
        wait_until(lambda: not silent(stack), within_s=40, what="a series of every metric")
    except AssertionError:
        pytest.fail(f"metrics without a series: {sorted(silent(stack))}")
    return World(stack, {service: samples(stack, service) for service in SERVICES})


def observe(api: KubernetesApi) -> None:
    """Events of both kinds."""
    for kind in KINDS:
        api.create(workloads.PLACES[kind], workloads.manifest(kind, "seen", "default"))


def operate(gateway: Gateway) -> None:
    """A write, a read, and one that fails."""
    target = {"kind": "ConfigMap", "namespace": "default", "name": "made"}
    manifest = workloads.manifest("ConfigMap", "made", "default")
    requests: list[tuple[str, dict[str, Any]]] = [
        ("succeeded", {"kind": "create", "manifest": manifest}),
        ("succeeded", {"kind": "get", "target": target}),
        ("failed", {"kind": "delete", "target": {**target, "name": "nowhere"}}),
    ]
    for state, request in requests:
        ended = gateway.submit({"account": ACCOUNT, **request}, operation_id=str(ULID()), wait_s=30)
        assert ended["state"] == state


def use_facade(stack: Stack) -> None:
    """A list out of the mirror, a watch that hears of a write, and something that only the cluster knows."""
    token = stack.files.facade_token.read_text(encoding="utf-8").strip()
    path = "/api/v1/namespaces/default/configmaps"
    with httpx.Client(
        base_url=stack.facade(ACCOUNT),
        headers={"Authorization": f"Bearer {token}"},
        verify=ssl.create_default_context(cafile=str(stack.files.ca)),
        trust_env=False,
        timeout=20,
    ) as client:
        version = client.get(path).raise_for_status().json()["metadata"]["resourceVersion"]
        watch = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "20"}
        with client.stream("GET", path, params=watch) as events:
            client.post(path, json=workloads.manifest("ConfigMap", "told", "default")).raise_for_status()
            assert any("told" in event for event in events.iter_lines())  # what was written before may come first
        client.get("/api/v1/namespaces/default/serviceaccounts").raise_for_status()


def samples(stack: Stack, service: str) -> list[Sample]:
    """What a service tells of ours and of Armory's."""
    text = httpx.get(stack.instances[service].metrics_url, trust_env=False).text
    every = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return [sample for sample in every if sample.name.startswith(("fairlead_", "kubesvc_"))]


def metric_of(sample: Sample) -> MetricWrapperBase | None:
    """The row of the table to which a series belongs."""
    if sample.name in TABLE:
        return TABLE[sample.name]
    ends = (sample.name.removesuffix(part) for part in _PARTS_OF_HISTOGRAMS if sample.name.endswith(part))
    found = (TABLE.get(name) for name in ends)
    return next((metric for metric in found if metric is not None and exposed_name(metric).endswith("_seconds")), None)


def silent(stack: Stack) -> set[str]:
    """Metrics of which a service that should tell them has no series."""
    missing: set[str] = set()
    for service in SERVICES:
        told = {metric_of(sample) for sample in samples(stack, service)}
        own = {name for name, metric in TABLE.items() if metrics.is_told_by(metric, [service])}
        missing |= {f"{service}: {name}" for name in own - WITHOUT_A_CAUSE.keys() if TABLE[name] not in told}
    return missing - {"gateway: fairlead_service_bus_connected", "gateway: fairlead_service_bus_reconnects_total"}


def test_every_metric_of_the_table_is_told_by_its_service(world: World) -> None:
    """Each has a series wherever the table says so."""
    assert not silent(world.stack)


@pytest.mark.parametrize("service", SERVICES)
def test_every_series_stands_in_the_table(world: World, service: str) -> None:
    """With the labels that the table gives it, and only at a service that counts it."""
    for sample in world.told[service]:
        if sample.name.startswith("kubesvc_"):
            continue
        metric = metric_of(sample)
        assert metric is not None, sample.name
        assert metrics.is_told_by(metric, [service]), sample.name
        assert set(sample.labels) - {"le"} == set(metric._labelnames), sample.name


def test_labels_are_bounded(world: World) -> None:
    """Accounts and resources are those that are configured; no series names an object."""
    told = [sample for every in world.told.values() for sample in every]

    assert {sample.labels["account"] for sample in told if "account" in sample.labels} == {ACCOUNT}
    assert {sample.labels["resource"] for sample in told if "resource" in sample.labels} == {"configmaps", "secrets"}
    texts = [value for sample in told for value in sample.labels.values()]
    assert not [text for text in texts if text in ("seen", "made", "nowhere", "told", "default")]


def test_the_figures_are_true(world: World) -> None:
    """What was done is what is told."""

    def total(instance: str, name: str, **labels: str) -> float:
        found = [each for each in world.told[instance] if each.name == name and labels.items() <= each.labels.items()]
        return sum(sample.value for sample in found)

    assert total("watcher", "fairlead_watcher_watches", account=ACCOUNT) == len(KINDS)
    assert total("watcher", "fairlead_watcher_resources", state="live") == len(KINDS)
    assert total("watcher", "fairlead_watcher_events_total", resource="secrets") >= 1
    assert total("bridge", "fairlead_bridge_connected") == total("gateway", "fairlead_gateway_connections") == 1
    assert total("bridge", "fairlead_bridge_window_bytes") > 0
    assert total("bridge", "fairlead_bridge_log_limit_bytes") > total("bridge", "fairlead_bridge_log_bytes")
    assert total("gateway", "fairlead_gateway_accounts") == 1
    assert total("gateway", "fairlead_gateway_freshness_seconds_count", resource="configmaps") >= 2
    assert total("gateway", "fairlead_gateway_lag_seconds") < 300
    assert total("gateway", "fairlead_gateway_resources", state="live") == len(KINDS)
    assert total("gateway", "fairlead_gateway_operations_total", kind="delete", state="failed") == 1
    assert total("gateway", "fairlead_gateway_operation_phase_seconds_count", phase="run") == 3
    assert total("executor", "fairlead_api_request_seconds_count", verb="create", code="201") >= 2
    assert total("executor", "fairlead_executor_phase_seconds_count", phase="claim") == 2
    for service in SERVICES:
        assert total(service, "fairlead_service_ready", service=service) == 1


def test_armorys_names_are_told_by_the_services_together(world: World) -> None:
    """Each by the service that knows, as a Prometheus that asks them all would have it."""
    told = [sample for every in world.told.values() for sample in every if sample.name.startswith("kubesvc_")]

    assert {sample.name for sample in told} == {old.name for old in OLD_NAMES}
    assert {sample.labels["event_kind"] for sample in told if "event_kind" in sample.labels} == {
        "configmaps",
        "secrets",
    }
    assert {sample.labels["event_group"] for sample in told if "event_group" in sample.labels} == {"core"}
    assert sum(sample.value for sample in told if sample.name == "kubesvc_watches") == len(KINDS)
    assert sum(sample.value for sample in told if sample.name == "kubesvc_connection_count") == 1
