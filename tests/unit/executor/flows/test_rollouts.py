"""Rollouts against a cluster in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.executor_doubles import WORKLOADS, MemoryCluster, answered
from tests.unit.executor.core.test_rollouts import holder, workload
from tests.unit.executor.flows.test_run import run, told

from fairlead.executor.flows import rollouts
from fairlead.executor.ports import Page

WEB = "/apis/apps/v1/namespaces/sea/deployments/web"
TARGET = {"kind": "Deployment", "namespace": "sea", "name": "web"}


def cluster(*states: dict[str, Any], holders: list[dict[str, Any]] | None = None) -> MemoryCluster:
    """A cluster with the Deployment in its states, one look after the other."""
    pages: list[Page | Exception] = [Page([json.dumps(each).encode() for each in holders or []], "7", "", None)]
    scripted: Any = {
        ("GET", WEB): [answered(state) for state in states],
        ("PATCH", WEB): [answered({**states[-1], "metadata": {"name": "web", "resourceVersion": "8"}})],
    }
    return MemoryCluster(kinds=WORKLOADS, scripted=scripted, pages=pages)


def patched(of: MemoryCluster) -> list[Any]:
    """Bodies of patches."""
    return [json.loads(request.body) for request, _ in of.requests if request.method == "PATCH"]


async def test_restart_pause_and_resume_are_one_patch() -> None:
    """After a look at the state."""
    for kind, state, expected in (
        ("pause", workload(), {"paused": True}),
        ("resume", workload(paused=True), {"paused": None}),
    ):
        of = cluster(state)
        assert told(await run(of, kind=kind, target=TARGET)) == ("succeeded", 200, "")
        assert patched(of) == [{"spec": expected}]

    of = cluster(workload())
    assert (await run(of, kind="restart", target=TARGET, resourceVersion="7")).version == "8"
    (patch,) = patched(of)
    stamp = patch["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"]
    assert stamp.endswith("Z")
    assert patch["metadata"] == {"resourceVersion": "7"}


async def test_what_the_state_forbids_is_told() -> None:
    """Nothing is sent."""
    of = cluster(workload())

    outcome = await run(of, kind="resume", target=TARGET)

    assert told(outcome) == ("failed", 409, "NotPaused")
    assert (outcome.message, patched(of)) == ('deployment "web" is not paused', [])
    unsupported = await run(of, kind="undo", target={"kind": "ConfigMap", "namespace": "sea", "name": "cargo"})
    assert told(unsupported) == ("failed", 400, "NotSupported")


async def test_undo() -> None:
    """Back to the revision before; where it is already nothing is sent; without history it is refused."""
    holders = [holder(1, "one"), holder(2, "two")]
    of = cluster(workload(), holders=holders)
    outcome = await run(of, kind="undo", target=TARGET)
    assert (told(outcome), outcome.message) == (("succeeded", 200, ""), "rolled back to revision 1")
    assert patched(of)[0][0]["path"] == "/spec/template"

    of = cluster(workload(), holders=holders)
    outcome = await run(of, kind="undo", target=TARGET, revision=2)
    assert "skipped rollback" in outcome.message
    assert patched(of) == []

    assert told(await run(cluster(workload()), kind="undo", target=TARGET)) == ("failed", 404, "NoHistory")
    outcome = await run(cluster(workload(), holders=holders), kind="undo", target=TARGET, revision=7)
    assert told(outcome) == ("failed", 404, "NoSuchRevision")


async def test_history() -> None:
    """All revisions, or one with its template."""
    holders = [holder(2, "two"), holder(1, "one", **{"kubernetes.io/change-cause": "because"})]
    outcome = await run(cluster(workload(), holders=holders), kind="history", target=TARGET)
    items = json.loads(outcome.body)["items"]
    assert [(each["revision"], each["changeCause"]) for each in items] == [(1, "because"), (2, "")]

    outcome = await run(cluster(workload(), holders=holders), kind="history", target=TARGET, revision=1)
    (one,) = json.loads(outcome.body)["items"]
    assert one["template"]["spec"]["containers"][0]["image"] == "one"


async def test_status_waits_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look, looks until the end, or until the time is over."""
    monkeypatch.setattr(rollouts, "LOOK_PAUSE_S", 0.01)
    status = {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}
    rolling, rolled = workload(replicas=1), {**workload(replicas=1), "status": status}

    once = await run(cluster(rolling, rolled), kind="rolloutStatus", target=TARGET)
    assert json.loads(once.body)["done"] is False
    waited = await run(cluster(rolling, rolled), kind="rolloutStatus", target=TARGET, wait=True)
    assert json.loads(waited.body)["done"] is True
    late = await run(cluster(rolling), kind="rolloutStatus", target=TARGET, wait=True, timeoutSeconds=0.1)
    assert told(late) == ("failed", 504, "StillRolling")
