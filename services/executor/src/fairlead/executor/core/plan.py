"""From an operation to the HTTP requests that carry it out, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    untouched: bool = False
    """Whether the answer's body is wanted as it came: managedFields included, or no JSON at all."""


def object_namespace(resource: Resource, namespace: str) -> str:
    """The namespace in the path of one object: none for cluster-scoped kinds, else kubectl's default."""
    return (namespace or DEFAULT_NAMESPACE) if resource.namespaced else ""


def path_of(resource: Resource, namespace: str, name: str = "") -> str:
    """The encoded path of an object or a collection; an empty namespace means all."""
    return resource.path(quote(namespace, safe="") if resource.namespaced else "", quote(name, safe=""))


def read(resource: Resource, target: Aim) -> ApiRequest:
    """Read one object live."""
    return ApiRequest("GET", path_of(resource, object_namespace(resource, target.namespace), target.name))


def logs(request: OperationRequest, resource: Resource, pod: Aim) -> ApiRequest:
    """Read a log; the server cuts it after the limit."""
    options = {
        "container": request.container,
        "previous": "true" if request.previous else "",
        "timestamps": "true" if request.timestamps else "",
        "tailLines": "" if request.tail_lines is None else str(request.tail_lines),
        "sinceSeconds": "" if request.since_seconds is None else str(request.since_seconds),
        "limitBytes": str(request.limit_bytes),
    }
    parameters = tuple((name, text) for name, text in options.items() if text)
    return ApiRequest("GET", object_path(resource, pod) + "/log", parameters, untouched=True)


def metrics(request: OperationRequest, resource: Resource, target: Aim) -> ApiRequest:
    """Read metrics of one pod or of a namespace's; they come in one piece, without pages or versions."""
    selector = (("labelSelector", request.label_selector),) if request.label_selector else ()
    return ApiRequest("GET", object_path(resource, target), () if target.name else selector)


def watch_one(resource: Resource, target: Aim, version: str) -> ApiRequest:
    """Watch one object from a version on; by its name, for no kind lacks this field selector."""
    selector = ("fieldSelector", f"metadata.name={target.name}")
    path = path_of(resource, object_namespace(resource, target.namespace))
    return ApiRequest("GET", path, (("watch", "1"), ("resourceVersion", version), selector))


def page(request: OperationRequest, resource: Resource, target: Aim, room: int, token: str) -> ApiRequest:
    """List the next page of at most ``room`` objects (0: no limit was asked for); an empty namespace means all."""
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
        request: of a kind that is one request.
        resource: what its kind is in this cluster.
        target: what it is about.
        live_version: for ``replace``, the version to replace when neither request nor manifest names one.

    Raises:
        InvalidRequest: manifest or patch cannot carry the conditions.

    """
    match request.kind:
        case Kind.CREATE:
            return create(request, resource, target, bytes(request.manifest))
        case Kind.REPLACE:
            body = _with_conditions(request, bytes(request.manifest), version=live_version)
            return ApiRequest("PUT", object_path(resource, target), _strict(request), JSON, body)
        case Kind.PATCH:
            return patch(request, resource, target, bytes(request.patch), request.patch_type)
        case Kind.SCALE:
            body = _with_conditions(request, msgspec.json.encode({"spec": {"replicas": request.replicas}}))
            return ApiRequest("PATCH", object_path(resource, target) + "/scale", _options(request), MERGE_PATCH, body)
        case Kind.DELETE:
            return delete(request, resource, target, uid=request.uid)
        case _:
            raise AssertionError(f"{request.kind} is more than one request")


def create(request: OperationRequest, resource: Resource, target: Aim, body: bytes) -> ApiRequest:
    """Create an object."""
    return ApiRequest("POST", object_path(resource, target, ""), _strict(request), JSON, body)


def patch(request: OperationRequest, resource: Resource, target: Aim, body: bytes, kind: PatchType) -> ApiRequest:
    """Patch an object under the conditions of the request."""
    body = _with_tests(request, body) if kind is PatchType.JSON else _with_conditions(request, body, what="patch")
    return ApiRequest("PATCH", object_path(resource, target), _options(request), PATCH_TYPES[kind], body)


def patch_of_manifest(
    request: OperationRequest, resource: Resource, target: Aim, body: bytes, kind: PatchType
) -> ApiRequest:
    """Patch an object towards a manifest: `patch`, with the server's check of fields."""
    return replace(patch(request, resource, target, body, kind), parameters=_strict(request))


def apply(request: OperationRequest, resource: Resource, target: Aim, body: bytes) -> ApiRequest:
    """Apply a manifest server-side; the answer keeps its managedFields."""
    options = _strict(request, *((("force", "true"),) if request.force else ()))
    body = _with_conditions(request, body)
    return ApiRequest("PATCH", object_path(resource, target), options, APPLY_PATCH, body, untouched=True)


def set_owners(request: OperationRequest, resource: Resource, target: Aim, body: bytes) -> ApiRequest:
    """Replace an object's managedFields by a JSON patch that names the version they belong to."""
    return ApiRequest(
        "PATCH", object_path(resource, target), _options(request), PATCH_TYPES[PatchType.JSON], body, untouched=True
    )


def manifest_version(request: OperationRequest) -> str:
    """The resourceVersion that a replacement names, in the request or in its manifest."""
    if request.resource_version:
        return request.resource_version
    metadata = _level(
        _level(bytes(request.manifest), "manifest").get("metadata", msgspec.Raw(b"{}")), "manifest.metadata"
    )
    version = metadata.get("resourceVersion")
    return str(msgspec.json.decode(version)) if version is not None else ""


def object_path(resource: Resource, target: Aim, name: str | None = None) -> str:
    """The encoded path of the object, or of its collection when ``name`` is empty."""
    return path_of(resource, object_namespace(resource, target.namespace), target.name if name is None else name)


def _options(request: OperationRequest, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    dry_run = (("dryRun", "All"),) if request.dry_run else ()
    return (("fieldManager", request.field_manager), *more, *dry_run)


def _strict(request: OperationRequest, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return _options(request, ("fieldValidation", request.field_validation.value), *more)


def delete(request: OperationRequest, resource: Resource, target: Aim, *, uid: str = "") -> ApiRequest:
    """Delete an object, only while it has this UID when one is given."""
    options: dict[str, Any] = {
        "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": request.propagation.value,
    }  # fmt: skip
    if request.grace_period_seconds is not None:
        options["gracePeriodSeconds"] = request.grace_period_seconds
    conditions = {"uid": uid, "resourceVersion": request.resource_version}
    if any(conditions.values()):
        options["preconditions"] = {key: value for key, value in conditions.items() if value}
    if request.dry_run:
        options["dryRun"] = ["All"]
    return ApiRequest("DELETE", object_path(resource, target), (), JSON, msgspec.json.encode(options))


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
