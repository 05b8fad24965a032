"""The history of workloads: what `kubectl rollout` reads and writes, as far as it needs no node."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.kubernetes.client import JSON_PATCH, STRATEGIC, Api, deployment

REVISION = "deployment.kubernetes.io/revision"
CAUSE = "kubernetes.io/change-cause"


async def _sets(api: Api, *revisions: str) -> dict[str, dict[str, Any]]:
    """The ReplicaSets by revision, once these are all there."""

    def by_revision(found: Any) -> dict[str, dict[str, Any]]:
        return {each["metadata"].get("annotations", {}).get(REVISION, ""): each for each in found["items"]}

    path = api.group("apps/v1", "replicasets")
    return by_revision(await api.eventually(path, lambda found: set(by_revision(found)) == set(revisions)))


async def test_replica_sets_keep_causes_and_counts(api: Api) -> None:
    """A set has its Deployment's annotations, how many pods are wanted and how many there may be."""
    manifest = deployment("web", 4)
    manifest["metadata"]["annotations"] = {CAUSE: "first"}
    await api.post(api.group("apps/v1", "deployments"), manifest)
    one = (await _sets(api, "1"))["1"]
    change = {
        "metadata": {"annotations": {CAUSE: "second"}},
        "spec": {"template": {"metadata": {"labels": {"v": "2"}}}},
    }
    await api.patch(api.group("apps/v1", "deployments", "web"), change)
    both = await _sets(api, "1", "2")

    assert one["metadata"]["annotations"] == {
        CAUSE: "first",
        REVISION: "1",
        "deployment.kubernetes.io/desired-replicas": "4",
        "deployment.kubernetes.io/max-replicas": "5",
    }
    assert [both[each]["metadata"]["annotations"][CAUSE] for each in ("1", "2")] == ["first", "second"]


async def test_going_back_makes_an_old_set_the_newest(api: Api) -> None:
    """As `rollout undo` does it: the old template, and no third set."""
    path = api.group("apps/v1", "deployments", "web")
    await api.post(api.group("apps/v1", "deployments"), deployment("web", 1))
    old = (await _sets(api, "1"))["1"]
    await api.patch(path, {"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}})
    await _sets(api, "1", "2")
    template = old["spec"]["template"]
    del template["metadata"]["labels"]["pod-template-hash"]
    undo = [{"op": "replace", "path": "/spec/template", "value": template}]
    answer = await api.patch(path, undo, JSON_PATCH)
    after = await _sets(api, "2", "3")

    assert answer.code == 200, answer.text
    assert after["3"]["metadata"]["uid"] == old["metadata"]["uid"]


async def test_a_paused_deployment_begins_nothing(api: Api) -> None:
    """It says so, scales, and goes on when it is resumed."""
    path = api.group("apps/v1", "deployments", "web")
    await api.post(api.group("apps/v1", "deployments"), deployment("web", 1))
    await _sets(api, "1")
    await api.patch(path, {"spec": {"paused": True}}, STRATEGIC)
    await api.eventually(path, lambda found: _condition(found, "Progressing") == ("Unknown", "DeploymentPaused"))
    await api.patch(path, {"spec": {"replicas": 2, "template": {"metadata": {"labels": {"v": "2"}}}}}, STRATEGIC)
    await api.eventually(path, lambda found: found["status"].get("observedGeneration") == 3)
    await api.eventually(api.group("apps/v1", "replicasets"), lambda found: found["items"][0]["spec"]["replicas"] == 2)
    assert list(await _sets(api, "1")) == ["1"]
    await api.patch(path, {"spec": {"paused": None}}, STRATEGIC)

    assert set(await _sets(api, "1", "2")) == {"1", "2"}
    await api.eventually(path, lambda found: _condition(found, "Progressing") == ("True", "ReplicaSetUpdated"))


async def test_a_rollout_that_does_not_come_on_says_so(api: Api) -> None:
    """Its deadline over, Progressing is False; on a real server no node runs it, in the sim it has a broken image."""
    manifest = deployment("web", 1, "example/web:broken")
    manifest["spec"]["progressDeadlineSeconds"] = 1
    path = api.group("apps/v1", "deployments", "web")
    await api.post(api.group("apps/v1", "deployments"), manifest)
    late = ("False", "ProgressDeadlineExceeded")

    await api.eventually(path, lambda found: _condition(found, "Progressing") == late)


def _condition(found: dict[str, Any], kind: str) -> tuple[str, str]:
    conditions = found.get("status", {}).get("conditions", ())
    return next(((each["status"], each["reason"]) for each in conditions if each["type"] == kind), ("", ""))


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
async def test_other_workloads_keep_revisions(api: Api, kind: str) -> None:
    """ControllerRevisions with the template as a patch, numbered, owned; the way back makes the old one the newest."""
    manifest = {**deployment("db", 1), "kind": kind}
    if kind == "DaemonSet":
        del manifest["spec"]["replicas"]
    else:
        manifest["spec"]["serviceName"] = "db"
    plural = f"{kind.lower()}s"
    path, revisions = api.group("apps/v1", plural, "db"), api.group("apps/v1", "controllerrevisions")
    made = await api.post(api.group("apps/v1", plural), manifest)
    assert made.code == 201, made.text
    [first] = (await api.eventually(revisions, lambda found: len(found["items"]) == 1))["items"]
    await api.patch(path, {"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}})
    await api.eventually(revisions, lambda found: sorted(each["revision"] for each in found["items"]) == [1, 2])
    undone = await api.patch(path, first["data"], STRATEGIC)
    after = await api.eventually(revisions, lambda found: sorted(each["revision"] for each in found["items"]) == [2, 3])

    assert first["data"]["spec"]["template"]["$patch"] == "replace"
    assert first["data"]["spec"]["template"]["spec"]["containers"][0]["image"] == "example/web:1"
    assert first["metadata"]["ownerReferences"][0]["uid"] == made.json["metadata"]["uid"]
    assert first["metadata"]["name"].startswith("db-")
    assert undone.json["spec"]["template"]["metadata"]["labels"] == {"app": "db"}
    newest = max(after["items"], key=lambda each: each["revision"])
    assert newest["metadata"]["uid"] == first["metadata"]["uid"]
