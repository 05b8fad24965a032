"""ReplicaSets, StatefulSets, DaemonSets and Jobs."""

from __future__ import annotations

from tests.unit.simcluster.calls import DEPLOYMENTS, MERGE, PODS, REPLICA_SETS, Hands, workload

SETS = DEPLOYMENTS.replace("deployments", "statefulsets")
DAEMONS = DEPLOYMENTS.replace("deployments", "daemonsets")
JOBS = "/apis/batch/v1/namespaces/default/jobs"


def test_a_lost_pod_is_replaced() -> None:
    """Under a new name."""
    hands = Hands()
    hands.call("POST", REPLICA_SETS, workload("ReplicaSet", "web", 2))
    hands.settle(2)
    lost = hands.names(PODS)[0]
    hands.call("DELETE", f"{PODS}/{lost}?gracePeriodSeconds=0")
    hands.settle(2)

    assert len(hands.names(PODS)) == 2
    assert lost not in hands.names(PODS)
    assert hands.get(f"{REPLICA_SETS}/web")["status"]["readyReplicas"] == 2


def test_many_replicas_come_in_bursts() -> None:
    """All of them, in the end."""
    hands = Hands()
    hands.call("POST", REPLICA_SETS, workload("ReplicaSet", "web", 120))
    hands.settle(2)

    assert len(hands.names(PODS)) == 120


def test_a_stateful_set_grows_and_shrinks_in_order() -> None:
    """The next pod waits for the one before; the last goes first."""
    hands = Hands()
    hands.call("POST", SETS, workload("StatefulSet", "db", 3))
    hands.settle(0.5)
    assert hands.names(PODS) == ["db-0"]
    hands.settle(5)
    assert hands.names(PODS) == ["db-0", "db-1", "db-2"]
    hands.call("PATCH", f"{SETS}/db", {"spec": {"replicas": 1}}, content_type=MERGE)
    hands.settle(5)

    assert hands.names(PODS) == ["db-0"]
    assert hands.get(f"{SETS}/db")["status"]["readyReplicas"] == 1


def test_a_stateful_set_replaces_its_pods_one_by_one() -> None:
    """All on the new template at the end, under the same names."""
    hands = Hands()
    hands.call("POST", SETS, workload("StatefulSet", "db", 2))
    hands.settle(5)
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "example/web:2"}]}}}}
    hands.call("PATCH", f"{SETS}/db", patch, content_type=MERGE)
    hands.settle(15)
    images = {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in hands.get(PODS)["items"]}

    assert images == {"db-0": "example/web:2", "db-1": "example/web:2"}


def test_a_daemon_set_follows_the_nodes() -> None:
    """One pod each, also on a new one."""
    hands = Hands(nodes=2)
    hands.call("POST", DAEMONS, workload("DaemonSet", "agent"))
    hands.settle(2)
    hands.call("POST", "/api/v1/nodes", {"metadata": {"name": "node-9"}})
    hands.settle(2)
    status = hands.get(f"{DAEMONS}/agent")["status"]

    assert {pod["spec"]["nodeName"] for pod in hands.get(PODS)["items"]} == {"node-0", "node-1", "node-9"}
    assert (status["desiredNumberScheduled"], status["numberReady"]) == (3, 3)


def test_a_job_completes() -> None:
    """With as many successes as asked for, never more pods at once than parallelism."""
    hands = Hands()
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x:1"}]}}
    spec = {"completions": 3, "parallelism": 2, "template": template}
    hands.call("POST", JOBS, {"metadata": {"name": "once"}, "spec": spec})
    hands.settle(1)
    assert hands.get(f"{JOBS}/once")["status"]["active"] == 2
    hands.settle(20)
    status = hands.get(f"{JOBS}/once")["status"]

    assert status["succeeded"] == 3
    assert {each["type"]: each["status"] for each in status["conditions"]}["Complete"] == "True"
    assert status["completionTime"]
    assert {pod["status"]["phase"] for pod in hands.get(PODS)["items"]} == {"Succeeded"}
    assert len(hands.names(PODS)) == 3


def test_a_suspended_job_waits() -> None:
    """No pods."""
    hands = Hands()
    template = {"spec": {"containers": [{"name": "c", "image": "x:1"}]}}
    hands.call("POST", JOBS, {"metadata": {"name": "later"}, "spec": {"suspend": True, "template": template}})
    hands.settle(5)

    assert hands.names(PODS) == []
