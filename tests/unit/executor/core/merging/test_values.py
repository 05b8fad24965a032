"""Values as Go has them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.executor.core.merging.values import (
    MergeFault,
    element_type,
    in_order,
    key_of,
    position,
    same,
    sorted_objects,
    sorted_scalars,
    text,
    without_duplicates,
    without_nulls,
)


def test_types_tell_values_apart() -> None:
    """One, one point nought and true are three values, at any depth."""
    assert same({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})
    assert not same({"a": [1]}, {"a": [1.0]})
    assert not same({"a": 1}, {"a": True})
    assert not same({"a": 1}, {"a": 1, "b": 1})
    assert not same([1, 2], [1])


def test_scalars_are_sorted_by_their_texts() -> None:
    """As Go prints them."""
    assert (text(None), text(True), text(5), text("5")) == ("<nil>", "true", "5", "5")
    assert sorted_scalars([10, 9, "a"]) == [10, 9, "a"]


def test_objects_of_one_key_are_turned_round() -> None:
    """What kubectl's way of sorting does to them."""
    objects = [{"k": 2, "n": 1}, {"k": 1, "n": 2}, {"k": 1, "n": 3}]

    assert [each["n"] for each in sorted_objects(objects, "k")] == [3, 2, 1]


@given(st.lists(st.integers(0, 5)))
def test_duplicates_go(scalars: list[int]) -> None:
    """Each value stays once, and the first one in its place."""
    kept = without_duplicates(scalars)

    assert sorted(kept) == sorted(set(scalars))
    assert kept[:1] == scalars[:1]


def test_the_last_takes_the_place_of_a_duplicate() -> None:
    """The order is kubectl's."""
    assert without_duplicates(["a", "a", "b", "c"]) == ["a", "c", "b"]


def test_lists_have_elements_of_one_type() -> None:
    """Mixed ones, lists of lists and nothing at all cannot be merged."""
    assert element_type([{"a": 1}], [{}]) is dict
    broken: list[list[Any]] = [[[1, "a"]], [[[1]]], [[]]]
    for lists in broken:
        with pytest.raises(MergeFault):
            element_type(*lists)


def test_keys_are_found() -> None:
    """The first of a key counts; an element without it is a fault."""
    assert position([{"k": 1}, {"k": 2}, {"k": 2}], {"k": 2}, "k") == 1
    assert position(["a"], "b", "") == -1
    with pytest.raises(MergeFault, match="merge key: k"):
        key_of({"j": 1}, "k")


def test_order_is_that_of_another_list() -> None:
    """Deletions go last."""
    elements = [{"k": "c"}, {"k": "x", "$patch": "delete"}, {"k": "a"}]

    assert in_order(elements, [{"k": "a"}, {"k": "c"}], "k") == [{"k": "a"}, {"k": "c"}, elements[1]]


def test_nulls_go_from_objects_alone() -> None:
    """Elements of lists stay."""
    assert without_nulls({"a": None, "b": {"c": None}, "d": [None, {"e": None}]}) == {"b": {}, "d": [None, {}]}
