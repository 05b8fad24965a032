"""What Clouddriver makes of a manifest before it deploys it: annotations, versions, artifacts, traffic, capacity."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence

from tests.support.clouddriver import Clouddriver, Manifest

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
LOAD_BALANCERS = "traffic.spinnaker.io/load-balancers"
_VERSIONED = frozenset({"configMap", "secret", "replicaSet", "pod"})
_TEMPLATED = frozenset({"deployment", "replicaSet", "statefulSet", "daemonSet", "job"})


def kind_of(manifest: Manifest) -> str:
    """The kind as Clouddriver spells built-in ones: its first letter small."""
    kind: str = manifest["kind"]
    return kind[:1].lower() + kind[1:]


def strategy(manifest: Manifest, name: str) -> str:
    """An annotation that says how to deploy."""
    value = notes_of(manifest).get(f"strategy.spinnaker.io/{name}", "")
    return str(value)


def notes_of(manifest: Manifest) -> dict[str, str]:
    """Its annotations, made when there are none."""
    found: dict[str, str] = manifest["metadata"].setdefault("annotations", {})
    return found


def is_versioned(manifest: Manifest) -> bool:
    """Whether each deploy makes an object of its own."""
    return kind_of(manifest) in _VERSIONED and strategy(manifest, "versioned") != "false"


def version_for(manifest: Manifest, existing: Sequence[Manifest]) -> str:
    """The version of a manifest among those that a list of its kind shows: an equal one's, else the next."""
    name, found = manifest["metadata"].get("name"), -1
    for each in existing:
        noted = each["metadata"].get("annotations", {})
        if noted.get("artifact.spinnaker.io/name") != name or not noted.get("artifact.spinnaker.io/version"):
            continue
        version = noted["artifact.spinnaker.io/version"]
        if _same(manifest, json.loads(noted.get(LAST_APPLIED, "{}"))):
            return str(version)
        found = max(found, int(version.removeprefix("v")))
    return f"v{found + 1:03}"


def _same(manifest: Manifest, applied: Manifest) -> bool:
    ignored = ("metadata", "apiVersion", "kind")
    return {key: value for key, value in manifest.items() if key not in ignored} == {
        key: value for key, value in applied.items() if key not in ignored
    }


def annotate(manifest: Manifest, application: str, version: str) -> None:
    """Say whose it is and which version, on the object and on the pods of its template."""
    metadata = manifest["metadata"]
    noted = {
        "artifact.spinnaker.io/location": metadata.get("namespace", ""),
        "artifact.spinnaker.io/type": f"kubernetes/{kind_of(manifest)}",
        "artifact.spinnaker.io/version": version,
        "moniker.spinnaker.io/application": application,
        "moniker.spinnaker.io/cluster": f"{kind_of(manifest)} {metadata.get('name')}",
    }
    if "name" in metadata:
        noted["artifact.spinnaker.io/name"] = metadata["name"]
    labels = {"app.kubernetes.io/managed-by": "spinnaker", "app.kubernetes.io/name": application}
    places = [metadata]
    if kind_of(manifest) in _TEMPLATED and "template" in manifest["spec"]:
        places.append(manifest["spec"]["template"].setdefault("metadata", {}))
    for place in places:
        place.setdefault("annotations", {}).update(noted)
        place.setdefault("labels", {}).update(labels)


def bind(manifest: Manifest, artifacts: dict[str, str]) -> None:
    """Name versioned ConfigMaps where a manifest names them without their version."""
    for container in manifest.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        for source in container.get("envFrom", []):
            reference = source.get("configMapRef")
            if reference is not None:
                reference["name"] = artifacts.get(f"configMap {reference['name']}", reference["name"])


def send_traffic(manifest: Manifest, services: Sequence[Manifest]) -> None:
    """Label a workload's pods as services select them."""
    notes_of(manifest)[LOAD_BALANCERS] = json.dumps([f"service {each['metadata']['name']}" for each in services])
    for service in services:
        manifest["spec"]["template"]["metadata"]["labels"].update(service["spec"]["selector"])


def take_capacity(clouddriver: Clouddriver, manifest: Manifest) -> None:
    """Keep the replicas that the cluster has: of the object, or of the newest version of it."""
    kind, name, namespace = kind_of(manifest), manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    if is_versioned(manifest):
        versions = [
            each["metadata"]["name"]
            for each in clouddriver.list_kinds([kind], namespace)
            if each["metadata"].get("annotations", {}).get("artifact.spinnaker.io/name") == name
        ]
        source = clouddriver.get(kind, max(versions), namespace) if versions else None
    else:
        source = clouddriver.get(kind, name, namespace)
    if source is not None:
        manifest["spec"]["replicas"] = source["spec"]["replicas"]


def own_copy(manifest: Manifest, namespace: str) -> Manifest:
    """A manifest to work on, moved to a namespace when one is given."""
    own = copy.deepcopy(manifest)
    if namespace:
        own["metadata"]["namespace"] = namespace
    return own
