"""Lists and events, spliced."""

from __future__ import annotations

import json

import pytest

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.facade import documents
from fairlead.gateway.core.facade.cursors import Cursor
from fairlead.gateway.core.facade.formats import Format, Shape
from fairlead.gateway.core.facade.statuses import expired
from fairlead.gateway.core.facade.watching import Occurrence, Told

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
CURSOR = Cursor(7, 100)
BODY = b'{"kind":"Deployment","metadata":{"name":"web","labels":{"a":"\xc3\xa4"}},"spec":{}}'


@pytest.mark.parametrize("items", [[], [BODY], [BODY, BODY]])
@pytest.mark.parametrize("token", ["", "fairlead.x"])
def test_a_list_is_one_document(items: list[bytes], token: str) -> None:
    """Kind and version of the list, items as they are, and metadata."""
    text = documents.list_head(DEPLOYMENTS, Format()) + documents.joined(items) + documents.list_tail(CURSOR, token)
    metadata = {"resourceVersion": str(CURSOR)} | ({"continue": token} if token else {})
    assert json.loads(text) == {
        "kind": "DeploymentList", "apiVersion": "apps/v1", "items": [json.loads(item) for item in items], "metadata": metadata,
    }  # fmt: skip


def test_metadata_is_cut_out() -> None:
    """Of the object nothing but its metadata."""
    form = Format(Shape.METADATA, "meta.k8s.io/v1beta1")
    item = documents.metadata_of(BODY, form)
    assert json.loads(item) == {
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1beta1", "metadata": json.loads(BODY)["metadata"],
    }  # fmt: skip
    listed = json.loads(documents.list_head(DEPLOYMENTS, form) + item + documents.list_tail(CURSOR, ""))
    assert (listed["kind"], listed["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1beta1")


def test_tables_are_put_together_from_pieces() -> None:
    """Columns once, rows of many pages."""
    piece = (
        b'{"kind":"Table","columnDefinitions":[{"name":"Name"}],"rows":[{"cells":["a"]},{"cells":["b"]}],"metadata":{}}'
    )
    columns, rows = documents.split_table(piece)
    head = documents.list_head(DEPLOYMENTS, Format(Shape.TABLE), columns)
    table = json.loads(head + documents.joined([*rows, *rows]) + documents.list_tail(CURSOR, ""))
    assert table == {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "columnDefinitions": [{"name": "Name"}],
        "rows": [{"cells": [cell]} for cell in "abab"], "metadata": {"resourceVersion": str(CURSOR)},
    }  # fmt: skip


def test_events_are_lines() -> None:
    """One document each, closed by the line's end."""
    gone = Occurrence(9, ObjectKey("shop", "web"), uid="u1", version=77)
    lines = [
        documents.event(Told.ADDED, BODY),
        documents.event(Told.DELETED, documents.last_state(DEPLOYMENTS, gone)),
        documents.failure(expired("too old")),
    ]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    added, deleted, failed = (json.loads(line) for line in lines)
    assert added == {"type": "ADDED", "object": json.loads(BODY)}
    assert deleted == {"type": "DELETED", "object": {
        "kind": "Deployment", "apiVersion": "apps/v1",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "77"},
    }}  # fmt: skip
    assert (failed["type"], failed["object"]["code"], failed["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_what_is_gone_is_told_in_its_last_state() -> None:
    """As API servers do: all of it, in the version of the deletion, which the client goes on from."""
    last = b'{"kind":"Deployment","metadata":{"name":"web","resourceVersion":"70","labels":{"a":"b"}},"spec":{"x":1}}'
    gone = Occurrence(9, ObjectKey("shop", "web"), uid="u1", version=77, last=last)
    told = json.loads(documents.last_state(DEPLOYMENTS, gone))
    before = json.loads(last)
    assert told == before | {"metadata": before["metadata"] | {"resourceVersion": "77"}}


def test_bookmarks_tell_a_place() -> None:
    """In the form of the watch; the one behind the initial events says so."""
    plain = json.loads(documents.bookmark(DEPLOYMENTS, Format(), CURSOR))
    assert (plain["type"], plain["object"]["kind"], plain["object"]["apiVersion"]) == (
        "BOOKMARK",
        "Deployment",
        "apps/v1",
    )
    assert plain["object"]["metadata"]["resourceVersion"] == str(CURSOR)
    ended = json.loads(documents.bookmark(DEPLOYMENTS, Format(Shape.METADATA), CURSOR, ends_initial=True))
    assert ended["object"]["kind"] == "PartialObjectMetadata"
    assert ended["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    table = json.loads(documents.bookmark(DEPLOYMENTS, Format(Shape.TABLE), CURSOR))
    assert (table["object"]["kind"], table["object"]["rows"]) == ("Table", [])
