"""The annotation in which client-side apply remembers the manifest, byte for byte as kubectl writes it."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec

from fairlead.contracts.operations import InvalidRequest
from fairlead.executor.core.merging.difference import Object

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ANNOTATIONS_LIMIT_BYTES = 262_144
"""Of all annotations of an object together (``TotalAnnotationSizeLimitB`` in k8s.io/apimachinery)."""
_ESCAPED = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def read_object(data: bytes, what: str) -> Object:
    """Decode a JSON object.

    Raises:
        InvalidRequest: it is none.

    """
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise InvalidRequest([f"`{what}` is no JSON object"]) from None


def annotated(manifest: Object, namespace: str) -> Object:
    """Complete a manifest as kubectl does before it applies it: with its namespace, and itself in an annotation.

    Raises:
        InvalidRequest: its metadata are of a wrong shape, or the annotations get larger than an object's may be.

    """
    complete = copy.deepcopy(manifest)
    metadata = complete.setdefault("metadata", {})
    annotations = metadata.get("annotations")
    if annotations is None:
        annotations = metadata["annotations"] = {}
    if not isinstance(annotations, dict):
        raise InvalidRequest(["`manifest.metadata.annotations` must be an object"])
    if namespace:
        metadata.setdefault("namespace", namespace)
    annotations.pop(LAST_APPLIED, None)
    annotations[LAST_APPLIED] = go_json(complete)
    size_bytes = sum(len(str(each).encode()) for pair in annotations.items() for each in pair)
    if size_bytes > ANNOTATIONS_LIMIT_BYTES:
        told = (
            f"metadata.annotations: Too long: must have at most {ANNOTATIONS_LIMIT_BYTES} bytes, and would have"
            f" {size_bytes} with the copy of the manifest that client-side apply keeps there; apply it server-side"
        )
        raise InvalidRequest([told])
    return complete


def last_applied(live: Object) -> Object:
    """Read the manifest that was applied last; empty when none was.

    Raises:
        InvalidRequest: the annotation is no JSON object, so that nobody can say what to remove.

    """
    annotations = (live.get("metadata") or {}).get("annotations") or {}
    text = annotations.get(LAST_APPLIED)
    return read_object(text.encode(), f"the live object's annotation {LAST_APPLIED}") if text else {}


def go_json(value: Any) -> str:
    r"""Write JSON as Go's encoder does: keys sorted, ``<>&`` escaped, whole numbers without a point, a newline at the end."""
    text = json.dumps(_with_whole_numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.translate(_ESCAPED) + "\n"


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_whole_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value
