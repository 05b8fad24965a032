"""Rollouts, Jobs, events and deletions on a real API server with its controllers; no node, so no pod ever runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.executor.conftest import configured, run_until
from tests.support.executor_zone import Result, Zone
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.services import eventually, ready, running

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.executor.core.merging.applied import LAST_APPLIED
from fairlead.executor.service import build
from fairlead.executor.settings import Settings
from fairlead.runtime.bus import connect
from fairlead.runtime.sections import NatsSettings

JsonObject = dict[str, Any]


def workload(kind: str, namespace: str, image: str, **spec: Any) -> JsonObject:
    """A Deployment, StatefulSet or DaemonSet; none gets far without nodes."""
    labels = {"app": kind.lower()}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": f"example.test/{image}"}]}}
    if kind == "StatefulSet":
        spec["serviceName"] = "none"
    return {
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": pod, **spec},
    }  # fmt: skip


async def revisions(zone: Zone, number: int, target: JsonObject, count: int) -> Result:
    """Wait until the controllers have made so many revisions."""
    return await run_until(zone, number, lambda found: len(found.body["items"]) == count, kind="history", target=target)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
async def test_history_and_undo(zone: Zone, namespace: str, control_plane: ControlPlane, kind: str) -> None:
    """Each workload goes back to the revision that was asked for; kubectl sees the same history."""
    target = {"kind": kind, "namespace": namespace, "name": "web"}
    for number, image in enumerate(("one", "two"), start=1):
        assert (await zone.run(number, kind="apply", manifest=workload(kind, namespace, image))).state == "SUCCEEDED"
        known = await revisions(zone, number * 1000, target, number)
    assert [each["revision"] for each in known.body["items"]] == [1, 2]
    printed = control_plane.kubectl("-n", namespace, "rollout", "history", f"{kind.lower()}/web")
    assert [line.split()[0] for line in printed.splitlines() if line[:1].isdigit()] == ["1", "2"]
    whole = await zone.run(5000, kind="history", target=target, revision=1)
    assert whole.body["items"][0]["template"]["spec"]["containers"][0]["image"] == "example.test/one"

    undone = await zone.run(5001, kind="undo", target=target)
    assert undone.told == ("SUCCEEDED", 200, "")
    assert undone.body["spec"]["template"]["spec"]["containers"][0]["image"] == "example.test/one"
    assert "pod-template-hash" not in undone.body["spec"]["template"]["metadata"]["labels"]
    again = await zone.run(5002, kind="undo", target=target, revision=77)
    assert again.told == ("FAILED", 404, "NoSuchRevision")


async def test_undo_where_there_is_nothing_to_undo(zone: Zone, namespace: str) -> None:
    """Without an earlier revision it is refused; at the revision it is skipped; a kind without rollouts is told of."""
    target = {"kind": "Deployment", "namespace": namespace, "name": "web"}
    await zone.run(1, kind="apply", manifest=workload("Deployment", namespace, "one"))
    await revisions(zone, 1000, target, 1)

    assert (await zone.run(2, kind="undo", target=target)).told == ("FAILED", 404, "NoHistory")
    skipped = await zone.run(3, kind="undo", target=target, revision=1)
    assert (skipped.told, "skipped rollback" in skipped.report.message) == (("SUCCEEDED", 200, ""), True)
    other = await zone.run(4, kind="undo", target={"kind": "ConfigMap", "namespace": namespace, "name": "x"})
    assert other.told == ("FAILED", 400, "NotSupported")
    gone = await zone.run(5, kind="undo", target={**target, "name": "nobody"})
    assert gone.told == ("FAILED", 404, "NotFound")


async def test_pause_resume_and_restart(zone: Zone, namespace: str) -> None:
    """Each changes the workload once; what it is already is refused, as by kubectl."""
    target = {"kind": "deploy", "namespace": namespace, "name": "web"}
    await zone.run(1, kind="apply", manifest=workload("Deployment", namespace, "one", replicas=0))

    assert (await zone.run(2, kind="resume", target=target)).told == ("FAILED", 409, "NotPaused")
    assert (await zone.run(3, kind="pause", target=target)).body["spec"]["paused"] is True
    assert (await zone.run(4, kind="pause", target=target)).told == ("FAILED", 409, "AlreadyPaused")
    assert (await zone.run(5, kind="restart", target=target)).told == ("FAILED", 409, "Paused")
    assert "paused" not in (await zone.run(6, kind="resume", target=target)).body["spec"]
    restarted = await zone.run(7, kind="restart", target=target)
    annotations = restarted.body["spec"]["template"]["metadata"]["annotations"]
    assert list(annotations) == ["kubectl.kubernetes.io/restartedAt"]


async def test_rollout_status(zone: Zone, namespace: str) -> None:
    """Without pods to wait for it ends; with pods that cannot run it does not, and says how far it came."""
    target = {"kind": "Deployment", "namespace": namespace, "name": "web"}
    await zone.run(1, kind="apply", manifest=workload("Deployment", namespace, "one", replicas=0))
    done = await zone.run(2, kind="rolloutStatus", target=target, wait=True)
    assert (done.told, done.body["done"]) == (("SUCCEEDED", 200, ""), True)

    await zone.run(3, kind="scale", target=target, replicas=2)
    late = await zone.run(4, kind="rolloutStatus", target=target, wait=True, timeoutSeconds=2)
    assert late.told == ("FAILED", 504, "StillRolling")


def job(namespace: str, name: str = "tar", **spec: Any) -> JsonObject:
    """A Job whose pod finds no node."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.test/tar"}]}
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"spec": pod}, **spec},
    }  # fmt: skip


