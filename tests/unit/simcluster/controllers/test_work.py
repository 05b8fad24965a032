"""The controllers' hands."""

from __future__ import annotations

import pytest
from tests.unit.simcluster.calls import DEPLOYMENTS, Hands, workload

from fairlead.simcluster.controllers import work as parts
from fairlead.simcluster.controllers.work import Work


def test_template_hashes_are_stable() -> None:
    """Whatever the order of the fields."""
    one = parts.template_hash({"a": 1, "b": 2})

    assert one == parts.template_hash({"b": 2, "a": 1})
    assert one != parts.template_hash({"a": 1, "b": 3})
    assert len(one) == 10


def test_timers_come_due_in_order() -> None:
    """A heap by time."""
    hands = Hands()
    work = Work(hands.state)
    work.after(2, ("pods", "late"))
    work.after(1, ("pods", "early"))

    assert work.timers[0][2] == ("pods", "early")


def test_conditions_move_only_when_their_status_does() -> None:
    """LastTransitionTime stays, lastUpdateTime follows the reason."""
    first = parts.condition({}, "Available", holds=True, reason="R", message="m", now="t1", updates=True)
    old = {"conditions": [first]}
    same = parts.condition(old, "Available", holds=True, reason="R", message="m", now="t2", updates=True)
    other = parts.condition(old, "Available", holds=True, reason="S", message="m", now="t3", updates=True)
    turned = parts.condition(old, "Available", holds=False, reason="S", message="m", now="t4")

    assert same == first
    assert (other["lastUpdateTime"], other["lastTransitionTime"]) == ("t3", "t1")
    assert (turned["status"], turned["lastTransitionTime"]) == ("False", "t4")


def test_pods_are_made_from_templates() -> None:
    """With labels, an owner and a generated or a given name."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}
    pod = parts.pod_from(template, {"kind": "X"}, "web")

    assert pod["metadata"] == {"generateName": "web-", "labels": {"a": "b"}, "ownerReferences": [{"kind": "X"}]}
    assert parts.pod_from(template, {}, "web-0", generate=False)["metadata"]["name"] == "web-0"


def test_a_status_that_is_the_same_is_not_written() -> None:
    """No version is spent."""
    hands = Hands()
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web"))
    work = Work(hands.state)
    entry = hands.state.store.get("apps/deployments", "default/web")
    assert entry is not None
    once = work.set_status("deployments.apps", entry, {"replicas": 1})

    assert work.set_status("deployments.apps", once, {"replicas": 1}) == once


def test_unknown_kinds_are_a_fault_of_the_caller() -> None:
    """LookupError."""
    with pytest.raises(LookupError):
        Work(Hands().state).resource("gadgets")


def test_pod_states() -> None:
    """Active and ready."""
    ready = {"metadata": {}, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}

    assert parts.ready(ready)
    assert parts.active(ready)
    assert not parts.active({"metadata": {}, "status": {"phase": "Succeeded"}})
    assert not parts.ready({**ready, "metadata": {"deletionTimestamp": "t"}})
