"""From an operation to the HTTP requests that carry it out, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import InvalidRequest, Kind, OperationRequest, PatchType
from fairlead.executor.core.aims import Aim

JSON = "application/json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Server-side apply; JSON is YAML."""
MERGE_PATCH = "application/merge-patch+json"
PATCH_TYPES = {
    PatchType.STRATEGIC: "application/strategic-merge-patch+json",
    PatchType.MERGE: MERGE_PATCH,
    PatchType.JSON: "application/json-patch+json",
}
DEFAULT_NAMESPACE = "default"
PAGE_OBJECTS = 500


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request to the API server; ``path`` is encoded, ``parameters`` are not."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    body: bytes = b""


def object_namespace(resource: Resource, namespace: str) -> str:
    """The namespace in the path of one object: none for cluster-scoped kinds, else kubectl's default."""
    return (namespace or DEFAULT_NAMESPACE) if resource.namespaced else ""


def path_of(resource: Resource, namespace: str, name: str = "") -> str:
    """The encoded path of an object or a collection; an empty namespace means all."""
    return resource.path(quote(namespace, safe="") if resource.namespaced else "", quote(name, safe=""))


def read(resource: Resource, target: Aim) -> ApiRequest:
    """Read one object live."""
    return ApiRequest("GET", path_of(resource, object_namespace(resource, target.namespace), target.name))


def watch_one(resource: Resource, target: Aim, version: str) -> ApiRequest:
    """Watch one object from a version on; by its name, for no kind lacks this field selector."""
    selector = ("fieldSelector", f"metadata.name={target.name}")
    path = path_of(resource, object_namespace(resource, target.namespace))
    return ApiRequest("GET", path, (("watch", "1"), ("resourceVersion", version), selector))


def page(request: OperationRequest, resource: Resource, target: Aim, room: int, token: str) -> ApiRequest:
    """List the next page of at most ``room`` objects (0: no limit was asked for)."""
    parameters = [("limit", str(min(room, PAGE_OBJECTS) if room else PAGE_OBJECTS))]
    if token:
        parameters.append(("continue", token))
    if request.label_selector:
        parameters.append(("labelSelector", request.label_selector))
    selectors = [request.field_selector] if request.field_selector else []
    if target.name:
        selectors.append(f"metadata.name={target.name}")
    if selectors:
        parameters.append(("fieldSelector", ",".join(selectors)))
    return ApiRequest("GET", path_of(resource, target.namespace), tuple(parameters))


def write(request: OperationRequest, resource: Resource, target: Aim, *, live_version: str = "") -> ApiRequest:
    """Make the one request of a write that takes effect.

    Args:
        request: of a writing kind.
        resource: what its kind is in this cluster.
        target: what it is about.
        live_version: for ``replace``, the version to replace when neither request nor manifest names one.

    Raises:
        InvalidRequest: manifest or patch cannot carry the conditions.

    """
    match request.kind:
        case Kind.APPLY:
            return _apply(request, resource, target)
        case Kind.CREATE:
            return ApiRequest(
                "POST", _object_path(resource, target, ""), _options(request), JSON, bytes(request.manifest)
            )
        case Kind.REPLACE:
            body = _with_conditions(request, bytes(request.manifest), version=live_version)
            return ApiRequest("PUT", _object_path(resource, target), _options(request), JSON, body)
        case Kind.PATCH:
            return _patch(request, resource, target)
        case Kind.SCALE:
            body = _with_conditions(request, msgspec.json.encode({"spec": {"replicas": request.replicas}}))
            return ApiRequest("PATCH", _object_path(resource, target) + "/scale", _options(request), MERGE_PATCH, body)
        case _:
            return _delete(request, resource, target)


def manifest_version(request: OperationRequest) -> str:
    """The resourceVersion that a replacement names, in the request or in its manifest."""
    if request.resource_version:
        return request.resource_version
    metadata = _level(
        _level(bytes(request.manifest), "manifest").get("metadata", msgspec.Raw(b"{}")), "manifest.metadata"
    )
    version = metadata.get("resourceVersion")
    return str(msgspec.json.decode(version)) if version is not None else ""


def _object_path(resource: Resource, target: Aim, name: str | None = None) -> str:
    return path_of(resource, object_namespace(resource, target.namespace), target.name if name is None else name)


def _options(request: OperationRequest, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    dry_run = (("dryRun", "All"),) if request.dry_run else ()
    return (("fieldManager", request.field_manager), *more, *dry_run)


def _apply(request: OperationRequest, resource: Resource, target: Aim) -> ApiRequest:
    options = _options(request, *((("force", "true"),) if request.force else ()))
    body = _with_conditions(request, bytes(request.manifest))
    return ApiRequest("PATCH", _object_path(resource, target), options, APPLY_PATCH, body)


def _patch(request: OperationRequest, resource: Resource, target: Aim) -> ApiRequest:
    body = bytes(request.patch)
    if request.patch_type is PatchType.JSON:
        body = _with_tests(request, body)
    else:
        body = _with_conditions(request, body, what="patch")
    path = _object_path(resource, target)
    return ApiRequest("PATCH", path, _options(request), PATCH_TYPES[request.patch_type], body)


def _delete(request: OperationRequest, resource: Resource, target: Aim) -> ApiRequest:
    options: dict[str, Any] = {
        "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": request.propagation.value,
    }  # fmt: skip
    if request.grace_period_seconds is not None:
        options["gracePeriodSeconds"] = request.grace_period_seconds
    conditions = {"uid": request.uid, "resourceVersion": request.resource_version}
    if any(conditions.values()):
        options["preconditions"] = {key: value for key, value in conditions.items() if value}
    if request.dry_run:
        options["dryRun"] = ["All"]
    return ApiRequest("DELETE", _object_path(resource, target), (), JSON, msgspec.json.encode(options))


def _with_conditions(request: OperationRequest, body: bytes, *, version: str = "", what: str = "manifest") -> bytes:
    """Write the expected UID and version into ``metadata``, where the API server compares them."""
    conditions = {"uid": request.uid, "resourceVersion": request.resource_version or version}
    if not any(conditions.values()):
        return body
    top = _level(body, what)
    metadata = _level(top.get("metadata", msgspec.Raw(b"{}")), f"{what}.metadata")
    metadata |= {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in conditions.items() if value}
    top["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
    return msgspec.json.encode(top)


def _with_tests(request: OperationRequest, body: bytes) -> bytes:
    """Put the conditions before a JSON patch as ``test`` operations (RFC 6902 section 4.6)."""
    tests = [
        {"op": "test", "path": f"/metadata/{field}", "value": value}
        for field, value in (("uid", request.uid), ("resourceVersion", request.resource_version))
        if value
    ]
    try:
        steps = msgspec.json.decode(body, type=list[msgspec.Raw])
    except msgspec.MsgspecError:
        raise InvalidRequest(["a JSON `patch` must be an array of operations"]) from None
    return msgspec.json.encode([*tests, *steps]) if tests else body


def _level(data: bytes | msgspec.Raw, what: str) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        raise InvalidRequest([f"`{what}` must be an object"]) from None