async def test_jobs(zone: Zone, namespace: str, control_plane: ControlPlane) -> None:
    """A Job is created, followed to its failure, and replaced by another of its name; its pod's log is asked for."""
    created = await zone.run(1, kind="runJob", manifest=job(namespace))
    assert created.told == ("SUCCEEDED", 201, "")
    assert (await zone.run(2, kind="runJob", manifest=job(namespace))).told == ("FAILED", 409, "AlreadyExists")

    late = await zone.run(3, kind="runJob", manifest=job(namespace), recreate=True, wait=True, timeoutSeconds=2)
    assert late.told == ("FAILED", 504, "StillRunning")
    failed = await zone.run(
        4, kind="runJob", manifest=job(namespace, activeDeadlineSeconds=1), recreate=True, wait=True
    )
    assert failed.told == ("FAILED", 0, "JobFailed")
    assert "DeadlineExceeded" in failed.report.message
    assert failed.body["metadata"]["uid"] not in (created.report.uid, late.report.uid)

    target = {"kind": "job", "namespace": namespace, "name": "slow"}
    await zone.run(5, kind="runJob", manifest=job(namespace, "slow"))
    path = f"/api/v1/namespaces/{namespace}/pods?labelSelector=job-name%3Dslow"
    await eventually(lambda: bool(control_plane.request("GET", path)["items"]))
    logs = await zone.run(6, kind="logs", target=target)
    assert logs.told == ("SUCCEEDED", 204, "")  # a pod without a node has nothing to say yet
    assert logs.body["log"] == ""
    assert logs.body["pod"].startswith("slow-")


async def test_logs_name_their_container(zone: Zone, namespace: str) -> None:
    """A pod with several wants one named, in the API server's own words; a container it lacks is told of."""
    containers = [{"name": name, "image": "example.test/x"} for name in ("a", "b")]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": namespace},
        "spec": {"containers": containers},
    }
    assert (await zone.run(1, kind="create", manifest=pod)).state == "SUCCEEDED"
    target = {"kind": "Pod", "namespace": namespace, "name": "p"}

    unnamed = await zone.run(2, kind="logs", target=target)
    assert (unnamed.state, unnamed.report.code) == ("FAILED", 400)
    assert "a container name must be specified for pod p, choose one of: [a b]" in unnamed.report.message
    wrong = await zone.run(3, kind="logs", target=target, container="c")
    assert (wrong.state, wrong.report.code) == ("FAILED", 400)
    missing = await zone.run(4, kind="logs", target={**target, "name": "nobody"})
    assert missing.told == ("FAILED", 404, "NotFound")


