"""Operations about workloads through the whole stack, as Spinnaker asks for them: REST, link, bus, executor, real API server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.e2e.conftest import ACCOUNT, Facade
from tests.support.polling import wait_until
from ulid import ULID

from fairlead.cli.gateway import Gateway

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180)]

JsonObject = dict[str, Any]
Run = Callable[..., JsonObject]


@pytest.fixture
def gateway(facade: Facade) -> Iterator[Gateway]:
    """The gateway's REST API."""
    with facade.stack.gateway() as gateway:
        yield gateway


@pytest.fixture
def run(gateway: Gateway) -> Run:
    """Carries an operation out and tells how it ended."""

    def run(kind: str, **request: Any) -> JsonObject:
        body = {"account": ACCOUNT, "kind": kind, **request}
        return gateway.submit(body, operation_id=str(ULID()), wait_s=30)

    return run


@pytest.fixture
def sea(facade: Facade) -> str:
    """A namespace."""
    made = facade.control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"generateName": "sea-"}})
    return str(made["metadata"]["name"])


def deployment(namespace: str, image: str) -> JsonObject:
    """A Deployment without pods."""
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": f"example.test/{image}"}]}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace, "labels": labels},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod},
    }  # fmt: skip


def test_a_deployment_from_its_first_apply_to_its_end(facade: Facade, gateway: Gateway, run: Run, sea: str) -> None:
    """Applied twice, paused, resumed, undone, followed, deleted by its label; each step brings the truth back."""
    target = {"kind": "deployment", "namespace": sea, "name": "web"}
    history: list[int] = []

    def revisions() -> list[int]:
        body = gateway.result(run("history", target=target)["id"])
        history[:] = [each["revision"] for each in body["items"]]
        return history

    assert run("apply", manifest=deployment(sea, "one"))["result"]["code"] == 201
    wait_until(lambda: revisions() == [1], within_s=20, what="the first revision")
    assert run("apply", manifest=deployment(sea, "two"))["result"]["code"] == 200
    wait_until(lambda: revisions() == [1, 2], within_s=20, what="the second revision")
    assert run("resume", target=target)["result"]["reason"] == "NotPaused"
    assert [run(kind, target=target)["state"] for kind in ("pause", "resume", "restart")] == ["succeeded"] * 3
    assert run("undo", target=target, revision=1)["state"] == "succeeded"
    assert run("rolloutStatus", target=target, wait=True)["result"]["message"] == "successfully rolled out"

    live = facade.control_plane.request("GET", f"/apis/apps/v1/namespaces/{sea}/deployments/web")
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "example.test/one"
    deleted = run("delete", target={"kind": "deployment", "namespace": sea}, labelSelector="app=web")
    assert gateway.result(deleted["id"])["deleted"][0]["name"] == "web"


def test_what_pods_tell(gateway: Gateway, run: Run, sea: str) -> None:
    """Logs, events and metrics, as far as a cluster without nodes has them."""
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "tar", "namespace": sea},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "example.test/a"}]}}},
    }  # fmt: skip
    target = {"kind": "job", "namespace": sea, "name": "tar"}
    assert run("runJob", manifest=job)["state"] == "succeeded"
    wait_until(lambda: run("logs", target=target)["state"] == "succeeded", within_s=20, what="the pod of the Job")
    assert gateway.result(run("logs", target=target)["id"])["log"] == ""

    def reasons() -> set[str]:
        return {each["reason"] for each in gateway.result(run("events", target=target)["id"])["items"]}

    wait_until(lambda: bool(reasons()), what="the first event of the Job")
    assert reasons() == {"SuccessfulCreate"}
    metrics = run("podMetrics", target={"kind": "Pod", "namespace": sea})
    assert (metrics["state"], metrics["result"]["code"], metrics["result"]["reason"]) == (
        "failed",
        404,
        "MetricsUnavailable",
    )


def test_history_tells_when_and_by_whom(gateway: Gateway, run: Run, sea: str) -> None:
    """Received, sent, begun and ended, in this order, with the agent that had it and without a body."""
    ended = run("apply", manifest=deployment(sea, "one"))

    (told,) = gateway.operations(account=ACCOUNT, namespace=sea, name="web")
    assert told == ended
    times = [told["createdAt"], told["sentAt"], told["finishedAt"]]
    assert times == sorted(times)
    assert told["result"]["startedAt"] <= told["result"]["finishedAt"]
    assert told["agent"]
    assert "example.test" not in json.dumps(told)
