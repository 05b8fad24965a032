"""Strategic merge patch."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.simcluster.strategic import strategic_merge

WEB = {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}]}
SIDE = {"name": "side", "image": "side:1"}


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": None, "b": 3}, {"b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 5}}, {"a": {"b": 5, "c": 2}}),
        ({"a": {"b": 1}}, {"a": {"$patch": "delete"}}, {}),
        ({"a": {"b": 1}}, {"a": {"$patch": "replace", "c": 1}}, {"a": {"c": 1}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"$retainKeys": ["b"], "b": 3}}, {"a": {"b": 3}}),
        ({"finalizers": ["a"]}, {"finalizers": ["b"]}, {"finalizers": ["a", "b"]}),
        ({"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, {"finalizers": ["b"]}),
        ({"args": ["a"]}, {"args": ["b"]}, {"args": ["b"]}),
        ({}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_fields_and_directives(target: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    """Objects merge, plain lists are replaced, directives are obeyed."""
    assert strategic_merge(target, patch) == expected


def test_lists_merge_by_their_key() -> None:
    """Containers by name, their environment by name."""
    merged = strategic_merge(
        {"containers": [WEB, SIDE]}, {"containers": [{"name": "web", "env": [{"name": "B", "value": "2"}]}]}
    )

    [web, side] = merged["containers"]
    assert web["image"] == "web:1"
    assert web["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert side == SIDE


def test_items_are_deleted_added_and_ordered() -> None:
    """`$patch: delete`, new names at the end, `$setElementOrder` decides."""
    new = {"name": "new", "image": "new:1"}
    patch = {
        "containers": [{"name": "side", "$patch": "delete"}, new],
        "$setElementOrder/containers": [{"name": "new"}, {"name": "web"}],
    }

    merged = strategic_merge({"containers": [WEB, SIDE]}, patch)
    assert [each["name"] for each in merged["containers"]] == ["new", "web"]


def test_a_list_may_be_replaced_whole() -> None:
    """A `$patch: replace` item takes the others' place."""
    merged = strategic_merge({"containers": [WEB, SIDE]}, {"containers": [SIDE, {"$patch": "replace"}]})

    assert merged == {"containers": [SIDE]}


def test_ports_know_whose_they_are() -> None:
    """A Service's by port, a container's by containerPort."""
    service = strategic_merge({"ports": [{"port": 80, "name": "a"}]}, {"ports": [{"port": 80, "name": "b"}]})
    container = strategic_merge({"ports": [{"containerPort": 80}]}, {"ports": [{"containerPort": 81}]})

    assert service == {"ports": [{"port": 80, "name": "b"}]}
    assert container == {"ports": [{"containerPort": 80}, {"containerPort": 81}]}