async def test_events(zone: Zone, namespace: str, control_plane: ControlPlane) -> None:
    """Those about the object, and no others."""
    for name in ("web", "other"):
        manifest = workload("Deployment", namespace, "one", replicas=1)
        manifest["metadata"]["name"] = name
        await zone.run(len(name), kind="apply", manifest=manifest)
    path = f"/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name%3Dweb"
    await eventually(lambda: bool(control_plane.request("GET", path)["items"]))

    events = await zone.run(10, kind="events", target={"kind": "deployment", "namespace": namespace, "name": "web"})
    assert {each["involvedObject"]["name"] for each in events.body["items"]} == {"web"}
    assert events.body["items"][0]["reason"] == "ScalingReplicaSet"


async def test_metrics_need_a_metrics_server(zone: Zone, namespace: str) -> None:
    """Which this cluster has not."""
    metrics = await zone.run(1, kind="podMetrics", target={"kind": "Pod", "namespace": namespace})

    assert metrics.told == ("FAILED", 404, "MetricsUnavailable")


async def test_deletion_by_labels(zone: Zone, config_map: Callable[..., JsonObject], namespace: str) -> None:
    """All that match go, the rest stays; nothing to delete is a success where that was asked for."""
    for number, name in enumerate(("a", "b", "c"), start=1):
        manifest = config_map(name)
        manifest["metadata"]["labels"] = {"cargo": "salt" if name != "c" else "tar"}
        await zone.run(number, kind="create", manifest=manifest)
    target = {"kind": "configmaps", "namespace": namespace}

    deleted = await zone.run(10, kind="delete", target=target, labelSelector="cargo=salt", propagation="foreground")
    assert deleted.told == ("SUCCEEDED", 200, "")
    assert [each["name"] for each in deleted.body["deleted"]] == ["a", "b"]
    left = await zone.run(11, kind="list", target=target, labelSelector="cargo")
    assert [each["metadata"]["name"] for each in left.body["items"]] == ["c"]

    none = await zone.run(12, kind="delete", target={**target, "name": "a"}, ignoreNotFound=True)
    assert none.told == ("SUCCEEDED", 404, "NotFound")
    again = await zone.run(13, kind="delete", target=target, labelSelector="cargo=salt")
    assert (again.state, again.body) == ("SUCCEEDED", {"deleted": []})
    broken = await zone.run(14, kind="delete", target=target, labelSelector="cargo in (")
    assert (broken.state, broken.report.code) == ("FAILED", 400)


