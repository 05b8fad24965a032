"""Rollouts decided."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.contracts.operations import Kind, PatchType
from fairlead.executor.core import rollouts
from fairlead.executor.core.rollouts import Impossible

Object = dict[str, Any]


def template(image: str, **labels: str) -> Object:
    """A pod template."""
    return {"metadata": {"labels": {"app": "web", **labels}}, "spec": {"containers": [{"name": "c", "image": image}]}}


def workload(image: str = "two", **spec: Any) -> Object:
    """A Deployment."""
    annotations = {rollouts.REVISION: "2", "mine": "now"}
    return {
        "metadata": {"name": "web", "uid": "u", "generation": 1, "annotations": annotations},
        "spec": {"template": template(image), **spec},
    }  # fmt: skip


def holder(number: int, image: str, uid: str = "u", **annotations: str) -> Object:
    """A ReplicaSet of a revision."""
    return {
        "metadata": {
            "name": f"web-{number}", "annotations": {rollouts.REVISION: str(number), **annotations},
            "ownerReferences": [{"uid": uid, "controller": True}],
        },
        "spec": {"template": template(image, **{rollouts.HASH_LABEL: "x"})},
    }  # fmt: skip


def controller_revision(number: int, image: str) -> Object:
    """A ControllerRevision."""
    data = {"spec": {"template": {**template(image), "$patch": "replace"}}}
    return {
        "metadata": {"name": f"web-{number}", "ownerReferences": [{"uid": "u", "controller": True}]},
        "revision": number, "data": data,
    }  # fmt: skip


def test_each_kind_of_workload_has_its_verbs() -> None:
    """Only Deployments pause; whatever has no pods of its own making has no rollouts."""
    rollouts.check_kind(Kind.PAUSE, "apps", "deployments")
    rollouts.check_kind(Kind.UNDO, "apps", "daemonsets")
    for kind, group, plural in (
        (Kind.PAUSE, "apps", "statefulsets"),
        (Kind.UNDO, "batch", "jobs"),
        (Kind.RESTART, "x.test", "deployments"),
    ):
        with pytest.raises(Impossible, match="not supported") as caught:
            rollouts.check_kind(kind, group, plural)
        assert caught.value.code == 400


def test_pause_and_resume_are_refused_where_they_change_nothing() -> None:
    """As kubectl refuses them."""
    assert rollouts.pause_patch(workload(), pause=True) == {"spec": {"paused": True}}
    assert rollouts.pause_patch(workload(paused=True), pause=False) == {"spec": {"paused": None}}
    with pytest.raises(Impossible, match="is already paused"):
        rollouts.pause_patch(workload(paused=True), pause=True)
    with pytest.raises(Impossible, match="is not paused"):
        rollouts.pause_patch(workload(), pause=False)
    with pytest.raises(Impossible, match="can't restart paused"):
        rollouts.restart_patch(workload(paused=True), "now")


def test_revisions_are_what_the_workload_owns() -> None:
    """In order, without the hash; what belongs to others or has no number is none."""
    broken = holder(9, "x") | {"metadata": {"name": "n", "ownerReferences": [{"uid": "u", "controller": True}]}}
    known = rollouts.revisions(workload(), [holder(2, "two"), holder(1, "one"), holder(3, "x", uid="other"), broken])

    assert [each.told(whole=False)["revision"] for each in known] == [1, 2]
    assert known[0].told(whole=True)["template"] == template("one")


def test_the_wanted_revision() -> None:
    """By number, or the one before the last."""
    known = rollouts.revisions(workload(), [holder(2, "two"), holder(1, "one"), holder(5, "five")])

    assert rollouts.wanted(known, 1, "web").number == 1
    assert rollouts.wanted(known, 0, "web").number == 2
    with pytest.raises(Impossible, match=r"unable to find specified revision 4 in history \(it has 1, 2, 5\)"):
        rollouts.wanted(known, 4, "web")
    with pytest.raises(Impossible, match="no rollout history found"):
        rollouts.wanted(known[:1], 0, "web")


def test_a_deployment_goes_back_by_its_template() -> None:
    """Annotations come back with it, but for those that are the Deployment's own."""
    (one,) = rollouts.revisions(workload(), [holder(1, "one", mine="then")])

    patch = rollouts.undo_patch(workload(), one)

    assert patch is not None
    assert patch.kind is PatchType.JSON
    assert [step["value"] for step in patch.body] == [template("one"), {rollouts.REVISION: "2", "mine": "then"}]
    assert rollouts.undo_patch(workload("one"), one) is None
    with pytest.raises(Impossible, match="rollback a paused"):
        rollouts.undo_patch(workload(paused=True), one)


