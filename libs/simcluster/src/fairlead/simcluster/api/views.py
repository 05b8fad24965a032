"""How objects go out: whole, as metadata only or as rows of a table; alone, in lists and in watch events.

Built-in kinds and custom ones differ on the wire as with a real server: items of built-in lists carry neither apiVersion
nor kind, and custom lists have their `items` before `kind` and `metadata`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from fairlead.simcluster import tables
from fairlead.simcluster.conversions import converted, to_served
from fairlead.simcluster.errors import not_acceptable

if TYPE_CHECKING:
    from fairlead.simcluster.api.routes import Request
    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.store import Entry

SHAPES = ("PartialObjectMetadata", "PartialObjectMetadataList", "Table")
_encode = msgspec.json.Encoder().encode
TABLE_HEAD = b'{"kind":"Table","apiVersion":"meta.k8s.io/v1",'
PARTIAL_HEAD = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",'
EVENT_STARTS = {kind: b'{"type":"' + kind.encode() + b'","object":' for kind in ("ADDED", "MODIFIED", "DELETED")}


@dataclass(frozen=True, slots=True)
class View:
    """The form in which one request sees the objects of a resource."""

    resource: Resource
    partial: bool = False
    table: bool = False
    include: str = "Metadata"
    """What a table's row carries of its object: `None`, `Metadata` or `Object`."""
    now: Callable[[], float] = time.time
    head: bytes = field(init=False, default=b"")
    converts: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        resource = self.resource
        pair = [f'"kind":"{resource.kind}"', f'"apiVersion":"{resource.api_version}"']
        if resource.custom:
            pair.reverse()
        head = TABLE_HEAD if self.table else PARTIAL_HEAD if self.partial else ("{" + ",".join(pair) + ",").encode()
        object.__setattr__(self, "head", head)
        object.__setattr__(self, "converts", converted(resource) and not self.partial)

    def whole(self, entry: Entry) -> bytes:
        """The object with apiVersion and kind."""
        if self.table:
            head, tail = self.frame({"resourceVersion": str(entry.version)})
            return head + self.item(entry) + tail.rstrip()
        if self.partial:
            return b"%b%b%b}" % (self.head, b'"metadata":', entry.metadata)
        return self.head + self._body(entry)[1:]

    def item(self, entry: Entry) -> bytes:
        """The object as an item of a list."""
        if self.table:
            return self._row(entry)
        if self.partial or self.resource.custom:
            return self.whole(entry)
        return self._body(entry)

    def _row(self, entry: Entry) -> bytes:
        cells = _encode(tables.cells(self.resource, entry.decoded(), self.now()))
        if self.include == "None":
            return b'{"cells":%b}' % cells
        shown = View(self.resource, partial=self.include == "Metadata").whole(entry)
        return b'{"cells":%b,"object":%b}' % (cells, shown)

    def _body(self, entry: Entry) -> bytes:
        return _encode(to_served(self.resource, entry.decoded())) if self.converts else entry.body

    def event(self, kind: str, entry: Entry) -> bytes:
        """One line of a watch."""
        return b"%b%b}\n" % (EVENT_STARTS[kind], self.whole(entry))

    def bookmark(self, version: int, *, end_of_initial: bool = False) -> bytes:
        """A BOOKMARK line; the one that ends the initial events is annotated (KEP-3157)."""
        metadata: dict[str, Any] = {"resourceVersion": str(version)}
        if end_of_initial:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        return b'{"type":"BOOKMARK","object":%b"metadata":%b}}\n' % (self.head, _encode(metadata))

    def frame(self, metadata: dict[str, Any]) -> tuple[bytes, bytes]:
        """What goes before and after the items of a list."""
        encoded = _encode(metadata)
        if self.table:
            columns = _encode([each.definition() for each in tables.columns_of(self.resource)])
            return b'%b"metadata":%b,"columnDefinitions":%b,"rows":[' % (TABLE_HEAD, encoded, columns), b"]}\n"
        kind, version = self.resource.collection_kind, self.resource.api_version
        if self.partial:
            kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        if self.resource.custom and not self.partial:
            tail = b'],"kind":%b,"metadata":%b}\n' % (_encode(kind), encoded)
            return b'{"apiVersion":%b,"items":[' % _encode(version), tail
        head = b'{"kind":%b,"apiVersion":%b,"metadata":%b,"items":[' % (_encode(kind), _encode(version), encoded)
        return head, b"]}\n"


def negotiate(
    request: Request, resource: Resource, *, collection: bool, watch: bool = False, now: Callable[[], float] = time.time
) -> View:
    """The view a request asks for by its Accept header; StatusError 406 when it fits none.

    Clauses are tried in order, as the server does. Protobuf is not spoken, so a clause that asks for it gives way to the
    next one.
    """
    accept = request.headers.get("accept", "")
    clauses = [clause.strip() for clause in accept.split(",") if clause.strip()] or ["*/*"]
    for clause in clauses:
        media, _, rest = clause.partition(";")
        parameters = dict(part.strip().partition("=")[::2] for part in rest.split(";") if part.strip())
        shape = parameters.get("as", "")
        if media.strip() not in ("application/json", "application/*", "*/*"):
            continue
        if not shape:
            return View(resource)
        if parameters.get("g") != "meta.k8s.io" or shape not in SHAPES:
            continue
        if shape == "Table":
            return View(resource, table=True, include=request.query.get("includeObject") or "Metadata", now=now)
        _check_shape(shape, resource, collection=collection and not watch)
        return View(resource, partial=True)
    raise not_acceptable(
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf"
    )


def _check_shape(shape: str, resource: Resource, *, collection: bool) -> None:
    if shape == "PartialObjectMetadataList" and not collection:
        what = f"the requested object is not a list (*core.{resource.kind})"
        raise not_acceptable(f"you requested PartialObjectMetadataList, but {what}")
    if shape == "PartialObjectMetadata" and collection:
        what = f"the requested object is a list (*core.{resource.kind}List)"
        raise not_acceptable(f"you requested PartialObjectMetadata, but {what}")
