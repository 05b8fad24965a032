"""Clouddriver's operations, as they are posted to ``/kubernetes/ops``, done with the kubectl processes it starts for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.support import clouddriver_manifests as manifests
from tests.support.clouddriver import Clouddriver, Manifest

_PRIORITY = {"namespace": 0, "configMap": 1, "secret": 1, "service": 2}
_LAST = 9


def perform(clouddriver: Clouddriver, request: list[Mapping[str, Any]]) -> list[Manifest]:
    """Do what one request asks for; the objects it deployed, as kubectl printed them."""
    deployed: list[Manifest] = []
    for operation in request:
        for name, description in operation.items():
            deployed += _OPERATIONS[name](clouddriver, description) or []
    return deployed


def deploy(clouddriver: Clouddriver, asked: Mapping[str, Any]) -> list[Manifest]:
    """Deploy manifests, those first that others need."""
    own = [manifests.own_copy(each, asked.get("namespaceOverride", "")) for each in asked["manifests"]]
    artifacts: dict[str, str] = {}
    done = []
    for manifest in sorted(own, key=lambda each: _PRIORITY.get(manifests.kind_of(each), _LAST)):
        manifests.bind(manifest, artifacts)
        name = manifest["metadata"].get("name")
        _prepare(clouddriver, manifest, asked)
        artifacts[f"{manifests.kind_of(manifest)} {name}"] = manifest["metadata"].get("name", "")
        printed = _send(clouddriver, manifest, asked)
        if printed is not None:
            done.append(printed)
    return done


def _prepare(clouddriver: Clouddriver, manifest: Manifest, asked: Mapping[str, Any]) -> None:
    """Ask the cluster for what a manifest needs to know, in Clouddriver's order, and write it in."""
    kind, metadata = manifests.kind_of(manifest), manifest["metadata"]
    version = ""
    if manifests.is_versioned(manifest):
        version = manifests.version_for(manifest, clouddriver.list_kinds([kind], metadata["namespace"]))
    if manifests.strategy(manifest, "use-source-capacity") == "true":
        manifests.take_capacity(clouddriver, manifest)
    services = []
    for service in asked.get("services", []):
        found = clouddriver.get(*_words(service), metadata["namespace"])
        assert found is not None, service
        services.append(found)
    manifests.annotate(manifest, asked.get("moniker", {}).get("app", asked.get("application", "")), version)
    if services:
        manifests.send_traffic(manifest, services)
    if version:
        metadata["name"] = f"{metadata.get('name', 'null')}-{version}"  # without a name Clouddriver writes null


def _send(clouddriver: Clouddriver, manifest: Manifest, asked: Mapping[str, Any]) -> Manifest | None:
    metadata = manifest["metadata"]
    selector = _selector(asked)
    side = manifests.strategy(manifest, "server-side-apply")
    if "name" not in metadata:
        return clouddriver.create(manifest)
    if manifests.strategy(manifest, "replace") == "true":
        return clouddriver.replace_or_create(manifest)
    if side in ("true", "force-conflicts"):
        force = ["--force-conflicts=true"] if side == "force-conflicts" else []
        return clouddriver.apply(manifest, "--server-side=true", *force, selector=selector)
    if manifests.strategy(manifest, "recreate") == "true":
        clouddriver.delete(manifests.kind_of(manifest), metadata["namespace"], name=metadata["name"])
    return clouddriver.apply(manifest, selector=selector)


def _words(kind_and_name: str) -> tuple[str, str]:
    kind, _, name = kind_and_name.partition(" ")
    return kind, name


def _selector(asked: Mapping[str, Any]) -> str:
    selectors = asked.get("labelSelectors", {}).get("selectors", [])
    return ",".join(f"{each['key']} = {each['values'][0]}" for each in selectors)


def run_job(clouddriver: Clouddriver, asked: Mapping[str, Any]) -> list[Manifest]:
    """Run a Job: one that has a name is made anew."""
    manifest = manifests.own_copy(asked["manifest"], "")
    manifests.notes_of(manifest)["strategy.spinnaker.io/recreate"] = "true"
    return deploy(clouddriver, {**asked, "manifests": [manifest]})


def delete(clouddriver: Clouddriver, asked: Mapping[str, Any]) -> None:
    """Delete one object, or those of some kinds that a selector takes."""
    options = asked["options"]
    if options.get("cascading") is True or options.get("orphanDependents") is False:
        cascade = "background"
    else:
        cascade = "orphan" if options.get("orphanDependents") else ""
    how: dict[str, Any] = {"cascade": cascade, "grace_s": options.get("gracePeriodSeconds")}
    if "manifestName" in asked:
        kind, name = _words(asked["manifestName"])
        clouddriver.delete(kind, asked["location"], name=name, **how)
        return
    for kind in asked["kinds"]:
        clouddriver.delete(kind, asked["location"], selector=_selector(asked), **how)


