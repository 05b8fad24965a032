"""Everything below no resource: health, version, discovery in its three forms, OpenAPI."""

from __future__ import annotations

import hashlib
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fairlead.simcluster import discovery
from fairlead.simcluster.api.answers import Answer, json_answer
from fairlead.simcluster.errors import PlainNotFoundError, method_not_allowed, not_acceptable, resource_not_found

if TYPE_CHECKING:
    from fairlead.simcluster.api.routes import Request
    from fairlead.simcluster.openapi.documents import Document
    from fairlead.simcluster.state import State

OPEN_PATHS: Final = frozenset({"/version", "/healthz", "/livez", "/readyz"})
V2_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
YEAR_S: Final = 365 * 24 * 3600
WHAT_IS_SPOKEN: Final = (
    "only the following media types are accepted: application/json, application/yaml, "
    "application/vnd.kubernetes.protobuf"
)


def answer(state: State, request: Request) -> Answer:
    """The document at a path; PlainNotFoundError, or StatusError 404, 405 or 406."""
    path = request.path.rstrip("/")
    if request.path in OPEN_PATHS - {"/version"}:
        return Answer(200, [b"ok"], "text/plain; charset=utf-8")
    if request.method not in ("GET", "HEAD"):
        raise method_not_allowed()
    match path.split("/")[1:]:
        case ["version"]:
            return json_answer(discovery.SERVER_VERSION)
        case [("api" | "apis") as root]:
            return _root(state, request, core=root == "api")
        case ["openapi", "v2"]:
            return _openapi_v2(state, request)
        case ["openapi", "v3"]:
            return json_answer(state.documents.index())
        case ["openapi", "v3", *rest]:
            return _openapi_v3(state, request, "/".join(rest))
        case parts:
            document = _group_document(state, parts)
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
    return None


def _root(state: State, request: Request, *, core: bool) -> Answer:
    clauses = [clause.strip() for clause in request.headers.get("accept", "").split(",") if clause.strip()]
    for clause in clauses or ["*/*"]:
        media, *parameters = clause.replace(" ", "").split(";")
        asked = dict(each.partition("=")[::2] for each in parameters)
        if media == "application/json" and asked.get("as") == "APIGroupDiscoveryList":
            if asked.get("v") in state.aggregated_discovery:
                document = discovery.aggregated(state.registry, asked["v"], core=core)
                return _tagged(request, msgspec.json.encode(document), discovery.aggregated_type(asked["v"]))
        elif media in ("application/json", "application/*", "*/*"):
            if core:
                return json_answer(discovery.api_versions(request.headers.get("host", "")))
            return json_answer(discovery.group_list(state.registry))
    raise not_acceptable(WHAT_IS_SPOKEN)


def _tagged(request: Request, body: bytes, content_type: str) -> Answer:
    """A document with an entity tag, or 304 for a client that holds it."""
    tag = f'"{hashlib.sha512(body).hexdigest().upper()}"'
    headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "public"}
    if request.headers.get("if-none-match") == tag:
        return Answer(304, [], content_type, headers)
    return Answer(200, [body], content_type, headers)


def _openapi_v2(state: State, request: Request) -> Answer:
    accept = request.headers.get("accept", "") or "*/*"
    as_protobuf = "openapi.spec.v2" in accept and "protobuf" in accept
    if not as_protobuf and "application/json" not in accept and "*/*" not in accept:
        return Answer(406, [], headers={"Vary": "Accept"})
    document = state.documents.v2(as_protobuf=as_protobuf)
    return _hashed(request, document, V2_PROTOBUF if as_protobuf else "application/json", {})


def _openapi_v3(state: State, request: Request, path: str) -> Answer:
    document = state.documents.v3(path)
    if document is None:
        return Answer(404, [], "text/plain")
    accept = request.headers.get("accept", "") or "*/*"
    if "application/json" not in accept and "*/*" not in accept:
        return Answer(406, [], headers={"Vary": "Accept"})
    asked = request.query.get("hash", "")
    if asked not in ("", document.hash):
        location = f"/openapi/v3/{path}?hash={document.hash}"
        return Answer(301, [], headers={"Location": location, "ETag": f'"{document.hash}"', "Vary": "Accept"})
    caching = {}
    if asked:
        expires = formatdate(state.now() + YEAR_S, usegmt=True)
        caching = {"Cache-Control": "public, immutable", "Expires": expires}
    return _hashed(request, document, "application/json", caching)


def _hashed(request: Request, document: Document, content_type: str, headers: dict[str, str]) -> Answer:
    headers = {"ETag": f'"{document.hash}"', "Vary": "Accept", **headers}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Answer(304, [], content_type, headers)
    return Answer(200, [document.body], content_type, headers)
