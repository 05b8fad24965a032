"""Halves of differences; tests/integration/executor/test_apply_like_kubectl.py holds them against kubectl's own."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.patch_schemas import boat

from fairlead.executor.core.merging.difference import Side, difference
from fairlead.executor.core.merging.values import MergeFault


def half(before: dict[str, Any], after: dict[str, Any], side: Side) -> dict[str, Any]:
    """The difference of two specs."""
    found = difference({"spec": before}, {"spec": after}, boat(), side)
    inner: dict[str, Any] = found.get("spec", {})
    return inner


def crew(*names: str) -> list[dict[str, Any]]:
    """Some sailors."""
    return [{"name": name} for name in names]


def test_changes_leave_out_what_went() -> None:
    """What is new or different; what is gone is the other half."""
    before, after = {"knots": 5, "lights": ["red"]}, {"lights": ["green"], "free": {"a": 1}}

    assert half(before, after, Side.CHANGES) == {"lights": ["green"], "free": {"a": 1}}
    assert half(before, after, Side.DELETIONS) == {"knots": None}


def test_lists_merge_by_key() -> None:
    """An element that changed is told with its key; one that went is deleted; the order of all is told."""
    before = {"crew": [{"name": "ann", "rank": "a"}, {"name": "bob"}]}
    after = {"crew": [{"name": "cid"}, {"name": "ann", "rank": "b"}]}

    assert half(before, after, Side.CHANGES) == {
        "crew": [{"name": "cid"}, {"name": "ann", "rank": "b"}], "$setElementOrder/crew": crew("cid", "ann"),
    }  # fmt: skip
    assert half(before, after, Side.DELETIONS) == {
        "crew": [{"name": "bob", "$patch": "delete"}], "$setElementOrder/crew": crew("cid", "ann"),
    }  # fmt: skip


def test_scalars_merge_as_a_set() -> None:
    """Additions and deletions stand apart."""
    before, after = {"holds": ["a", "b"]}, {"holds": ["b", "c"]}

    assert half(before, after, Side.CHANGES) == {"holds": ["c"], "$setElementOrder/holds": ["b", "c"]}
    assert half(before, after, Side.DELETIONS) == {
        "$deleteFromPrimitiveList/holds": ["a"], "$setElementOrder/holds": ["b", "c"],
    }  # fmt: skip


def test_unions_name_what_stays() -> None:
    """So that the other members go, whoever set them."""
    before, after = {"rig": {"type": "a", "mast": {"box": {}}}}, {"rig": {"type": "b"}}

    assert half(before, after, Side.CHANGES) == {"rig": {"type": "b", "$retainKeys": ["type"]}}
    assert half({"rig": {"type": "b"}}, after, Side.CHANGES) == {}


def test_a_replaced_object_is_told_whole() -> None:
    """Even when nothing changed, as by kubectl."""
    papers = {"papers": {"type": "a"}}

    assert half(papers, papers, Side.CHANGES) == papers
    assert half(papers, papers, Side.DELETIONS) == {}


def test_what_does_not_fit_is_a_fault() -> None:
    """Unknown fields that differ, elements without their key, mixed lists; equal ones are let be."""
    assert half({"anchor": {"a": 1}}, {"anchor": {"a": 1}}, Side.CHANGES) == {}
    for before, after in (
        ({"anchor": {"a": 1}}, {"anchor": {"a": 2}}),
        ({"crew": [{"rank": "a"}]}, {"crew": crew("ann")}),
        ({"crew": crew("ann")}, {"crew": ["ann"]}),
    ):
        with pytest.raises(MergeFault):
            half(before, after, Side.CHANGES)
