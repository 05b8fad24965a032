"""One patch over another."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.patch_schemas import boat

from fairlead.executor.core.merging.overlay import overlay
from fairlead.executor.core.merging.values import MergeFault


def laid(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Patches of a spec."""
    return overlay(base, patch, boat().field("spec").node)


def test_deletions_and_changes_of_a_list_stand_side_by_side() -> None:
    """In the wanted order, deletions last."""
    order = [{"name": "cid"}, {"name": "ann"}]
    base = {"crew": [{"name": "bob", "$patch": "delete"}], "$setElementOrder/crew": order}
    patch = {"crew": [{"name": "cid"}, {"name": "ann", "rank": "b"}], "$setElementOrder/crew": order}

    assert laid(base, patch) == {
        "$setElementOrder/crew": order,
        "crew": [{"name": "cid"}, {"name": "ann", "rank": "b"}, {"name": "bob", "$patch": "delete"}],
    }


def test_nulls_stay() -> None:
    """They are deletions for the server."""
    assert laid({"knots": None}, {"lights": None, "rig": {"type": None}}) == {
        "knots": None, "lights": None, "rig": {"type": None},
    }  # fmt: skip


def test_directives_in_a_manifest_are_not_passed_on() -> None:
    """What the manifest marks is left out; a whole object may replace."""
    assert laid({}, {"crew": [{"name": "a"}, {"name": "b", "$patch": "delete"}], "rig": {"$patch": "delete"}}) == {
        "crew": [{"name": "a"}]
    }
    assert laid({"rig": {"type": None}}, {"rig": {"$patch": "replace", "type": "a"}}) == {"rig": {"type": "a"}}


@pytest.mark.parametrize(
    ("base", "patch"),
    [
        ({"$setElementOrder/crew": [{"name": "a"}]}, {"$setElementOrder/crew": [{"name": "b"}]}),
        ({}, {"$setElementOrder/crew": [{"name": "a"}], "crew": [{"name": "b"}]}),
        ({"rig": {"$retainKeys": ["a"]}}, {"rig": {"$retainKeys": ["b"]}}),
        ({"rig": {"type": None}}, {"rig": {"$patch": "turn"}}),
        ({"crew": [{"name": "a"}]}, {"crew": [{"name": "a", "$patch": "turn"}]}),
        ({"crew": [{"name": "a"}]}, {"crew": [{"rank": "a"}]}),
    ],
)
def test_patches_that_contradict_each_other_are_a_fault(base: dict[str, Any], patch: dict[str, Any]) -> None:
    """Nothing is guessed."""
    with pytest.raises(MergeFault):
        laid(base, patch)
