"""Three states and one patch; tests/integration/executor/test_apply_like_kubectl.py holds them against kubectl's own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.patch_schemas import boat

from fairlead.executor.core.merging.threeway import merge_patch, strategic_patch
from fairlead.executor.core.merging.values import MergeFault, without_nulls

Object = dict[str, Any]


def spec(**fields: Any) -> Object:
    """A boat."""
    return {"apiVersion": "sea.example.test/v1", "kind": "Boat", "metadata": {"name": "b"}, "spec": fields}


def test_what_others_set_stays_and_what_we_dropped_goes() -> None:
    """The point of the third state."""
    last = spec(knots=5, crew=[{"name": "ann"}, {"name": "bob"}])
    live = spec(knots=5, lights=["red"], crew=[{"name": "ann"}, {"name": "bob"}, {"name": "stowaway"}])
    now = spec(crew=[{"name": "ann"}])
    untouched = copy.deepcopy((last, now, live))

    patch = strategic_patch(last, now, live, boat())

    assert patch == {
        "spec": {
            "knots": None,
            "crew": [{"name": "bob", "$patch": "delete"}],
            "$setElementOrder/crew": [{"name": "ann"}],
        }
    }
    assert (last, now, live) == untouched


def test_custom_resources_merge_as_json() -> None:
    """Lists are replaced, empty objects that are wanted stay, nulls within them go."""
    last, live = spec(depth=1, colour="red"), spec(depth=1, colour="red", crew="2")
    now = spec(depth=1.0, lights=[{"a": None}], hold={})

    assert merge_patch(last, now, live) == {"spec": {"colour": None, "lights": [{}], "hold": {}}}


@pytest.mark.parametrize(
    "change", [{"kind": "Ship"}, {"apiVersion": "sea.example.test/v2"}, {"metadata": {"name": "c"}}]
)
def test_another_object_is_a_fault(change: Object) -> None:
    """The identity is never patched."""
    with pytest.raises(MergeFault, match="name was changed"):
        merge_patch({}, {**spec(), **change}, spec())


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


def merged(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def wanted_in(manifest: Any, live: Any) -> bool:
    """Whether an object has all that a manifest says."""
    if isinstance(manifest, dict):
        return isinstance(live, dict) and all(
            key in live and wanted_in(value, live[key]) for key, value in manifest.items()
        )
    return bool(manifest == live) if not isinstance(manifest, list) else True


@given(objects, objects, objects)
def test_a_merge_patch_leads_to_the_manifest(last: Object, now: Object, live: Object) -> None:
    """Afterwards the object has what the manifest says, lacks what it dropped, and a second apply finds nothing to do."""
    # Servers keep no nulls, and what a null in a manifest means depends on where it stood before (kubectl, jsonmergepatch).
    last, now, live = without_nulls(last), without_nulls(now), without_nulls(live)
    after = merged(live, merge_patch(last, now, live))

    assert wanted_in(now, after)
    assert not (set(last) - set(now)) & set(after)
    assert merged(after, merge_patch(now, now, after)) == after
