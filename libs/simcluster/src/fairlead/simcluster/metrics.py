"""`metrics.k8s.io/v1beta1` as a metrics server would add it: usage that is made up, steady and plausible."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.errors import not_found
from fairlead.simcluster.resources import METRICS_GROUP, Resource
from fairlead.simcluster.store import object_key

if TYPE_CHECKING:
    from fairlead.simcluster.api.options import ListOptions
    from fairlead.simcluster.api.routes import Target
    from fairlead.simcluster.resources import Registry
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry

VERSION: Final = "v1beta1"
WINDOW_S: Final = 15


def serve(registry: Registry, *, on: bool = True) -> None:
    """Begin or end to serve the group."""
    for plural, kind, namespaced in (("nodes", "NodeMetrics", False), ("pods", "PodMetrics", True)):
        if on:
            storage = f"{METRICS_GROUP}/{plural}"
            verbs = ("get", "list")
            singular = plural[:-1]
            registry.add(
                Resource(METRICS_GROUP, VERSION, plural, kind, namespaced, singular, verbs=verbs, storage=storage)
            )
        else:
            registry.remove(METRICS_GROUP, plural)


def one(state: State, resource: Resource, target: Target) -> dict[str, Any]:
    """The usage of a pod or node; StatusError 404 for what does not run."""
    entry = state.store.get(resource.plural, object_key(target.namespace, target.name))
    made = _usage(state, resource, entry) if entry else None
    if made is None:
        raise not_found(METRICS_GROUP, resource.plural, target.name)
    return {"kind": resource.kind, "apiVersion": resource.api_version, **made}


def many(state: State, resource: Resource, options: ListOptions) -> dict[str, Any]:
    """The usage of those that a selection takes in."""
    entries = state.store.table(resource.plural).sorted_entries()
    made = [_usage(state, resource, entry) for entry in entries if options.selection.matches(entry)]
    items = [each for each in made if each]
    return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": {}, "items": items}


def _usage(state: State, resource: Resource, entry: Entry) -> dict[str, Any] | None:
    obj = entry.decoded()
    metadata = {name: obj["metadata"][name] for name in ("name", "namespace", "labels") if name in obj["metadata"]}
    made: dict[str, Any] = {
        "metadata": {**metadata, "creationTimestamp": state.timestamp()},
        "timestamp": state.timestamp(),
        "window": f"{WINDOW_S}s",
    }
    if resource.plural == "nodes":
        return {**made, "usage": _amounts(state, entry.uid, cores_m=1500, mebibytes=6000)}
    if (obj.get("status") or {}).get("phase") != "Running":
        return None
    containers = [
        {"name": each["name"], "usage": _amounts(state, entry.uid + each["name"], cores_m=60, mebibytes=120)}
        for each in obj["spec"]["containers"]
    ]
    return {**made, "containers": containers}


def _amounts(state: State, seed: str, *, cores_m: int, mebibytes: int) -> dict[str, str]:
    """CPU and memory about half of these amounts, swinging slowly."""
    phase = zlib.crc32(seed.encode()) % 628 / 100
    share = 0.5 + 0.3 * math.sin(phase + state.now() // WINDOW_S / 20)
    return {"cpu": f"{int(cores_m * share * 1_000_000)}n", "memory": f"{int(mebibytes * share * 1024)}Ki"}
