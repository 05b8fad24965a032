"""From a request to its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster import discovery, metrics
from fairlead.simcluster.api import deleting, documents, logs, patching, reading, writing
from fairlead.simcluster.api.answers import Answer, LogAnswer, WatchAnswer, failure, json_answer
from fairlead.simcluster.api.options import dry_run, field_validation, list_options
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
from fairlead.simcluster.resources import METRICS_GROUP

if TYPE_CHECKING:
    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry

OPTIONS_KIND: Final = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}
JSON_MEDIA: Final = frozenset({"", "application/json", "application/octet-stream", "application/x-www-form-urlencoded"})


def handle(state: State, request: Request) -> Answer | WatchAnswer | LogAnswer:
    """Answer a request that has been authenticated and let in."""
    try:
        if len(request.body) > state.limits.request_bytes:
            raise too_large_request(state.limits.request_bytes)
        target = parse_target(request.path)
        if target is None:
            return documents.answer(state, request)
        review = _review(state, request, target)
        if review is not None:
            return review
        return _on_resource(state, request, target)
    except StatusError as error:
        return failure(error)
    except PlainNotFoundError:
        return Answer(404, [b"404 page not found\n"], "text/plain; charset=utf-8")


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


def _on_resource(state: State, request: Request, target: Target) -> Answer | WatchAnswer | LogAnswer:
    resource, verb = _resource(state, target), verb_of(request, target)
    if verb not in resource.verbs:
        raise method_not_allowed()
    match verb:
        case "watch" | "list":
            return _collection(state, request, target, resource, watch=verb == "watch")
        case "get":
            return _get(state, request, target, resource)
        case "create" if not target.name and (target.namespace or not resource.namespaced):
            return _create(state, request, target, resource)
        case "update" | "patch" if target.subresource != "log":
            return _change(state, request, target, resource)
        case "delete" if not target.subresource:
            return _delete(state, request, target, resource)
        case "deletecollection" if resource.key != "namespaces":
            return _delete_collection(state, request, target, resource)
    raise method_not_allowed()


def _view(state: State, request: Request, resource: Resource, *, collection: bool = False, watch: bool = False) -> View:
    return negotiate(request, resource, collection=collection, watch=watch, now=state.now)


def _collection(
    state: State, request: Request, target: Target, resource: Resource, *, watch: bool
) -> Answer | WatchAnswer:
    view = _view(state, request, resource, collection=True, watch=watch)
    options = list_options(request, target, resource, watch=watch)
    if watch:
        return WatchAnswer(WatchCursor(state, view, options), options.timeout_s, target.key)
    if resource.group == METRICS_GROUP:
        return json_answer(metrics.many(state, resource, options))
    return Answer(200, reading.list_pieces(state, view, options))


def _get(state: State, request: Request, target: Target, resource: Resource) -> Answer | LogAnswer:
    if resource.group == METRICS_GROUP:
        return json_answer(metrics.one(state, resource, target))
    entry = reading.get_entry(state, resource, target)
    if target.subresource == "log":
        return logs.answer(state, request, entry)
    if target.subresource == "scale":
        return json_answer(patching.scale_of(resource, entry))
    return _object(_view(state, request, resource), entry)


def _object(view: View, entry: Entry, code: int = 200, write: Write | None = None) -> Answer:
    return _warned(Answer(code, [view.whole(entry), b"\n"]), write)


def _warned(answer: Answer, write: Write | None) -> Answer:
    """An answer with the warnings of a write."""
    if write is None or not write.warnings:
        return answer
    escaped = [text.replace("\\", "\\\\").replace('"', '\\"') for text in write.warnings]
    return replace(answer, headers={**answer.headers, "Warning": ", ".join(f'299 - "{text}"' for text in escaped)})


def _write(request: Request, target: Target) -> Write:
    kind = OPTIONS_KIND[request.method]
    return Write(
        manager=(request.query.get("fieldManager") or request.agent.partition("/")[0] or "unknown")[:128],
        dry_run=dry_run(request.query, kind),
        subresource=target.subresource,
        validation=field_validation(request.query, kind),
        is_patch=request.method == "PATCH",
    )


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip()


def _body(request: Request, kind: str) -> dict[str, Any]:
    """The decoded body of a create or update; StatusError 415 for protobuf and CBOR, which are not spoken."""
    media = _media(request)
    if media not in JSON_MEDIA and media != patching.YAML:
        raise unsupported_media_type(["application/json", patching.YAML])
    return patching.decode_object(request.body, kind, as_yaml=media == patching.YAML)


def _create(state: State, request: Request, target: Target, resource: Resource) -> Answer:
    view, write = _view(state, request, resource), _write(request, target)
    obj = _body(request, resource.kind)
    metadata = obj.get("metadata")
    asked = (metadata.get("namespace") if isinstance(metadata, dict) else "") or target.namespace
    if asked != target.namespace:
        why = "the namespace of the provided object does not match the namespace sent on the request"
        raise StatusError(400, "BadRequest", why)
    return _object(view, writing.create(state, resource, target.namespace, obj, write), 201, write)


def _change(state: State, request: Request, target: Target, resource: Resource) -> Answer:
    view, write, media = _view(state, request, resource), _write(request, target), _media(request)
    name, namespace, scale = target.name, target.namespace, target.subresource == "scale"
    if request.method == "PATCH" and media == patching.APPLY_PATCH and not scale:
        write = replace(write, manager=request.query.get("fieldManager", ""))
        force = request.flag("force")
        entry, made = patching.apply_object(state, resource, namespace, name, request.body, write, force=force)
        return _object(view, entry, 201 if made else 200, write)
    if request.method == "PUT":
        change = patching.replacement(
            replace(resource, custom=resource.custom and not scale), _body(request, resource.kind)
        )
    else:
        change = patching.patched(resource, media, request.body)
    if scale:
        change = patching.scaled(resource, change)
    entry = writing.modify(state, resource, namespace, name, change, write)
    if scale:
        return json_answer(patching.scale_of(resource, entry))
    return _object(view, entry, write=write)


def _delete(state: State, request: Request, target: Target, resource: Resource) -> Answer:
    view = _view(state, request, resource)
    options = deleting.delete_options(request)
    entry, gone = deleting.delete_entry(state, resource, reading.get_entry(state, resource, target), options)
    if gone and not resource.returns_deleted:
        return json_answer(deleting.deleted_status(resource, entry))
    return _object(view, entry)


def _delete_collection(state: State, request: Request, target: Target, resource: Resource) -> Answer:
    view = _view(state, request, resource, collection=True)
    options = replace(deleting.delete_options(request), uid="", version="")
    listed = list_options(request, target, resource, watch=False)
    pieces = reading.list_pieces(state, view, listed)
    for entry in state.store.table(resource.storage).sorted_entries():
        if listed.selection.matches(entry):
            deleting.delete_entry(state, resource, entry, options)
    return Answer(200, pieces)
