"""Objects as bytes: who they are, and the same bytes without ``managedFields``.

This is the hot path of the watcher: ``prepare`` does both with three shallow msgspec passes (7 µs for a Pod of
5 KB). Values are cut out and put back as the exact bytes the server sent; only keys of the two outermost levels are
written anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fairlead.contracts.identity import parse_version
from fairlead.kube.errors import ProtocolError

if TYPE_CHECKING:
    from fairlead.contracts.identity import Resource


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Who an object is and which state of it this is."""

    name: str
    namespace: str
    uid: str
    version: int


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """An object ready to be passed on: its identity and its bytes without ``managedFields``."""

    identity: Identity
    body: bytes


class _Meta(msgspec.Struct, gc=False):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815  # the wire's name


_decode_meta = msgspec.json.Decoder(_Meta).decode
_decode_level = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode

# The texts of msgspec's errors name places and types, never values. Nesting is the only way to a RecursionError.
_UNDECODABLE = (ValueError, msgspec.MsgspecError, RecursionError)
_NOT_AN_OBJECT = "not a Kubernetes object: {}"


def strip_managed_fields(raw: bytes) -> bytes:
    """Cut ``metadata.managedFields`` out; bytes without it are returned as they are, the very same object.

    Raises:
        ProtocolError: the bytes are no JSON object.

    """
    try:
        top = _decode_level(raw)
        meta = _decode_level(top["metadata"]) if "metadata" in top else {}
        if "managedFields" not in meta:
            return raw
        del meta["managedFields"]
        top["metadata"] = msgspec.Raw(_encode(meta))
        return _encode(top)
    except _UNDECODABLE as error:
        raise ProtocolError(_NOT_AN_OBJECT.format(error)) from error


def prepare(raw: bytes, resource: Resource | None = None) -> Prepared:
    """Identify an object and strip its managed fields in one go.

    With ``resource`` the body also names it, as items of lists and objects read as PartialObjectMetadata do not: a missing
    or wrong ``apiVersion`` and ``kind`` are replaced.

    Raises:
        ProtocolError: the bytes are no JSON object with metadata, a name and a numeric resourceVersion.

    """
    try:
        top = _decode_level(raw)
        raw_meta = top.get("metadata")
        if raw_meta is None:
            raise ProtocolError(_NOT_AN_OBJECT.format("no metadata"))
        meta = _decode_level(raw_meta)
        changed = meta.pop("managedFields", None) is not None
        if changed:
            top["metadata"] = raw_meta = msgspec.Raw(_encode(meta))
        identity = _identity(_decode_meta(raw_meta))
        if resource is not None and not _is_typed(top, resource):
            top = _typed(top, resource)
            changed = True
    except _UNDECODABLE as error:
        raise ProtocolError(_NOT_AN_OBJECT.format(error)) from error
    return Prepared(identity, _encode(top) if changed else raw)


def _identity(meta: _Meta) -> Identity:
    if not meta.name:
        raise ProtocolError(_NOT_AN_OBJECT.format("no metadata.name"))
    return Identity(meta.name, meta.namespace, meta.uid, parse_version(meta.resourceVersion))


def _is_typed(top: dict[str, msgspec.Raw], resource: Resource) -> bool:
    kind, api_version = top.get("kind"), top.get("apiVersion")
    if kind is None or api_version is None:
        return False
    return bytes(kind) == _quoted(resource.kind) and bytes(api_version) == _quoted(resource.api_version)


def _typed(top: dict[str, msgspec.Raw], resource: Resource) -> dict[str, msgspec.Raw]:
    typed = {"apiVersion": msgspec.Raw(_quoted(resource.api_version)), "kind": msgspec.Raw(_quoted(resource.kind))}
    top.pop("apiVersion", None)
    top.pop("kind", None)
    return typed | top


def _quoted(name: str) -> bytes:
    """Write a JSON string; names of kinds and versions need no escapes (RFC 1123 labels, Go identifiers)."""
    return b'"' + name.encode() + b'"'
