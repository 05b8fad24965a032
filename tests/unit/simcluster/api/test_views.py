"""Forms in which objects go out."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from fairlead.simcluster.api.routes import Request
from fairlead.simcluster.api.views import View, negotiate
from fairlead.simcluster.errors import StatusError
from fairlead.simcluster.resources import Registry, Resource
from fairlead.simcluster.store import encode_entry

PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
ENTRY = encode_entry({"metadata": {"name": "a", "namespace": "x"}, "data": {"k": "v"}}, 3)


def _asking(accept: str) -> Request:
    return Request("GET", "/api/v1/configmaps", headers={"accept": accept})


def _maps() -> Resource:
    found = Registry().by_key("configmaps")
    assert found is not None
    return found


def test_built_in_objects_have_their_type_when_alone() -> None:
    """Not as items."""
    view = View(_maps())

    assert view.whole(ENTRY).startswith(b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"')
    assert view.item(ENTRY) is ENTRY.body
    assert view.event("ADDED", ENTRY).startswith(b'{"type":"ADDED","object":{"kind":"ConfigMap"')
    assert view.event("ADDED", ENTRY).endswith(b'"data":{"k":"v"}}}\n')


def test_custom_objects_always_have_their_type() -> None:
    """ApiVersion first, and `items` before `metadata` in lists."""
    view = View(replace(_maps(), custom=True))
    head, tail = view.frame({"resourceVersion": "3"})

    assert view.item(ENTRY).startswith(b'{"apiVersion":"v1","kind":"ConfigMap"')
    assert list(msgspec.json.decode(head + tail)) == ["apiVersion", "items", "kind", "metadata"]


def test_metadata_views_hold_nothing_else() -> None:
    """For objects, items, lists and bookmarks."""
    view = View(_maps(), partial=True)
    head, tail = view.frame({"resourceVersion": "3"})

    document = msgspec.json.decode(head + view.item(ENTRY) + tail)
    assert document["kind"] == "PartialObjectMetadataList"
    assert set(document["items"][0]) == {"kind", "apiVersion", "metadata"}
    assert b"PartialObjectMetadata" in view.bookmark(9)


def test_bookmarks_carry_a_version_and_perhaps_the_end() -> None:
    """KEP-3157's annotation."""
    view = View(_maps())

    assert msgspec.json.decode(view.bookmark(9)) == {
        "type": "BOOKMARK",
        "object": {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}},
    }
    assert b'"k8s.io/initial-events-end":"true"' in view.bookmark(9, end_of_initial=True)


@pytest.mark.parametrize(
    ("accept", "partial"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json;as=Rows;g=meta.k8s.io;v=v1, application/json", False),
        ("application/vnd.kubernetes.protobuf,application/json", False),
        (PARTIAL, True),
        (f"text/xml,{PARTIAL}", True),
    ],
)
def test_accept_decides(accept: str, partial: bool) -> None:
    """The first clause that can be met."""
    assert negotiate(_asking(accept), _maps(), collection=False).partial is partial


@pytest.mark.parametrize(
    ("accept", "collection"),
    [("text/xml", True), (PARTIAL, True), (PARTIAL.replace("Metadata;", "MetadataList;"), False)],
)
def test_what_cannot_be_met_is_not_acceptable(accept: str, collection: bool) -> None:
    """406."""
    with pytest.raises(StatusError) as caught:
        negotiate(_asking(accept), _maps(), collection=collection)
    assert caught.value.code == 406


def test_a_watch_takes_either_metadata_form() -> None:
    """Its events are single objects."""
    assert negotiate(_asking(PARTIAL), _maps(), collection=True, watch=True).partial


def test_shared_storage_is_converted() -> None:
    """events.k8s.io sees its own names."""
    named = Registry().by_key("events.events.k8s.io")
    assert named is not None
    entry = encode_entry({"metadata": {"name": "e"}, "message": "m"}, 1)

    assert msgspec.json.decode(View(named).whole(entry))["note"] == "m"
    assert "note" in msgspec.json.decode(View(named).item(entry))


def test_a_table_carries_what_it_is_asked_to() -> None:
    """Metadata by default, the whole object, or nothing beside the cells."""
    rows = {include: View(_maps(), table=True, include=include) for include in ("Metadata", "Object", "None")}
    made = {include: msgspec.json.decode(view.whole(ENTRY)) for include, view in rows.items()}

    assert {table["kind"] for table in made.values()} == {"Table"}
    assert made["Metadata"]["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert made["Object"]["rows"][0]["object"]["data"] == {"k": "v"}
    assert "object" not in made["None"]["rows"][0]
    assert made["None"]["rows"][0]["cells"][:2] == ["a", 1]


def test_a_list_of_rows_is_one_table() -> None:
    """Columns once, before the rows."""
    view = View(_maps(), table=True)
    head, tail = view.frame({"resourceVersion": "3"})
    table = msgspec.json.decode(head + view.item(ENTRY) + tail)

    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert len(table["rows"]) == 1
