"""Which object an answer to a write is about, and in what state: identity and version, never content."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from fairlead.contracts.identity import parse_version
from fairlead.gateway.core.facade import protobuf
from fairlead.gateway.core.facade.targets import Target, Verb

JSON = "application/json"
_METADATA, _DETAILS = 1, 5
_NAME, _NAMESPACE, _UID, _VERSION, _DELETED, _GRACE, _FINALIZERS = 1, 3, 5, 6, 9, 10, 14
"""Numbers of ``ObjectMeta``'s fields (k8s.io/apimachinery, meta/v1/generated.proto)."""
_DETAILS_NAME, _DETAILS_UID = 1, 6
_DRY_RUN = 5


@dataclass(frozen=True, slots=True)
class Written:
    """What an answered write did, as far as its answer tells: identity and version of the object it returned."""

    status: int
    namespace: str = ""
    name: str = ""
    uid: str = ""
    version: int | None = None
    deleted: bool = False
    """The object is gone, not only marked."""
    dry_run: bool = False
    """The body asked for a dry run; the query may have said so before."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer says of an object. Of a ``Status`` only name and UID are known: of what was deleted."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    version: int | None = None
    deleting: bool = False
    """It is marked as deleted."""
    held: bool = False
    """Finalizers or a grace period keep it although it is marked."""


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    finalizers: list[str] | None = None


class _Details(msgspec.Struct):
    name: str = ""
    uid: str = ""


class _Object(msgspec.Struct):
    kind: str = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Status(msgspec.Struct):
    details: _Details | None = None


class _DeleteOptions(msgspec.Struct, rename="camel"):
    dry_run: list[str] | None = None


_decode_object = msgspec.json.Decoder(_Object).decode
_decode_status = msgspec.json.Decoder(_Status).decode
_decode_options = msgspec.json.Decoder(_DeleteOptions).decode


def written(target: Target, status: int, answered: Answered | None, *, dry_run: bool = False) -> Written:
    """What a write did, by the answer to it; None for one that could not be read."""
    if answered is None or target.verb is Verb.DELETE_COLLECTION:
        return Written(status, dry_run=dry_run)  # of a collection the answer has the version of before
    if answered.kind == "Status" and target.verb is not Verb.DELETE:
        return Written(status, dry_run=dry_run)  # an eviction, a binding: of what it did to the object it says nothing
    return Written(
        status,
        answered.namespace,
        answered.name,
        answered.uid,
        answered.version,
        _is_gone(target, answered),
        dry_run,
    )


def _is_gone(target: Target, answered: Answered) -> bool:
    """Whether the object of an answer no longer exists.

    An answer to a deletion without deletionTimestamp shows the last state of what is gone; so does any answer with one that
    neither finalizers nor a grace period hold back. Namespaces go later, by finalizers of their own.
    """
    if (target.group, target.plural) == ("", "namespaces"):
        return False
    if not answered.deleting:
        return target.verb is Verb.DELETE
    return not answered.held


def read_answer(body: bytes, content_type: str) -> Answered | None:
    """Read what an answer is about; None when it cannot be told."""
    media = content_type.partition(";")[0].strip().lower()
    try:
        if media == protobuf.CONTENT_TYPE:
            return _of_protobuf(body)
        return _of_json(body) if media in (JSON, "") else None
    except (msgspec.DecodeError, UnicodeDecodeError, protobuf.MalformedProtobuf, RecursionError):
        return None


def asks_dry_run(body: bytes, content_type: str) -> bool | None:
    """Whether ``DeleteOptions``, the body of a deletion, ask for a dry run: kubectl and client-go say it there.

    None when it cannot be told: they may also be YAML or CBOR.
    """
    if not body:
        return False
    media = content_type.partition(";")[0].strip().lower()
    try:
        if media == protobuf.CONTENT_TYPE:
            return bool(protobuf.fields(protobuf.open_envelope(body).message).get(_DRY_RUN))
        return bool(_decode_options(body).dry_run)
    except (msgspec.DecodeError, UnicodeDecodeError, protobuf.MalformedProtobuf, RecursionError):
        return None


def _of_json(body: bytes) -> Answered:
    found = _decode_object(body)
    if found.kind == "Status":
        details = _decode_status(body).details or _Details()
        return Answered(found.kind, name=details.name, uid=details.uid)
    metadata = found.metadata
    return Answered(
        kind=found.kind,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        version=version_of(metadata.resource_version),
        deleting=metadata.deletion_timestamp is not None,
        held=bool(metadata.finalizers or metadata.deletion_grace_period_seconds),
    )


def _of_protobuf(body: bytes) -> Answered:
    kind, message = protobuf.open_envelope(body)
    found = protobuf.fields(message)
    if kind == "Status":
        details = protobuf.fields(protobuf.message(found, _DETAILS))
        return Answered(kind, name=protobuf.text(details, _DETAILS_NAME), uid=protobuf.text(details, _DETAILS_UID))
    metadata = protobuf.fields(protobuf.message(found, _METADATA))
    return Answered(
        kind=kind,
        namespace=protobuf.text(metadata, _NAMESPACE),
        name=protobuf.text(metadata, _NAME),
        uid=protobuf.text(metadata, _UID),
        version=version_of(protobuf.text(metadata, _VERSION)),
        deleting=_DELETED in metadata,
        held=bool(metadata.get(_FINALIZERS)) or bool(metadata.get(_GRACE, [0])[-1]),
    )


def version_of(text: str) -> int | None:
    """A resourceVersion as a number; None for what is none, and for zero, which no object has."""
    try:
        return parse_version(text) or None
    except ValueError:
        return None
