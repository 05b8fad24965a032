"""The annotation that remembers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.contracts.operations import InvalidRequest
from fairlead.executor.core.merging.applied import (
    ANNOTATIONS_LIMIT_BYTES,
    LAST_APPLIED,
    annotated,
    go_json,
    last_applied,
    read_object,
)


def manifest(**metadata: Any) -> dict[str, Any]:
    """A ConfigMap."""
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "cargo", **metadata}}


def test_a_manifest_remembers_itself_without_what_it_remembered_before() -> None:
    """Sorted, with its namespace and with annotations even when it has none; the manifest given is left alone."""
    given = manifest(annotations={LAST_APPLIED: "old", "a": "b"})
    complete = annotated(given, "sea")
    remembered = complete["metadata"]["annotations"][LAST_APPLIED]

    assert remembered == (
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{"a":"b"},"name":"cargo","namespace":"sea"}}\n'
    )
    assert json.loads(annotated(manifest(), "")["metadata"]["annotations"][LAST_APPLIED])["metadata"] == {
        "annotations": {}, "name": "cargo",
    }  # fmt: skip
    assert given == manifest(annotations={LAST_APPLIED: "old", "a": "b"})
    assert last_applied(complete) == json.loads(remembered)


def test_json_is_gos() -> None:
    """Signs that mean something in HTML are escaped, whole numbers have no point, other text stays."""
    assert (
        go_json({"b": "<&>\u2028ü", "a": [1.0, 1.5, True, None]})
        == '{"a":[1,1.5,true,null],"b":"\\u003c\\u0026\\u003e\\u2028ü"}\n'
    )


def test_annotations_have_a_limit() -> None:
    """The server's, told before it is asked, with what to do."""
    with pytest.raises(InvalidRequest, match=r"must have at most 262144 bytes.*server-side"):
        annotated({**manifest(), "data": {"load": "x" * ANNOTATIONS_LIMIT_BYTES}}, "sea")


def test_broken_metadata_are_told() -> None:
    """Annotations that are none, a memory that is no JSON, a body that is no object."""
    with pytest.raises(InvalidRequest, match="must be an object"):
        annotated(manifest(annotations=[]), "sea")
    with pytest.raises(InvalidRequest, match=LAST_APPLIED):
        last_applied(manifest(annotations={LAST_APPLIED: "{"}))
    with pytest.raises(InvalidRequest, match="no JSON object"):
        read_object(b"[]", "manifest")
    assert last_applied(manifest()) == last_applied(manifest(annotations={LAST_APPLIED: ""})) == {}
