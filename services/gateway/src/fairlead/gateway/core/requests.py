"""What history keeps of a request: who and where, and a manifest's metadata, never its data."""

from __future__ import annotations

import msgspec

from fairlead.contracts.operations import OperationRequest
from fairlead.gateway.core.operations import Subject

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ANNOTATION_LIMIT = 512
"""Longer annotations are left out of history, as are those that may hold a document: like kubectl, kapp and Rancher keep
copies of whole manifests in annotations."""
METADATA_LIMIT_BYTES = 64 * 1024
"""Labels and annotations past this are left out of history as a whole."""


class _Metadata(msgspec.Struct):
    name: str = ""
    generateName: str = ""  # noqa: N815 - the wire name
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Manifest(msgspec.Struct):
    apiVersion: str = ""  # noqa: N815 - the wire name
    kind: str = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_decoder = msgspec.json.Decoder(_Manifest)


def subject_of(request: OperationRequest) -> Subject:
    """Read what a request is about; metadata of a wrong shape is left out, the API server will refuse it."""
    manifest = bytes(request.manifest)
    if manifest:
        return _subject_of_manifest(manifest)
    target = request.target
    if target is None:
        return Subject()
    return Subject(target.apiVersion, target.kind, target.namespace, target.name)


def _subject_of_manifest(manifest: bytes) -> Subject:
    try:
        head = _decoder.decode(manifest)
    except msgspec.DecodeError:
        return Subject()
    metadata = head.metadata
    labels = metadata.labels or {}
    annotations = {
        name: text
        for name, text in (metadata.annotations or {}).items()
        if name != LAST_APPLIED and not _may_hold_document(text)
    }
    if (
        sum(len(name) + len(text) for each in (labels, annotations) for name, text in each.items())
        > METADATA_LIMIT_BYTES
    ):
        labels, annotations = {}, {}
    name = metadata.name or (metadata.generateName and f"{metadata.generateName}*")
    return Subject(head.apiVersion, head.kind, metadata.namespace, name, labels, annotations)


def _may_hold_document(text: str) -> bool:
    return len(text) > ANNOTATION_LIMIT or not {"{", "\n"}.isdisjoint(text)
