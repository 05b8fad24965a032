"""From a request to its answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from fairlead.simcluster import discovery
from fairlead.simcluster.api import deleting, patching, reading, writing
from fairlead.simcluster.api.options import dry_run, list_options
from fairlead.simcluster.api.routes import Request, Target, parse_target, verb_of
from fairlead.simcluster.api.views import View, negotiate
from fairlead.simcluster.api.watching import WatchCursor
from fairlead.simcluster.api.writing import Write
from fairlead.simcluster.errors import (
    PlainNotFoundError,
    StatusError,
    method_not_allowed,
    resource_not_found,
    too_large_request,
    unsupported_media_type,
)

if TYPE_CHECKING:
    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry

OPEN_PATHS = frozenset({"/version", "/healthz", "/livez", "/readyz"})
OPTIONS_KIND = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, in pieces so that a large list is never copied."""

    code: int
    pieces: list[bytes]
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WatchAnswer:
    """A stream to be served until its time is over."""

    cursor: WatchCursor
    timeout_s: float | None
    resource: str


def json_answer(document: Any, code: int = 200, **headers: str) -> Answer:
    """A JSON document as an answer."""
    return Answer(code, [msgspec.json.encode(document) + b"\n"], headers=headers)


def failure(error: StatusError) -> Answer:
    """A failed request's answer."""
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s is not None else {}
    return json_answer(error.document(), error.code, **headers)


def handle(state: State, request: Request) -> Answer | WatchAnswer:
    """Answer a request that has been authenticated and let in."""
    try:
        if len(request.body) > state.limits.request_bytes:
            raise too_large_request(state.limits.request_bytes)
        target = parse_target(request.path)
        if target is None:
            return _document(state, request)
        review = _review(state, request, target)
        if review is not None:
            return review
        return _on_resource(state, request, target)
    except StatusError as error:
        return failure(error)
    except PlainNotFoundError:
        return Answer(404, [b"404 page not found\n"], "text/plain; charset=utf-8")


def _document(state: State, request: Request) -> Answer:
    path = request.path.rstrip("/")
    if request.path in OPEN_PATHS - {"/version"}:
        return Answer(200, [b"ok"], "text/plain; charset=utf-8")
    if request.method not in ("GET", "HEAD"):
        raise method_not_allowed()
    if path == "/version":
        return json_answer(discovery.SERVER_VERSION)
    if path in ("/api", "/apis"):
        return _root(state, request, core=path == "/api")
    document = _group_document(state, path.split("/")[1:])
    if document is None:
        raise PlainNotFoundError
    return json_answer(document)


def _group_document(state: State, parts: list[str]) -> dict[str, Any] | None:
    match parts:
        case ["api", version]:
            return discovery.resource_list(state.registry, "", version)
        case ["apis", group]:
            return discovery.group_document(state.registry, group)
        case ["apis", group, version]:
            document = discovery.resource_list(state.registry, group, version)
            if document is None and discovery.group_document(state.registry, group):
                raise resource_not_found()
            return document
        case ["openapi", "v3"]:
            return {"paths": {}}
    return None


def _root(state: State, request: Request, *, core: bool) -> Answer:
    accept = request.headers.get("accept", "")
    if (
        state.aggregated_discovery
        and "as=APIGroupDiscoveryList" in accept
        and "v=v2" in accept.replace("v=v2beta1", "")
    ):
        document = discovery.aggregated(state.registry, core=core)
        return replace(json_answer(document), content_type=discovery.AGGREGATED_TYPE)
    if core:
        return json_answer(discovery.api_versions(request.headers.get("host", "")))
    return json_answer(discovery.group_list(state.registry))


def _review(state: State, request: Request, target: Target) -> Answer | None:
    known = {plural for pairs in discovery.REVIEWS.values() for plural, _ in pairs}
    if target.group not in discovery.REVIEWS or target.plural not in known:
        return None
    if request.method != "POST":
        raise method_not_allowed()
    review: dict[str, Any] = {"apiVersion": f"{target.group}/{target.version}"}
    review["metadata"] = {"creationTimestamp": state.timestamp()}
    if target.plural == "selfsubjectreviews":
        user = {"username": request.user.name, "groups": list(request.user.groups)}
        review |= {"kind": "SelfSubjectReview", "status": {"userInfo": user}}
    else:
        spec = _body(request, "SelfSubjectAccessReview").get("spec") or {}
        review |= {"kind": "SelfSubjectAccessReview", "spec": spec, "status": {"allowed": True}}
    return json_answer(review, 201)


def _resource(state: State, target: Target) -> Resource:
    resource = state.registry.find(target.group, target.version, target.plural)
    if resource is None:
        if state.registry.versions(target.group):
            raise resource_not_found()
        raise PlainNotFoundError
    if target.namespace and not resource.namespaced:
        raise resource_not_found()
    if target.subresource and target.subresource not in resource.subresources:
        raise resource_not_found()
    return resource


