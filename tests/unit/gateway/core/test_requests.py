"""What history keeps of a request."""

from __future__ import annotations

import json
from typing import Any

from fairlead.contracts.operations import OperationRequest, decode_request
from fairlead.gateway.core.operations import Subject
from fairlead.gateway.core.requests import LAST_APPLIED, METADATA_LIMIT_BYTES, subject_of

SECRET = "c2VjcmV0"


def _apply(metadata: dict[str, Any]) -> OperationRequest:
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"key": SECRET}}
    return decode_request(json.dumps({"account": "a", "kind": "apply", "manifest": manifest}).encode())


def test_metadata_without_data() -> None:
    """Identity, labels and annotations are kept; data and the last-applied copy of it are not."""
    request = _apply({
        "name": "web", "namespace": "shop", "labels": {"app": "web"},
        "annotations": {LAST_APPLIED: SECRET, "team": "a"},
    })  # fmt: skip
    subject = subject_of(request)
    assert subject == Subject("v1", "Secret", "shop", "web", {"app": "web"}, {"team": "a"})
    assert SECRET not in repr(subject)


def test_annotations_that_may_hold_documents_are_left_out() -> None:
    """Other tools than kubectl keep copies of manifests in annotations, as JSON, YAML or packed."""
    copies = {"json": f'{{"data":"{SECRET}"}}', "yaml": f"kind: Secret\ndata: {SECRET}", "packed": SECRET * 100}
    assert subject_of(_apply({"name": "web", "annotations": {**copies, "team": "a"}})).annotations == {"team": "a"}


def test_odd_metadata_is_left_out() -> None:
    """Metadata beyond the limit or of a wrong shape is not kept; the request itself is the API server's to refuse."""
    large = subject_of(_apply({"name": "web", "annotations": {"a": "x" * METADATA_LIMIT_BYTES}}))
    assert (large.name, large.annotations) == ("web", {})
    assert subject_of(_apply({"name": "web", "labels": {"a": 1}})) == Subject()


def test_targets() -> None:
    """Other requests are about their target."""
    body = {"account": "a", "kind": "delete", "target": {"kind": "Pod", "namespace": "shop", "name": "web"}}
    request = decode_request(json.dumps(body).encode())
    assert subject_of(request) == Subject("", "Pod", "shop", "web")