def test_others_go_back_by_their_revisions_patch() -> None:
    """A ControllerRevision holds it."""
    (one,) = rollouts.revisions(workload(), [controller_revision(1, "one")])

    patch = rollouts.undo_patch(workload(), one)

    assert patch is not None
    assert (patch.kind, patch.body) == (PatchType.STRATEGIC, controller_revision(1, "one")["data"])
    assert rollouts.undo_patch(workload("one"), one) is None


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({}, "waiting for the specification"),
        ({"observedGeneration": 1, "updatedReplicas": 1}, "1 out of 2 new replicas"),
        ({"observedGeneration": 1, "updatedReplicas": 2, "replicas": 3}, "1 old replicas are pending"),
        ({"observedGeneration": 1, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}, "1 of 2 updated"),
        ({"observedGeneration": 1, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}, "successfully"),
    ],
)
def test_progress_of_a_deployment(status: Object, told: str) -> None:
    """Step by step."""
    reached = rollouts.progress("deployments", {**workload(replicas=2), "status": status})

    assert told in reached.message
    assert reached.done == (told == "successfully")


def test_a_deployment_that_is_too_late() -> None:
    """Its own deadline has passed."""
    late = {"type": "Progressing", "reason": "ProgressDeadlineExceeded"}
    with pytest.raises(Impossible, match="exceeded its progress deadline"):
        rollouts.progress("deployments", {**workload(), "status": {"observedGeneration": 1, "conditions": [late]}})


@pytest.mark.parametrize(
    ("plural", "spec", "status", "done"),
    [
        ("daemonsets", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1}, False),
        ("daemonsets", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}, False),
        ("daemonsets", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}, True),
        ("statefulsets", {"replicas": 2}, {"readyReplicas": 1}, False),
        ("statefulsets", {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}}, {"readyReplicas": 2, "updatedReplicas": 1}, True),
        ("statefulsets", {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 0}}}, {"readyReplicas": 2, "updatedReplicas": 1}, False),
        ("statefulsets", {"replicas": 0}, {"updateRevision": "b", "currentRevision": "a"}, False),
        ("statefulsets", {"replicas": 0}, {"updateRevision": "b", "currentRevision": "b"}, True),
    ],
)  # fmt: skip
def test_progress_of_others(plural: str, spec: Object, status: Object, done: bool) -> None:
    """DaemonSets and StatefulSets, with partitions."""
    assert rollouts.progress(plural, {**workload(**spec), "status": {"observedGeneration": 1, **status}}).done is done


def test_what_is_replaced_by_hand_cannot_be_followed() -> None:
    """There is no rollout."""
    with pytest.raises(Impossible, match="RollingUpdate"):
        rollouts.progress("daemonsets", workload(updateStrategy={"type": "OnDelete"}))


def test_selectors_become_queries() -> None:
    """All operators."""
    selector = {
        "matchLabels": {"b": "1", "a": "2"},
        "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["x", "y"]}, {"key": "d", "operator": "NotIn", "values": ["z"]},
            {"key": "e", "operator": "Exists"}, {"key": "f", "operator": "DoesNotExist"},
        ],
    }  # fmt: skip

    assert rollouts.selector_text(selector) == "a=2,b=1,c in (x,y),d notin (z),e,!f"