def patch(clouddriver: Clouddriver, asked: Mapping[str, Any]) -> None:
    """Patch an object."""
    options = asked["options"]
    kind, name = _words(asked["manifestName"])
    how = {"strategy": options["mergeStrategy"], "record": options["record"]}
    clouddriver.patch(kind, name, asked["location"], asked["patchBody"], **how)


def scale(clouddriver: Clouddriver, asked: Mapping[str, Any]) -> None:
    """Scale an object."""
    clouddriver.scale(*_words(asked["manifestName"]), asked["location"], asked["replicas"])


def undo(clouddriver: Clouddriver, asked: Mapping[str, Any]) -> None:
    """Go back to a revision, or so many revisions."""
    kind, name = _words(asked["manifestName"])
    revision = asked.get("revision")
    if revision is None:
        newest_first: list[int] = sorted(clouddriver.history(kind, name, asked["location"]), reverse=True)
        revision = newest_first[asked["numRevisionsBack"]]
    clouddriver.rollout("undo", kind, name, asked["location"], f"--to-revision={revision}")


def rollout(verb: str) -> Callable[[Clouddriver, Mapping[str, Any]], None]:
    """Pause, resume or restart."""

    def perform_rollout(clouddriver: Clouddriver, asked: Mapping[str, Any]) -> None:
        clouddriver.rollout(verb, *_words(asked["manifestName"]), asked["location"])

    return perform_rollout


def traffic(change: str) -> Callable[[Clouddriver, Mapping[str, Any]], None]:
    """Add the labels that services select to a workload and its pods, or remove them."""

    def perform_traffic(clouddriver: Clouddriver, asked: Mapping[str, Any]) -> None:
        kind, name = _words(asked["manifestName"])
        namespace = asked["location"]
        target = clouddriver.get(kind, name, namespace)
        assert target is not None, asked
        for named in json.loads(manifests.notes_of(target)[manifests.LOAD_BALANCERS]):
            service = clouddriver.get(*_words(named), namespace)
            assert service is not None, named
            _relabel(clouddriver, target, kind, change, service["spec"]["selector"])

    return perform_traffic


def _relabel(clouddriver: Clouddriver, target: Manifest, kind: str, change: str, labels: Mapping[str, str]) -> None:
    """Patch the template of a workload, then each of its pods."""
    name, namespace = target["metadata"]["name"], target["metadata"]["namespace"]
    clouddriver.patch(
        kind, name, namespace, _label_patch(change, "/spec/template/metadata/labels", labels), strategy="json"
    )
    chosen = ",".join(f"{key} = {value}" for key, value in target["spec"]["selector"]["matchLabels"].items())
    for pod in clouddriver.list_kinds(["pod"], namespace, chosen):
        if any(owner["uid"] == target["metadata"]["uid"] for owner in pod["metadata"].get("ownerReferences", [])):
            body = _label_patch(change, "/metadata/labels", labels)
            clouddriver.patch("pod", pod["metadata"]["name"], namespace, body, strategy="json")


def _label_patch(change: str, path: str, labels: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"op": change, "path": f"{path}/{key}", **({"value": value} if change == "add" else {})}
        for key, value in labels.items()
    ]


def clean_up(clouddriver: Clouddriver, asked: Mapping[str, Any]) -> None:
    """Delete the versions of an artifact past those that shall stay."""
    for manifest in asked["manifests"]:
        noted, kind = manifests.notes_of(manifest), manifests.kind_of(manifest)
        kept = int(manifests.strategy(manifest, "max-version-history"))
        namespace = manifest["metadata"]["namespace"]
        versions = sorted(
            each["metadata"]["name"]
            for each in clouddriver.list_kinds([kind], namespace)
            if each["metadata"].get("annotations", {}).get("artifact.spinnaker.io/name")
            == noted["artifact.spinnaker.io/name"]
        )
        for name in versions[:-kept]:
            clouddriver.delete(kind, namespace, name=name)


_OPERATIONS: Mapping[str, Callable[[Clouddriver, Mapping[str, Any]], list[Manifest] | None]] = {
    "deployManifest": deploy,
    "runJob": run_job,
    "deleteManifest": delete,
    "patchManifest": patch,
    "scaleManifest": scale,
    "undoRolloutManifest": undo,
    "pauseRolloutManifest": rollout("pause"),
    "resumeRolloutManifest": rollout("resume"),
    "rollingRestartManifest": rollout("restart"),
    "enableManifest": traffic("add"),
    "disableManifest": traffic("remove"),
    "cleanupArtifacts": clean_up,
}