def _on_resource(state: State, request: Request, target: Target) -> Answer | WatchAnswer:
    resource, verb = _resource(state, target), verb_of(request, target)
    match verb:
        case "watch" | "list":
            return _collection(state, request, target, resource, watch=verb == "watch")
        case "get":
            return _get(state, request, target, resource)
        case "create" if not target.name and (target.namespace or not resource.namespaced):
            return _create(state, request, target, resource)
        case "update" | "patch":
            return _change(state, request, target, resource)
        case "delete" if not target.subresource:
            return _delete(state, request, target, resource)
        case "deletecollection" if resource.key != "namespaces":
            return _delete_collection(state, request, target, resource)
    raise method_not_allowed()


def _collection(
    state: State, request: Request, target: Target, resource: Resource, *, watch: bool
) -> Answer | WatchAnswer:
    view = negotiate(request.headers.get("accept", ""), resource, collection=True, watch=watch)
    options = list_options(request, target, resource, watch=watch)
    if watch:
        return WatchAnswer(WatchCursor(state, view, options), options.timeout_s, target.key)
    return Answer(200, reading.list_pieces(state, view, options))


def _get(state: State, request: Request, target: Target, resource: Resource) -> Answer:
    view = negotiate(request.headers.get("accept", ""), resource, collection=False)
    entry = reading.get_entry(state, resource, target)
    if target.subresource == "scale":
        return json_answer(patching.scale_of(entry))
    return _object(view, entry)


def _object(view: View, entry: Entry, code: int = 200) -> Answer:
    return Answer(code, [view.whole(entry), b"\n"])


def _write(request: Request, target: Target) -> Write:
    manager = request.query.get("fieldManager") or request.agent.partition("/")[0] or "unknown"
    dry = dry_run(request.query, OPTIONS_KIND[request.method])
    return Write(manager[:128], dry_run=dry, subresource=target.subresource)


def _body(request: Request, kind: str) -> dict[str, Any]:
    """The decoded body of a create or update; StatusError 415 for protobuf, CBOR and YAML, which are not spoken."""
    media = request.headers.get("content-type", "").partition(";")[0].strip()
    if media not in ("", "application/json", "application/octet-stream", "application/x-www-form-urlencoded"):
        raise unsupported_media_type(["application/json"])
    return patching.decode_object(request.body, kind)


def _create(state: State, request: Request, target: Target, resource: Resource) -> Answer:
    view = negotiate(request.headers.get("accept", ""), resource, collection=False)
    obj = _body(request, resource.kind)
    asked = (obj.get("metadata") or {}).get("namespace") or target.namespace
    if asked != target.namespace:
        why = "the namespace of the provided object does not match the namespace sent on the request"
        raise StatusError(400, "BadRequest", why)
    return _object(view, writing.create(state, resource, target.namespace, obj, _write(request, target)), 201)


def _change(state: State, request: Request, target: Target, resource: Resource) -> Answer:
    view = negotiate(request.headers.get("accept", ""), resource, collection=False)
    write, content_type = _write(request, target), request.headers.get("content-type", "").partition(";")[0].strip()
    name, namespace = target.name, target.namespace
    if request.method == "PATCH" and content_type == patching.APPLY_PATCH and target.subresource != "scale":
        write = replace(write, manager=request.query.get("fieldManager", ""))
        force = request.flag("force")
        entry, made = patching.apply_object(state, resource, namespace, name, request.body, write, force=force)
        return _object(view, entry, 201 if made else 200)
    if request.method == "PUT":
        obj = _body(request, resource.kind)
        change = patching.replacement(
            resource if target.subresource != "scale" else replace(resource, custom=False), obj
        )
    else:
        change = patching.patched(resource, content_type, request.body)
    if target.subresource == "scale":
        change = patching.scaled(change)
    entry = writing.modify(state, resource, namespace, name, change, write)
    return json_answer(patching.scale_of(entry)) if target.subresource == "scale" else _object(view, entry)


def _delete(state: State, request: Request, target: Target, resource: Resource) -> Answer:
    view = negotiate(request.headers.get("accept", ""), resource, collection=False)
    options = deleting.delete_options(request)
    entry, gone = deleting.delete_entry(state, resource, reading.get_entry(state, resource, target), options)
    if gone and not resource.returns_deleted:
        return json_answer(deleting.deleted_status(resource, entry))
    return _object(view, entry)


def _delete_collection(state: State, request: Request, target: Target, resource: Resource) -> Answer:
    view = negotiate(request.headers.get("accept", "").partition(",")[0], resource, collection=True)
    options = replace(deleting.delete_options(request), uid="", version="")
    listed = list_options(request, target, resource, watch=False)
    pieces = reading.list_pieces(state, view, listed)
    for entry in state.store.table(resource.storage).sorted_entries():
        if listed.selection.matches(entry):
            deleting.delete_entry(state, resource, entry, options)
    return Answer(200, pieces)
