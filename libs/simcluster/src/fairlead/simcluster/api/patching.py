"""PUT, PATCH in its four types, and the scale subresource, as changes for `writing.modify`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fairlead.simcluster import apply
from fairlead.simcluster.api import writing
from fairlead.simcluster.errors import StatusError, bad_request, cause, invalid, not_found, unsupported_media_type
from fairlead.simcluster.patches import json_patch, merge_patch
from fairlead.simcluster.store import object_key
from fairlead.simcluster.strategic import strategic_merge

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairlead.simcluster.api.writing import Write
    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"


def decode_object(body: bytes, kind: str) -> dict[str, Any]:
    """The JSON object of a request body; StatusError 400."""
    try:
        obj = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        why = f"couldn't get version/kind; json parse error: {error}"
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {why}") from error
    if obj is None:
        return {}
    if not isinstance(obj, dict):
        why = "couldn't get version/kind; json parse error: json: cannot unmarshal into an object"
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {why}")
    return obj


def replacement(resource: Resource, obj: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The change of a PUT. Custom resources must say which version they replace."""

    def change(_old: dict[str, Any]) -> dict[str, Any]:
        metadata = obj.get("metadata") or {}
        if resource.custom and not metadata.get("resourceVersion"):
            why = "Invalid value: 0: must be specified for an update"
            causes = [cause("FieldValueInvalid", "metadata.resourceVersion", why)]
            raise invalid(resource.group, resource.plural, metadata.get("name", ""), causes)
        return obj

    return change


def patched(resource: Resource, content_type: str, body: bytes) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The change of a PATCH that is no apply; StatusError 400 or 415."""
    accepted = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH]
    if not resource.custom:
        accepted.insert(2, STRATEGIC_PATCH)
    if content_type not in accepted:
        if resource.custom or content_type != "application/json":
            raise unsupported_media_type(accepted)
        raise StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})
    try:
        patch = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise bad_request(f"error decoding patch: {error}") from error

    def change(old: dict[str, Any]) -> dict[str, Any]:
        if content_type == JSON_PATCH:
            new = json_patch(old, patch)
        elif not isinstance(patch, dict):
            raise bad_request("error decoding patch: json: cannot unmarshal into an object")
        elif content_type == MERGE_PATCH:
            new = merge_patch(old, patch)
        else:
            new = strategic_merge(old, patch)
        # A patch that does not name a version works on the present one.
        if new["metadata"].get("resourceVersion") == old["metadata"].get("resourceVersion"):
            new["metadata"] = {**new["metadata"], "resourceVersion": ""}
        result: dict[str, Any] = new
        return result

    return change


def apply_object(  # noqa: PLR0913, PLR0917 - the parts of a request
    state: State, resource: Resource, namespace: str, name: str, body: bytes, write: Write, *, force: bool
) -> tuple[Entry, bool]:
    """Server-side apply: the object, and whether it is new; StatusError 400, 404, 409 or 422."""
    if not write.manager:
        causes = [cause("FieldValueRequired", "fieldManager", "Required value: is required for apply patch")]
        raise invalid("meta.k8s.io", "PatchOptions", "", causes)
    applied = decode_object(body, resource.kind)
    applied["metadata"] = {**(applied.get("metadata") or {})}
    applied["metadata"].setdefault("name", name)
    if namespace:
        applied["metadata"].setdefault("namespace", namespace)
    if applied["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    write = replace(write, operation="Apply")
    manager, time = write.as_manager(resource), state.timestamp()
    if state.store.get(resource.storage, object_key(namespace, name)) is None:
        if write.subresource:
            raise not_found(resource.group, resource.plural, name)
        fresh = apply.server_side_apply(None, applied, manager, force=force, time=time)
        return writing.create(state, resource, namespace, fresh, write), True

    def change(live: dict[str, Any]) -> dict[str, Any]:
        merged = apply.server_side_apply(live, applied, manager, force=force, time=time)
        asked = applied["metadata"].get("resourceVersion", "")
        merged["metadata"] = {**merged["metadata"], "resourceVersion": asked}
        if "uid" in applied["metadata"]:
            merged["metadata"]["uid"] = applied["metadata"]["uid"]
        return {**merged, "apiVersion": applied.get("apiVersion"), "kind": applied.get("kind")}

    return writing.modify(state, resource, namespace, name, change, write), False


def scale_of(entry: Entry) -> dict[str, Any]:
    """The autoscaling/v1 Scale of a workload."""
    obj = entry.decoded()
    metadata = obj["metadata"]
    selector = (obj.get("spec") or {}).get("selector") or {}
    labels = selector.get("matchLabels", selector)
    status: dict[str, Any] = {"replicas": (obj.get("status") or {}).get("replicas", 0)}
    if labels:
        status["selector"] = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    replicas = (obj.get("spec") or {}).get("replicas", 0)
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in names if name in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def scaled(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A change of the Scale as a change of its workload."""

    def outer(old: dict[str, Any]) -> dict[str, Any]:
        replicas = (old.get("spec") or {}).get("replicas", 0)
        scale = {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {name: old["metadata"].get(name) for name in ("name", "namespace", "uid", "resourceVersion")},
            "spec": {"replicas": replicas},
        }
        wanted = change(scale)
        metadata = {**old["metadata"], "resourceVersion": (wanted.get("metadata") or {}).get("resourceVersion", "")}
        return {**old, "metadata": metadata, "spec": {**old["spec"], "replicas": wanted["spec"].get("replicas", 0)}}

    return outer