async def test_client_side_fields_are_taken_over(zone: Zone, namespace: str, control_plane: ControlPlane) -> None:
    """What kubectl applied client-side and the manifest drops is gone after a server-side apply."""
    manifest = workload("Deployment", namespace, "one", replicas=0)
    containers = manifest["spec"]["template"]["spec"]["containers"]
    containers[0]["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    containers.append({"name": "sidecar", "image": "example.test/sidecar"})
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    del containers[1], containers[0]["env"][0]

    applied = await zone.run(1, kind="apply", manifest=manifest, serverSide=True)

    assert applied.told == ("SUCCEEDED", 200, "")
    (left,) = applied.body["spec"]["template"]["spec"]["containers"]
    assert left["env"] == [{"name": "B", "value": "2"}]
    live = control_plane.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/web")
    owners = {(each["manager"], each["operation"]) for each in live["metadata"]["managedFields"]}
    assert ("fairlead", "Apply") in owners
    assert "kubectl-client-side-apply" not in {manager for manager, _ in owners}
    again = await zone.run(2, kind="apply", manifest=manifest, serverSide=True)
    assert again.body["metadata"]["generation"] == live["metadata"]["generation"]


async def test_annotations_choose_and_clear(zone: Zone, namespace: str, control_plane: ControlPlane) -> None:
    """Armory's annotations: server-side, and as the only owner; what others had set is gone then."""
    manifest = workload("Deployment", namespace, "one", replicas=0)
    await zone.run(1, kind="apply", manifest=manifest)
    control_plane.kubectl("-n", namespace, "patch", "deployment/web", "-p", '{"spec": {"minReadySeconds": 5}}')
    manifest["metadata"]["annotations"] = {"agent-k8s.armory.io/serverside-apply": "enabled"}
    kept = await zone.run(2, kind="apply", manifest=manifest)
    assert kept.body["spec"]["minReadySeconds"] == 5
    assert "kubectl.kubernetes.io/last-applied-configuration" not in kept.body["metadata"]["annotations"]

    manifest["metadata"]["annotations"]["agent-k8s.armory.io/ssa-clear-managed-fields"] = "true"
    cleared = await zone.run(3, kind="apply", manifest=manifest)
    assert "minReadySeconds" not in cleared.body["spec"]


async def test_an_annotation_that_grows_too_large(zone: Zone, config_map: Callable[..., JsonObject]) -> None:
    """Client-side apply cannot remember it, and says so; server-side apply, which ConfigMaps have, can do without."""
    manifest = config_map(load="x" * 300_000)

    refused = await zone.run(1, kind="apply", manifest=manifest, serverSide=False)
    assert refused.told == ("FAILED", 400, "BadRequest")
    assert "must have at most 262144 bytes" in refused.report.message
    assert (await zone.run(2, kind="apply", manifest=manifest)).told == ("SUCCEEDED", 201, "")


async def test_unknown_fields_are_refused(zone: Zone, config_map: Callable[..., JsonObject]) -> None:
    """As kubectl has it; a caller may want it otherwise."""
    manifest = {**config_map(), "colour": "red"}

    strict = await zone.run(1, kind="create", manifest=manifest)
    assert strict.told == ("FAILED", 400, "BadRequest")
    assert 'unknown field "colour"' in strict.report.message
    assert (await zone.run(2, kind="create", manifest=manifest, fieldValidation="Ignore")).told == (
        "SUCCEEDED",
        201,
        "",
    )


async def test_malformed_patches(zone: Zone, config_map: Callable[..., JsonObject], namespace: str) -> None:
    """Each comes back with the API server's own code."""
    await zone.run(1, kind="create", manifest=config_map())
    target = {"kind": "ConfigMap", "namespace": namespace, "name": "cargo"}
    for number, (patch, patch_type, code) in enumerate(
        (
            ({"a": 1}, "json", 400),
            ([{"op": "jump", "path": "/data"}], "json", 422),
            ([{"op": "remove", "path": "/data/none"}], "json", 422),
            ([1], "merge", 400),
            ({"metadata": {"labels": 5}}, "strategic", 422),
        ),
        start=2,
    ):
        refused = await zone.run(number, kind="patch", target=target, patch=patch, patchType=patch_type)
        assert (refused.state, refused.report.code) == ("FAILED", code), (patch, refused.report)


async def test_settings_choose_the_side(nats_server: NatsServer, control_plane: ControlPlane, namespace: str) -> None:
    """Of one kind always, whatever annotations say; what they rule out cannot be asked for."""
    settings = configured(nats_server.url, control_plane)
    apply = {"kinds": [{"kind": "Deployment.apps", "enabled": "always"}, {"kind": "ConfigMap", "enabled": "never"}]}
    settings = Settings.model_validate(
        {
            **settings.model_dump(by_alias=True),
            "kubernetes": {"serverSideApply": apply, "accounts": settings.kubernetes.accounts},
        }
    )
    async with (
        connect(NatsSettings(url=nats_server.url), "test") as bus,
        running(build(settings)) as scopes,
    ):
        zone = Zone(bus)
        await zone.open()
        await eventually(lambda: ready(scopes))
        deployed = await zone.run(1, kind="apply", manifest=workload("Deployment", namespace, "one", replicas=0))
        assert LAST_APPLIED not in (deployed.body["metadata"].get("annotations") or {})
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cargo", "namespace": namespace}}
        assert LAST_APPLIED in (await zone.run(2, kind="apply", manifest=manifest)).body["metadata"]["annotations"]
        refused = await zone.run(3, kind="apply", manifest=manifest, serverSide=True)
        assert refused.told == ("FAILED", 400, "BadRequest")
