"""The life of a pod."""

from __future__ import annotations

from typing import Any

from tests.unit.simcluster.calls import PODS, Hands


def _pod(image: str = "x:1") -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": image}]}}


def test_a_pod_is_scheduled_and_runs_after_its_delay() -> None:
    """Pending with a node, then Running and Ready with an address; each step is a change."""
    hands = Hands()
    version = hands.state.store.version
    hands.call("POST", PODS, _pod())
    hands.settle()
    pending = hands.get(f"{PODS}/p")
    hands.settle(1.1)
    running = hands.get(f"{PODS}/p")

    assert (pending["status"]["phase"], pending["spec"]["nodeName"]) == ("Pending", "node-0")
    assert running["status"]["phase"] == "Running"
    assert running["status"]["containerStatuses"][0]["ready"] is True
    assert running["status"]["podIP"].startswith("10.244.")
    assert {each["type"]: each["status"] for each in running["status"]["conditions"]}["Ready"] == "True"
    seen = [event["type"] for event in hands.watch(f"{PODS}?watch=1&resourceVersion={version}")]
    assert seen == ["ADDED", "MODIFIED", "MODIFIED"]


def test_without_nodes_a_pod_waits() -> None:
    """Until one comes."""
    hands = Hands(nodes=0)
    hands.call("POST", PODS, _pod())
    hands.settle(2)
    assert "nodeName" not in hands.get(f"{PODS}/p")["spec"]
    hands.call("POST", "/api/v1/nodes", {"metadata": {"name": "late"}})
    hands.settle(2)

    assert hands.get(f"{PODS}/p")["spec"]["nodeName"] == "late"


def test_a_broken_image_keeps_a_pod_pending() -> None:
    """ImagePullBackOff."""
    hands = Hands()
    hands.call("POST", PODS, _pod("x:broken"))
    hands.settle(2)
    status = hands.get(f"{PODS}/p")["status"]

    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"


def test_a_deleted_pod_stops_after_its_delay() -> None:
    """Terminating first, then gone."""
    hands = Hands()
    hands.call("POST", PODS, _pod())
    hands.settle(2)
    hands.call("DELETE", f"{PODS}/p")
    hands.settle(0.5)
    assert "deletionTimestamp" in hands.get(f"{PODS}/p")["metadata"]
    hands.settle(1)

    assert hands.names(PODS) == []
