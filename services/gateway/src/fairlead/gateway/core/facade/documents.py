"""Lists and events as JSON, spliced around bodies that are passed on as they are stored.

A list's ``metadata`` stands behind its items: whether more follow is known then. JSON has no order, and no client minds.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.gateway.core.facade.cursors import Cursor
from fairlead.gateway.core.facade.formats import Format, Shape
from fairlead.gateway.core.facade.statuses import Status
from fairlead.gateway.core.facade.watching import Occurrence, Told

SEPARATOR = b","
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class _Partial(msgspec.Struct):
    metadata: msgspec.Raw


class _Table(msgspec.Struct, rename="camel"):
    column_definitions: msgspec.Raw
    rows: list[msgspec.Raw]


_decode_partial = msgspec.json.Decoder(_Partial).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_table = msgspec.json.Decoder(_Table).decode
_encode = msgspec.json.Encoder().encode


def list_head(resource: Resource, form: Format, columns: bytes = b"") -> bytes:
    """A list up to its first item, a table up to its first row."""
    if form.shape is Shape.TABLE:
        return b'{"kind":"Table","apiVersion":%b,"columnDefinitions":%b,"rows":[' % (_encode(form.api_version), columns)
    kind, version = f"{resource.kind}List", resource.api_version
    if form.shape is Shape.METADATA:
        kind, version = "PartialObjectMetadataList", form.api_version
    return b'{"kind":%b,"apiVersion":%b,"items":[' % (_encode(kind), _encode(version))


def list_tail(cursor: Cursor, token: str) -> bytes:
    """A list from behind its last item on; ``token`` is empty for the last page."""
    metadata = {"resourceVersion": str(cursor)} | ({"continue": token} if token else {})
    return b'],"metadata":%b}\n' % _encode(metadata)


def metadata_of(body: bytes, form: Format) -> bytes:
    """The ``PartialObjectMetadata`` of an object; raises `msgspec.DecodeError`."""
    metadata = bytes(_decode_partial(body).metadata)
    return b'{"kind":"PartialObjectMetadata","apiVersion":%b,"metadata":%b}' % (_encode(form.api_version), metadata)


def split_table(table: bytes) -> tuple[bytes, list[bytes]]:
    """Column definitions and rows of a table."""
    found = _decode_table(table)
    return bytes(found.column_definitions), [bytes(row) for row in found.rows]


def event(type_: Told, body: bytes) -> bytes:
    """A line of a watch."""
    return b'{"type":"%b","object":%b}\n' % (type_.encode(), body)


def last_state(resource: Resource, gone: Occurrence) -> bytes:
    """What is known of an object that is gone: its last state, else its identity; with the version of its deletion.

    So do API servers (k8s.io/apiserver, storage/etcd3 ``transform``), and clients go on from this version.
    """
    version = {"resourceVersion": str(gone.version)}
    if gone.last:
        state = _decode_members(gone.last)
        return _encode(state | {"metadata": _decode_members(state["metadata"]) | version})
    metadata = {"name": gone.key.name, "namespace": gone.key.namespace, "uid": gone.uid}
    told = {name: value for name, value in metadata.items() if value} | version
    return _encode({"kind": resource.kind, "apiVersion": resource.api_version, "metadata": told})


def bookmark(resource: Resource, form: Format, cursor: Cursor, *, ends_initial: bool = False) -> bytes:
    """The line that tells a client where it is."""
    kind, version = resource.kind, resource.api_version
    if form.shape is not Shape.OBJECT:
        kind, version = form.shape.value, form.api_version
    metadata: dict[str, object] = {"resourceVersion": str(cursor), "creationTimestamp": None}
    if ends_initial:
        metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
    told: dict[str, object] = {"kind": kind, "apiVersion": version, "metadata": metadata}
    if form.shape is Shape.TABLE:
        told |= {"columnDefinitions": [], "rows": []}
    return b'{"type":"BOOKMARK","object":%b}\n' % _encode(told)


def failure(status: Status) -> bytes:
    """The line that ends a watch."""
    return b'{"type":"ERROR","object":%b}\n' % status.body().strip()


def joined(items: Iterable[bytes]) -> bytes:
    """Items with what stands between them."""
    return SEPARATOR.join(items)
