"""Custom resources come and go with their definitions."""

from __future__ import annotations

from tests.unit.simcluster.calls import DEFINITIONS, MERGE, WIDGETS, Hands, definition

from fairlead.simcluster.api.answers import Answer, WatchAnswer
from fairlead.simcluster.controllers.definitions import resources_of

WIDGET = {"apiVersion": "shop.example/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"a": 1}}


def test_a_definition_names_its_resources() -> None:
    """Storage version first, unserved ones left out."""
    manifest = definition("v1", "v2", "v3")
    manifest["spec"]["versions"][2]["served"] = False
    found = resources_of(manifest)

    assert [each.version for each in found] == ["v1", "v2"]
    assert {each.storage for each in found} == {"shop.example/widgets"}
    assert (found[0].collection_kind, found[0].singular, found[0].subresources) == ("WidgetList", "widget", ("status",))


def test_a_definition_is_served_and_established() -> None:
    """At once, and its status says so after a turn of the controllers."""
    hands = Hands()
    hands.call("POST", DEFINITIONS, definition())
    assert hands.call("POST", WIDGETS, WIDGET)[0] == 201
    hands.settle()
    status = hands.get(f"{DEFINITIONS}/widgets.shop.example")["status"]

    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert status["storedVersions"] == ["v1"]


def test_versions_may_be_added_and_withdrawn() -> None:
    """The same objects under each served version."""
    hands = Hands()
    hands.call("POST", DEFINITIONS, definition())
    hands.call("POST", WIDGETS, WIDGET)
    versions = definition("v1", "v2")["spec"]["versions"]
    path = f"{DEFINITIONS}/widgets.shop.example"
    hands.call("PATCH", path, {"spec": {"versions": versions}}, content_type=MERGE)
    second = WIDGETS.replace("/v1/", "/v2/")
    assert hands.get(f"{second}/w")["apiVersion"] == "shop.example/v2"
    hands.call("PATCH", path, {"spec": {"versions": versions[:1]}}, content_type=MERGE)

    assert hands.answer("GET", second) != hands.answer("GET", WIDGETS)
    assert hands.state.registry.versions("shop.example") == ["v1"]


def test_a_removed_definition_deletes_and_ends_watches() -> None:
    """DELETED for each object, then the end; the paths are plain 404."""
    hands = Hands()
    hands.call("POST", DEFINITIONS, definition())
    hands.call("POST", WIDGETS, WIDGET)
    hands.settle()
    answer = hands.answer("GET", f"{WIDGETS}?watch=1&resourceVersion={hands.state.store.version}")
    assert isinstance(answer, WatchAnswer)
    _, going = hands.call("DELETE", f"{DEFINITIONS}/widgets.shop.example")
    hands.settle(1)

    assert going["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    assert b'"type":"DELETED"' in answer.cursor.take(1 << 20)
    assert answer.cursor.take(1 << 20) == b""
    assert answer.cursor.ended
    gone = hands.answer("GET", WIDGETS)
    assert isinstance(gone, Answer)
    assert (gone.code, gone.pieces) == (404, [b"404 page not found\n"])


def test_held_objects_hold_their_definition() -> None:
    """Until their finalizers go."""
    hands = Hands()
    hands.call("POST", DEFINITIONS, definition())
    hands.call("POST", WIDGETS, {**WIDGET, "metadata": {"name": "w", "finalizers": ["a/b"]}})
    hands.call("DELETE", f"{DEFINITIONS}/widgets.shop.example")
    hands.settle(2)
    assert hands.names(DEFINITIONS) == ["widgets.shop.example"]
    hands.call("PATCH", f"{WIDGETS}/w", {"metadata": {"finalizers": None}}, content_type=MERGE)
    hands.settle(1)

    assert hands.names(DEFINITIONS) == []
