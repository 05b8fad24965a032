"""What controllers make of workloads, as far as it needs no node."""

from __future__ import annotations

from typing import Any

from tests.contract.kubernetes.client import Api, deployment

REVISION = "deployment.kubernetes.io/revision"


async def test_a_deployment_gets_a_replica_set_and_pods(api: Api) -> None:
    """Owned by one another, labelled with the template's hash, revision 1 on Deployment and ReplicaSet."""
    made = (await api.post(api.group("apps/v1", "deployments"), deployment("web", 2))).json
    pods = await api.eventually(api.core("pods"), lambda found: len(found["items"]) == 2)
    sets = (await api.get(api.group("apps/v1", "replicasets"))).json
    workload = await api.eventually(
        api.group("apps/v1", "deployments", "web"), lambda found: found["status"].get("replicas") == 2
    )

    [replica_set] = sets["items"]
    metadata = replica_set["metadata"]
    suffix = metadata["labels"]["pod-template-hash"]
    assert metadata["name"] == f"web-{suffix}"
    [owner] = metadata["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Deployment", made["metadata"]["uid"], True)
    assert metadata["annotations"][REVISION] == workload["metadata"]["annotations"][REVISION] == "1"
    for pod in pods["items"]:
        assert pod["metadata"]["generateName"] == f"web-{suffix}-"
        assert pod["metadata"]["labels"] == {"app": "web", "pod-template-hash": suffix}
        assert pod["metadata"]["ownerReferences"][0]["uid"] == metadata["uid"]
    assert workload["status"]["observedGeneration"] == workload["metadata"]["generation"]
    assert {each["type"] for each in workload["status"]["conditions"]} == {"Available", "Progressing"}


async def test_a_new_template_is_a_new_revision(api: Api) -> None:
    """A second ReplicaSet with revision 2."""
    await api.post(api.group("apps/v1", "deployments"), deployment("web", 1))
    sets = api.group("apps/v1", "replicasets")
    await api.eventually(sets, lambda found: len(found["items"]) == 1)
    patch = {"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}}
    await api.patch(api.group("apps/v1", "deployments", "web"), patch)
    found = await api.eventually(sets, lambda found: len(found["items"]) == 2)
    workload = await api.eventually(api.group("apps/v1", "deployments", "web"), _at_revision("2"))

    revisions = sorted(each["metadata"]["annotations"][REVISION] for each in found["items"])
    assert revisions == ["1", "2"]
    assert workload["metadata"]["generation"] == 2


async def test_scaling_down_deletes_pods(api: Api) -> None:
    """Three, then one, then none."""
    await api.post(api.group("apps/v1", "deployments"), deployment("web", 3))
    scale = api.group("apps/v1", "deployments", "web") + "/scale"
    for count in (3, 1, 0):
        await api.patch(scale, {"spec": {"replicas": count}})
        await api.eventually(api.core("pods"), _has(count))


def _at_revision(revision: str) -> Any:
    return lambda seen: seen["metadata"].get("annotations", {}).get(REVISION) == revision


def _has(count: int) -> Any:
    return lambda found: len(found["items"]) == count


async def test_a_stateful_set_numbers_its_pods(api: Api) -> None:
    """The first pod is `<name>-0`; the second waits for it to be ready."""
    manifest = deployment("db", 2)
    manifest["kind"] = "StatefulSet"
    manifest["spec"]["serviceName"] = "db"
    await api.post(api.group("apps/v1", "statefulsets"), manifest)
    pods = await api.eventually(api.core("pods"), lambda found: found["items"])

    assert pods["items"][0]["metadata"]["name"] == "db-0"
    assert pods["items"][0]["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "db-0"


async def test_a_job_gets_its_pod(api: Api) -> None:
    """Labelled with the job's name and owned by it."""
    container = {"name": "work", "image": "example/work:1"}
    manifest = {
        "metadata": {"name": "once"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
    made = await api.post(api.group("batch/v1", "jobs"), manifest)
    pods = await api.eventually(api.core("pods"), lambda found: found["items"])

    assert (
        made.json["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"]
        == (made.json["metadata"]["uid"])
    )
    assert pods["items"][0]["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "once"
    assert pods["items"][0]["metadata"]["ownerReferences"][0]["kind"] == "Job"
