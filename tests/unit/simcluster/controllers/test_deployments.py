"""Rollouts."""

from __future__ import annotations

from typing import Any

from tests.unit.simcluster.calls import DEPLOYMENTS, MERGE, PODS, REPLICA_SETS, Hands, workload

REVISION = "deployment.kubernetes.io/revision"
WEB = f"{DEPLOYMENTS}/web"


def _image(tag: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": f"example/web:{tag}"}]}}}}


def _ready(hands: Hands) -> int:
    ready = 0
    for pod in hands.get(PODS)["items"]:
        conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
        ready += conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]
    return ready


def test_a_deployment_becomes_available() -> None:
    """All replicas ready, the status says so, and then nothing is written any more."""
    hands = Hands()
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web", 3))
    hands.settle(3)
    web = hands.get(WEB)
    version = hands.state.store.version
    hands.settle(5)

    assert web["status"]["availableReplicas"] == web["status"]["updatedReplicas"] == 3
    assert "unavailableReplicas" not in web["status"]
    conditions = {each["type"]: (each["status"], each["reason"]) for each in web["status"]["conditions"]}
    assert conditions == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert hands.state.store.version == version


def test_a_rollout_keeps_enough_pods_ready() -> None:
    """Never fewer than maxUnavailable allows, never more than maxSurge, the old set ends at none."""
    hands = Hands()
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web", 4))
    hands.settle(3)
    hands.call("PATCH", WEB, _image("2"), content_type=MERGE)
    for _ in range(150):
        hands.settle(0.1)
        assert _ready(hands) >= 3
        assert sum(item["spec"]["replicas"] for item in hands.get(REPLICA_SETS)["items"]) <= 5

    sets = {item["metadata"]["annotations"][REVISION]: item for item in hands.get(REPLICA_SETS)["items"]}
    assert (sets["1"]["spec"]["replicas"], sets["2"]["spec"]["replicas"]) == (0, 4)
    assert hands.get(WEB)["metadata"]["annotations"][REVISION] == "2"
    assert len(hands.names(PODS)) == 4


def test_a_broken_release_does_not_take_the_old_one_down() -> None:
    """The rollout stops where availability would fall."""
    hands = Hands()
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web", 4))
    hands.settle(3)
    hands.call("PATCH", WEB, _image("broken"), content_type=MERGE)
    hands.settle(20)
    web = hands.get(WEB)

    assert _ready(hands) == 3
    assert web["status"]["unavailableReplicas"] == 1
    assert web["status"]["conditions"][1]["reason"] == "ReplicaSetUpdated"


def test_going_back_raises_the_old_revision() -> None:
    """The set of the old template becomes revision 3; no third set is made."""
    hands = Hands()
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web", 1))
    hands.settle(3)
    for tag in ("2", "1"):
        hands.call("PATCH", WEB, _image(tag), content_type=MERGE)
        hands.settle(10)

    revisions = sorted(item["metadata"]["annotations"][REVISION] for item in hands.get(REPLICA_SETS)["items"])
    assert revisions == ["2", "3"]
    assert hands.get(WEB)["metadata"]["annotations"][REVISION] == "3"


def test_recreate_stops_the_old_pods_first() -> None:
    """Old and new never run together."""
    hands = Hands()
    manifest = workload("Deployment", "web", 2)
    manifest["spec"]["strategy"] = {"type": "Recreate"}
    hands.call("POST", DEPLOYMENTS, manifest)
    hands.settle(3)
    hands.call("PATCH", WEB, _image("2"), content_type=MERGE)
    images = set()
    for _ in range(60):
        hands.settle(0.1)
        present = [p for p in hands.get(PODS)["items"] if "deletionTimestamp" not in p["metadata"]]
        images = {pod["spec"]["containers"][0]["image"] for pod in present}
        assert len(images) <= 1

    assert images == {"example/web:2"}


def test_a_paused_deployment_does_not_roll() -> None:
    """Until it goes on."""
    hands = Hands()
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web", 1))
    hands.settle(3)
    hands.call("PATCH", WEB, {"spec": {"paused": True, **_image("2")["spec"]}}, content_type=MERGE)
    hands.settle(5)
    assert len(hands.names(REPLICA_SETS)) == 1
    hands.call("PATCH", WEB, {"spec": {"paused": False}}, content_type=MERGE)
    hands.settle(10)

    assert len(hands.names(REPLICA_SETS)) == 2


def test_old_revisions_are_pruned() -> None:
    """As many as revisionHistoryLimit stay beside the present one."""
    hands = Hands()
    manifest = workload("Deployment", "web", 1)
    manifest["spec"]["revisionHistoryLimit"] = 1
    hands.call("POST", DEPLOYMENTS, manifest)
    for tag in ("2", "3", "4"):
        hands.settle(10)
        hands.call("PATCH", WEB, _image(tag), content_type=MERGE)
    hands.settle(10)

    assert len(hands.names(REPLICA_SETS)) == 2
