"""Field sets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.simcluster import fields

OBJECT = {
    "spec": {"replicas": 1, "containers": [{"name": "web", "image": "a"}], "args": ["x"], "selector": {"a": "b"}},
    "metadata": {"finalizers": ["hold"]},
}
_sets: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.builds(dict),
    lambda inner: st.dictionaries(st.sampled_from(["f:a", "f:b", "f:c"]), inner, max_size=3),
    max_leaves=6,
)


def test_the_set_of_an_object() -> None:
    """Fields, keyed items, set items; selectors and plain lists are leaves."""
    assert fields.field_set(OBJECT) == {
        "f:spec": {
            "f:replicas": {},
            "f:containers": {'k:{"name":"web"}': {".": {}, "f:name": {}, "f:image": {}}},
            "f:args": {},
            "f:selector": {},
        },
        "f:metadata": {"f:finalizers": {'v:"hold"': {}}},
    }


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2, "b": {"c": 1}}, {"f:a": {}, "f:b": {"f:c": {}}}),
        ({"args": [1]}, {"args": [2]}, {"f:args": {}}),
        ({"selector": {"a": "1"}}, {"selector": {"a": "2"}}, {"f:selector": {}}),
        (
            {"containers": [{"name": "w", "image": "1", "more": 1}]},
            {"containers": [{"name": "w", "image": "2"}]},
            {"f:containers": {'k:{"name":"w"}': {"f:image": {}}}},
        ),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {}),
    ],
)
def test_what_changed(old: Any, new: Any, expected: Any) -> None:
    """Only what the new one says otherwise; what it leaves out does not count."""
    assert fields.changed(old, new) == expected


@given(_sets, _sets)
def test_sets_behave_as_sets(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Union with itself and difference from itself."""
    assert fields.union(one, one) == one
    assert fields.difference(one, one) == {}
    assert fields.intersection(one, one) == one
    assert fields.existing(one, fields.union(one, other)) == one


def test_difference_and_intersection() -> None:
    """Down to the leaves."""
    one: dict[str, Any] = {"f:a": {"f:x": {}, "f:y": {}}, "f:b": {}}
    other: dict[str, Any] = {"f:a": {"f:x": {}}}

    assert fields.difference(one, other) == {"f:a": {"f:y": {}}, "f:b": {}}
    assert fields.intersection(one, other) == {"f:a": {"f:x": {}}}


def test_fields_that_are_gone_are_dropped() -> None:
    """Of a manager's set, what the object still has."""
    owned: dict[str, Any] = {"f:a": {"f:x": {}, "f:y": {}}, "f:b": {"f:z": {}}}

    assert fields.existing(owned, fields.field_set({"a": {"x": 1}})) == {"f:a": {"f:x": {}}}


def test_paths_are_written_as_the_server_does() -> None:
    """With brackets for keyed items."""
    found = fields.paths(fields.field_set({"spec": {"ports": [{"port": 80}], "finalizers": ["x"], "a": 1}}))

    assert found == ['.spec.ports[port=80,protocol="TCP"].port', '.spec.finalizers[="x"]', ".spec.a"]


def test_system_metadata_has_no_owner() -> None:
    """Names, versions and times are nobody's; status belongs to its subresource."""
    obj = {"metadata": {"name": "a", "uid": "u", "labels": {"x": "y"}}, "spec": {}, "status": {"ok": 1}}

    assert fields.managed_part(obj, status=False) == {"metadata": {"labels": {"x": "y"}}, "spec": {}}
    assert fields.managed_part(obj, status=True) == {"status": {"ok": 1}}
    assert fields.managed_part({"metadata": {}}, status=True) == {}
