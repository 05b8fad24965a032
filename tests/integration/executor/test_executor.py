"""The executor between a real nats-server and a real kube-apiserver."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.executor.conftest import run_until
from tests.support.executor_zone import Zone
from tests.support.kubernetes_control_plane import ControlPlane

from fairlead.contracts.operations import CHUNK_BYTES
from fairlead.contracts.streams import CLAIMS


def effects(plane: ControlPlane, operation_id: str) -> list[str]:
    """Audit ids of the requests of an operation that took effect: answered with 2xx, and no read."""
    return [
        event["auditID"]
        for event in plane.audit_events(operation_id)
        if event["auditID"].startswith(f"{operation_id}.")
        and event["verb"] not in ("get", "list", "watch")
        and event["stage"] == "ResponseComplete"
        and event["responseStatus"]["code"] < 300
    ]


async def test_create(zone: Zone, config_map: Any, control_plane: ControlPlane, namespace: str) -> None:
    """A creation brings the object back without managedFields, with identity and version, and is audited once."""
    result = await zone.run(1, kind="create", manifest=config_map(rig="cutter"))

    assert result.told == ("SUCCEEDED", 201, "")
    assert result.body["data"] == {"rig": "cutter"}
    assert "managedFields" not in result.body["metadata"]
    report = result.report
    assert (report.namespace, report.name, report.resource.plural) == (namespace, "cargo", "configmaps")
    assert (report.uid, report.version) == (
        result.body["metadata"]["uid"],
        result.body["metadata"]["resourceVersion"],
    )
    assert effects(control_plane, zone.id(1)) == [f"{zone.id(1)}.1"]

    again = await zone.run(2, kind="create", manifest=config_map())
    assert again.told == ("FAILED", 409, "AlreadyExists")


async def test_generated_name(zone: Zone, config_map: Any) -> None:
    """The name that the server made comes back."""
    manifest = config_map()
    manifest["metadata"] = {"namespace": manifest["metadata"]["namespace"], "generateName": "cargo-"}

    result = await zone.run(1, kind="create", manifest=manifest)

    assert result.report.name.startswith("cargo-")
    assert result.report.name == result.body["metadata"]["name"]


async def test_apply(zone: Zone, config_map: Any) -> None:
    """An apply creates and changes; another manager's field is a conflict with the server's whole message, or forced."""
    first = await zone.run(1, kind="apply", manifest=config_map(rig="cutter"))
    assert first.told == ("SUCCEEDED", 201, "")
    assert (await zone.run(2, kind="apply", manifest=config_map(rig="ketch"))).body["data"] == {"rig": "ketch"}

    refused = await zone.run(3, kind="apply", manifest=config_map(rig="sloop"), fieldManager="other")
    assert refused.told == ("FAILED", 409, "Conflict")
    assert 'conflict with "fairlead"' in refused.report.message
    assert ".data.rig" in refused.report.message

    forced = await zone.run(4, kind="apply", manifest=config_map(rig="sloop"), fieldManager="other", force=True)
    assert forced.body["data"] == {"rig": "sloop"}


async def test_dry_run(zone: Zone, config_map: Any, control_plane: ControlPlane, namespace: str) -> None:
    """A dry run answers what would be and changes nothing, and needs no claim to run twice."""
    for attempt in (1, 2):
        assert await zone.send(1, {"kind": "create", "manifest": config_map(), "dryRun": True}, attempt=attempt)
        assert (await zone.ended(1, attempt)).told == ("SUCCEEDED", 201, "")

    names = [
        item["metadata"]["name"]
        for item in control_plane.request("GET", f"/api/v1/namespaces/{namespace}/configmaps")["items"]
    ]
    assert "cargo" not in names


async def test_replace(zone: Zone, config_map: Any) -> None:
    """Without a version it replaces what is live, as kubectl; with an old one it is a conflict; a missing one is 404."""
    missing = await zone.run(1, kind="replace", manifest=config_map())
    assert missing.told == ("FAILED", 404, "NotFound")

    first = await zone.run(2, kind="create", manifest=config_map(rig="cutter"))
    second = await zone.run(3, kind="replace", manifest=config_map(rig="ketch"))
    assert second.body["data"] == {"rig": "ketch"}

    version = first.report.version
    stale = await zone.run(4, kind="replace", manifest=config_map(rig="sloop"), resourceVersion=version)
    assert stale.told == ("FAILED", 409, "Conflict")


async def test_patch(zone: Zone, config_map: Any, namespace: str) -> None:
    """The three formats, each with its preconditions."""
    uid = (await zone.run(1, kind="create", manifest=config_map(rig="cutter"))).report.uid
    target = {"apiVersion": "v1", "kind": "ConfigMap", "namespace": namespace, "name": "cargo"}
    strategic = {"metadata": {"labels": {"deck": "main"}}}
    merge = {"data": {"rig": None, "crew": "4"}}
    steps = [{"op": "replace", "path": "/data/crew", "value": "5"}]

    one = await zone.run(2, kind="patch", target=target, patch=strategic)
    assert one.body["metadata"]["labels"] == {"deck": "main"}
    two = await zone.run(
        3, kind="patch", target=target, patch=merge, patchType="merge", resourceVersion=one.report.version
    )
    assert two.body["data"] == {"crew": "4"}
    three = await zone.run(4, kind="patch", target=target, patch=steps, patchType="json", uid=uid)
    assert three.body["data"] == {"crew": "5"}

    stale = {"resourceVersion": one.report.version}
    assert (await zone.run(5, kind="patch", target=target, patch=merge, patchType="merge", **stale)).told == (
        "FAILED",
        409,
        "Conflict",
    )
    refused = await zone.run(6, kind="patch", target=target, patch=steps, patchType="json", **stale)
    assert refused.state == "FAILED"
    assert refused.report.code == 422


async def test_scale(zone: Zone, namespace: str) -> None:
    """Replicas are set through the subresource, under a version that must still be right."""
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "example.test/web"}]}}
    manifest = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace},
        "spec": {"replicas": 0, "paused": True, "selector": {"matchLabels": labels}, "template": pod},
    }  # fmt: skip
    await zone.run(1, kind="apply", manifest=manifest)
    target = {"kind": "deployment", "namespace": namespace, "name": "web"}

    scaled = await zone.run(2, kind="scale", target=target, replicas=2)
    assert scaled.told == ("SUCCEEDED", 200, "")
    assert scaled.body["spec"] == {"replicas": 2}
    read = await zone.run(3, kind="get", target={**target, "kind": "Deployment.apps"})
    assert read.body["spec"]["replicas"] == 2

    stale = await zone.run(4, kind="scale", target=target, replicas=3, resourceVersion="1")
    assert stale.told == ("FAILED", 409, "Conflict")
    other = await zone.run(5, kind="scale", target=target, replicas=3, uid="00000000-0000-0000-0000-000000000000")
    assert other.state == "FAILED"


async def test_delete_waits_until_gone(
    zone: Zone, config_map: Any, control_plane: ControlPlane, namespace: str
) -> None:
    """A deletion answers when the finalizer let go, not before."""
    manifest = config_map()
    manifest["metadata"]["finalizers"] = ["example.test/anchor"]
    created = await zone.run(1, kind="create", manifest=manifest)
    target = {"kind": "configmaps", "namespace": namespace, "name": "cargo"}

    assert await zone.send(2, {"kind": "delete", "target": target})
    await zone.claimed(2)
    assert len(zone.reports[zone.id(2)]) == 1
    patch = json.dumps([{"op": "remove", "path": "/metadata/finalizers"}])
    control_plane.kubectl("-n", namespace, "patch", "configmap", "cargo", "--type=json", "-p", patch)

    result = await zone.ended(2)
    assert result.told == ("SUCCEEDED", 200, "")
    assert result.report.uid == created.report.uid
    gone = await zone.run(3, kind="delete", target=target)
    assert gone.told == ("FAILED", 404, "NotFound")


async def test_delete_that_does_not_end(
    zone: Zone, config_map: Any, namespace: str, control_plane: ControlPlane
) -> None:
    """When the time is over the report names the finalizers; a grace period above zero is not waited for."""
    manifest = config_map()
    manifest["metadata"]["finalizers"] = ["example.test/anchor"]
    await zone.run(1, kind="create", manifest=manifest)
    target = {"kind": "ConfigMap", "namespace": namespace, "name": "cargo"}

    result = await zone.run(2, kind="delete", target=target, timeoutSeconds=1)
    assert result.told == ("FAILED", 504, "StillTerminating")
    assert "example.test/anchor" in result.report.message
    quick = await zone.run(3, kind="delete", target=target, gracePeriodSeconds=5)
    assert quick.told == ("SUCCEEDED", 200, "")

    wrong = await zone.run(4, kind="delete", target=target, uid="00000000-0000-0000-0000-000000000000")
    assert wrong.told == ("FAILED", 409, "Conflict")
    patch = json.dumps([{"op": "remove", "path": "/metadata/finalizers"}])
    control_plane.kubectl("-n", namespace, "patch", "configmap", "cargo", "--type=json", "-p", patch)


async def test_list_in_pages_and_chunks(zone: Zone, config_map: Any, namespace: str) -> None:
    """A large list comes whole, in chunks; labels, fields and limit narrow it."""
    for number in range(1, 5):
        manifest = config_map(f"cargo-{number}", load="x" * (CHUNK_BYTES // 2))
        manifest["metadata"]["labels"] = {"half": str(number % 2)}
        assert (await zone.run(number, kind="create", manifest=manifest)).state == "SUCCEEDED"
    target = {"kind": "configmaps", "namespace": namespace}

    result = await zone.run(10, kind="list", target=target, labelSelector="half")
    assert [item["metadata"]["name"] for item in result.body["items"]] == [f"cargo-{number}" for number in range(1, 5)]
    assert {item["kind"] for item in result.body["items"]} == {"ConfigMap"}
    assert result.body["kind"] == "ConfigMapList"
    assert len([report for report in zone.reports[zone.id(10)] if report.body]) >= 3

    odd = await zone.run(11, kind="list", target=target, labelSelector="half=1")
    assert len(odd.body["items"]) == 2
    named = await zone.run(12, kind="list", target=target, fieldSelector="metadata.name=cargo-2")
    assert len(named.body["items"]) == 1
    few = await zone.run(13, kind="list", target=target, labelSelector="half", limit=3)
    assert len(few.body["items"]) == 3
    assert few.body["metadata"]["resourceVersion"]


async def test_missing_kind(zone: Zone, config_map: Any) -> None:
    """An unknown kind is 404 with what comes near; a kind that is made meanwhile is found."""
    result = await zone.run(1, kind="apply", manifest={**config_map(), "apiVersion": "v2"})
    assert result.told == ("FAILED", 404, "NoKindMatch")
    assert "v1 ConfigMap" in result.report.message


async def test_custom_resource(zone: Zone, control_plane: ControlPlane, namespace: str) -> None:
    """A kind defined while the executor runs is found; its objects cannot be patched strategically, says the server."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "buoys.harbour.example.test"},
        "spec": {
            "group": "harbour.example.test", "scope": "Namespaced",
            "names": {"plural": "buoys", "singular": "buoy", "kind": "Buoy"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }  # fmt: skip
    assert (await zone.run(1, kind="apply", manifest=definition)).state == "SUCCEEDED"
    control_plane.kubectl("wait", "--for=condition=Established", "crd/buoys.harbour.example.test")
    buoy = {
        "apiVersion": "harbour.example.test/v1", "kind": "Buoy", "metadata": {"name": "red", "namespace": namespace},
        "spec": {"lit": True},
    }  # fmt: skip
    # the server tells of a new kind a moment after it is established
    result = await run_until(zone, 2, lambda found: found.report.reason != "NoKindMatch", kind="apply", manifest=buoy)
    assert result.body["spec"] == {"lit": True}

    target = {"kind": "Buoy.harbour.example.test", "namespace": namespace, "name": "red"}
    refused = await zone.run(2000, kind="patch", target=target, patch={"spec": {"lit": False}})
    assert refused.told == ("FAILED", 415, "UnsupportedMediaType")
    crd = {"kind": "CustomResourceDefinition", "name": "buoys.harbour.example.test"}
    assert (await zone.run(2001, kind="delete", target=crd)).state == "SUCCEEDED"


async def test_a_resend_is_told_the_same(zone: Zone, config_map: Any, control_plane: ControlPlane) -> None:
    """The second attempt brings the kept result, without a body, and nothing happens twice."""
    request = {"kind": "create", "manifest": config_map()}
    first = await zone.run(1, **request)
    assert await zone.send(1, request, attempt=2)
    second = await zone.ended(1, 2)

    assert (second.told, second.report.uid, second.report.version) == (
        first.told,
        first.report.uid,
        first.report.version,
    )
    assert second.body is None
    assert "read it again" in second.report.message
    assert effects(control_plane, zone.id(1)) == [f"{zone.id(1)}.1"]

    assert await zone.send(1, {"kind": "create", "manifest": config_map("other")}, attempt=3)
    assert (await zone.ended(1, 3)).told == ("FAILED", 409, "Conflict")


async def test_a_lost_bucket(zone: Zone, config_map: Any, control_plane: ControlPlane, namespace: str) -> None:
    """After the bucket was lost a resend of a write is unknown, one of a fenced write runs, a first attempt runs."""
    request = {"kind": "create", "manifest": config_map(rig="cutter")}
    before = await zone.incarnation()
    created = await zone.run(1, **request)
    await zone.bus.jetstream.delete_key_value(CLAIMS.name)

    assert await zone.send(1, request, attempt=2, incarnation=before)
    lost = await zone.ended(1, 2)
    assert lost.told == ("UNKNOWN", 0, "OutcomeUnknown")
    assert f"check v1 ConfigMap {namespace}/cargo" in lost.report.message
    assert await zone.send(1, request, attempt=3, incarnation=before)
    assert (await zone.ended(1, 3)).told == ("UNKNOWN", 0, "OutcomeUnknown")
    assert effects(control_plane, zone.id(1)) == [f"{zone.id(1)}.1"]
    assert await zone.incarnation() not in ("", before)

    target = {"kind": "ConfigMap", "namespace": namespace, "name": "cargo"}
    fenced = {"kind": "delete", "target": target, "uid": created.report.uid}
    assert await zone.send(2, fenced, attempt=2, incarnation=before)
    assert (await zone.ended(2, 2)).told == ("SUCCEEDED", 200, "")
    assert await zone.send(3, request, attempt=1, incarnation=before)
    assert (await zone.ended(3)).told == ("SUCCEEDED", 201, "")


async def test_refusals_and_bad_input(zone: Zone, config_map: Any, namespace: str) -> None:
    """What is no operation is a failure that says what is wrong, and needs no cluster."""
    outside = {"kind": "ConfigMap", "namespace": namespace, "name": "../secrets"}
    assert (await zone.run(1, kind="get", target=outside)).told == ("FAILED", 400, "BadRequest")
    assert (await zone.run(2, kind="create", manifest=["no object"])).told == ("FAILED", 400, "BadRequest")
    assert (await zone.run(3, kind="fly")).told == ("FAILED", 400, "BadRequest")
    invalid = await zone.run(4, kind="create", manifest=config_map("Not A Name"))
    assert invalid.told == ("FAILED", 422, "Invalid")
    target = {"kind": "ConfigMap", "namespace": namespace, "name": "missing"}
    assert (await zone.run(5, kind="get", target=target)).told == ("FAILED", 404, "NotFound")


async def test_cancellation(zone: Zone, config_map: Any, control_plane: ControlPlane) -> None:
    """What waits for an API server that is away can be canceled, and then had no effect."""
    await zone.run(1, kind="create", manifest=config_map("first"))
    control_plane.stop_api()
    assert await zone.send(2, {"kind": "create", "manifest": config_map()})
    await zone.cancel(2)
    ended = await zone.ended(2)
    assert ended.state == "FAILED"
    assert ended.report.reason in ("Canceled", "Unreachable")
    control_plane.start_api()
    assert effects(control_plane, zone.id(2)) == []
