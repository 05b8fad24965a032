"""Logs, events and metrics against a cluster in memory."""

from __future__ import annotations

import json
from typing import Any

from tests.support.executor_doubles import POD, WORKLOADS, MemoryCluster, answered
from tests.unit.executor.flows.test_run import run, told

from fairlead.contracts.identity import Resource
from fairlead.executor.errors import ApiRefused
from fairlead.executor.ports import Page

LOG = "/api/v1/namespaces/sea/pods/{}/log"
METRICS = Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", namespaced=True)
NO_CONTAINER = ApiRefused(400, "BadRequest", "a container name must be specified for pod p, choose one of: [a b]")


def cluster(scripted: dict[tuple[str, str], Any], *items: dict[str, Any], **kinds: Resource) -> MemoryCluster:
    """A cluster with scripted answers and one page of a list."""
    page = Page([json.dumps(each).encode() for each in items], "7", "", None)
    return MemoryCluster(kinds={**WORKLOADS, **kinds}, scripted=scripted, pages=[page])


def pod(name: str, phase: str) -> dict[str, Any]:
    """A pod."""
    return {"metadata": {"name": name}, "spec": {"nodeName": "n"}, "status": {"phase": phase}}


async def test_the_log_of_a_pod() -> None:
    """Text, whatever its bytes, and whether it was cut."""
    of = cluster({("GET", LOG.format("p")): [answered(b"one\n\xff\n")]})
    target = {"kind": "Pod", "namespace": "sea", "name": "p"}

    outcome = await run(of, kind="logs", target=target, container="c", limitBytes=6)

    assert told(outcome) == ("succeeded", 200, "")
    assert json.loads(outcome.body) == {
        "kind": "Log",
        "pod": "p",
        "container": "c",
        "cut": True,
        "log": "one\n\ufffd\n",
    }
    assert "cut after 6 bytes" in outcome.message

    of = cluster({("GET", LOG.format("p")): [NO_CONTAINER]})
    outcome = await run(of, kind="logs", target=target)
    assert (told(outcome), outcome.message) == (("failed", 400, "BadRequest"), NO_CONTAINER.message)


async def test_the_log_of_a_job() -> None:
    """That of its pod; several are told of, and none is a failure."""
    job = ("GET", "/apis/batch/v1/namespaces/sea/jobs/j")
    known = {job: [answered({"metadata": {}, "spec": {"selector": {"matchLabels": {"a": "b"}}}})]}
    target = {"kind": "job", "namespace": "sea", "name": "j"}
    of = cluster({**known, ("GET", LOG.format("new")): [answered(b"hi")]}, pod("old", "Failed"), pod("new", "Running"))
    of.kinds["job"] = WORKLOADS["Job"]

    outcome = await run(of, kind="logs", target=target)

    assert json.loads(outcome.body)["pod"] == "new"
    assert outcome.message == "of pod new, one of 2"
    assert dict(of.requests[1][0].parameters)["labelSelector"] == "a=b"
    of = cluster(known, job=WORKLOADS["Job"])
    assert told(await run(of, kind="logs", target=target)) == ("failed", 404, "NoPods")


async def test_what_has_no_pods_has_no_logs() -> None:
    """A ConfigMap, for one."""
    of = cluster({("GET", "/api/v1/namespaces/sea/configmaps/c"): [answered({"metadata": {}, "data": {}})]})

    outcome = await run(of, kind="logs", target={"kind": "ConfigMap", "namespace": "sea", "name": "c"})

    assert told(outcome) == ("failed", 400, "NotSupported")


async def test_events_of_an_object() -> None:
    """By its kind's proper name; of a kind that is gone as it is called; of what has no namespace in the default one."""
    for target, namespace, kind in (
        ({"kind": "Deployment", "namespace": "sea", "name": "x"}, "sea", "Deployment"),
        ({"kind": "Gone.x.k8s.io", "namespace": "sea", "name": "x"}, "sea", "Gone"),
        ({"kind": "Node", "name": "x"}, "default", "Node"),
    ):
        of = cluster({}, {"metadata": {"name": "e"}})
        outcome = await run(of, kind="events", target=target)
        assert len(json.loads(outcome.body)["items"]) == 1
        request = of.requests[-1][0]
        assert request.path == f"/api/v1/namespaces/{namespace}/events"
        assert dict(request.parameters)["fieldSelector"] == f"involvedObject.name=x,involvedObject.kind={kind}"


async def test_metrics() -> None:
    """As the metrics server tells them; without one the answer says so."""
    told_ = {"kind": "PodMetricsList", "metadata": {}, "items": []}
    path = ("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/sea/pods")
    target = {"kind": POD.plural, "namespace": "sea"}
    outcome = await run(cluster({path: [answered(told_)]}, PodMetrics=METRICS), kind="podMetrics", target=target)
    assert json.loads(outcome.body) == told_

    outcome = await run(cluster({}), kind="podMetrics", target=target)
    assert told(outcome) == ("failed", 404, "MetricsUnavailable")
    assert "metrics-server" in outcome.message
    outcome = await run(cluster({}), kind="podMetrics", target={"kind": "Node"})
    assert told(outcome) == ("failed", 400, "NotSupported")
