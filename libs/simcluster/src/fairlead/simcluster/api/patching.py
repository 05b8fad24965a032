"""PUT, PATCH in its four types, and the scale subresource, as changes for `writing.modify`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import yaml

from fairlead.simcluster import apply
from fairlead.simcluster.api import writing
from fairlead.simcluster.errors import StatusError, bad_request, cause, invalid, not_found, unsupported_media_type
from fairlead.simcluster.patches import json_patch, merge_patch
from fairlead.simcluster.store import object_key
from fairlead.simcluster.strategic import strategic_merge

if TYPE_CHECKING:
    from fairlead.simcluster.api.writing import Write
    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
YAML: Final = "application/yaml"

Change = Callable[[dict[str, Any]], dict[str, Any]]


class _Loader(yaml.CSafeLoader):
    """YAML without dates, which JSON does not know."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def decode_object(body: bytes, kind: str, *, as_yaml: bool = False) -> dict[str, Any]:
    """The object of a request body, JSON or YAML; StatusError 400."""
    try:
        obj = yaml.load(body, _Loader) if as_yaml else msgspec.json.decode(body)  # noqa: S506 - a safe loader
    except (msgspec.DecodeError, yaml.YAMLError) as error:
        why = f"couldn't get version/kind; json parse error: {error}"
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {why}") from error
    if obj is None:
        return {}
    if not isinstance(obj, dict):
        why = "couldn't get version/kind; json parse error: json: cannot unmarshal into an object"
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {why}")
    return obj


def replacement(resource: Resource, obj: dict[str, Any]) -> Change:
    """The change of a PUT. Custom resources must say which version they replace."""

    def change(_old: dict[str, Any]) -> dict[str, Any]:
        metadata = obj.get("metadata") or {}
        if resource.custom and not metadata.get("resourceVersion"):
            why = "Invalid value: 0: must be specified for an update"
            causes = [cause("FieldValueInvalid", "metadata.resourceVersion", why)]
            raise invalid(resource.group, resource.plural, metadata.get("name", ""), causes)
        return obj

    return change


def patched(resource: Resource, content_type: str, body: bytes) -> Change:
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
    applied = decode_object(body, resource.kind, as_yaml=not body.lstrip().startswith(b"{"))
    if not isinstance(applied.get("metadata") or {}, dict):
        raise bad_request("metadata must be an object")
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


def _at(obj: dict[str, Any], path: str, default: Any = None) -> Any:
    """The value at a path such as `.spec.replicas`."""
    value: Any = obj
    for name in path.strip(".").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return default if value is None else value


def _put(obj: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of an object with another value at a path."""
    name, _, rest = path.strip(".").partition(".")
    return {**obj, name: _put(obj.get(name) or {}, rest, value) if rest else value}


def scale_of(resource: Resource, entry: Entry) -> dict[str, Any]:
    """The autoscaling/v1 Scale of a workload."""
    obj = entry.decoded()
    wanted_path, present_path, selector_path = resource.scale_paths
    status: dict[str, Any] = {"replicas": _at(obj, present_path, 0)}
    labels = _at(obj, ".spec.selector", {})
    labels = labels.get("matchLabels", labels)
    selector = (
        _at(obj, selector_path, "") if resource.custom else ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
    )
    if selector:
        status["selector"] = selector
    replicas = _at(obj, wanted_path, 0)
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: obj["metadata"][name] for name in names if name in obj["metadata"]},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def scaled(resource: Resource, change: Change) -> Change:
    """A change of the Scale as a change of its workload."""

    def outer(old: dict[str, Any]) -> dict[str, Any]:
        path = resource.scale_paths[0]
        scale = {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {name: old["metadata"].get(name) for name in ("name", "namespace", "uid", "resourceVersion")},
            "spec": {"replicas": _at(old, path, 0)},
        }
        wanted = change(scale)
        metadata = {**old["metadata"], "resourceVersion": (wanted.get("metadata") or {}).get("resourceVersion", "")}
        return _put({**old, "metadata": metadata}, path, (wanted.get("spec") or {}).get("replicas", 0))

    return outer
