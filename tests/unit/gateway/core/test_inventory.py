"""What an inventory chunk means for stored rows and tombstones."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given
from tests.support.mirror_data import inventory, key

from fairlead.gateway.core.inventory import InventoryVerdict, StoredVersion, in_range, judge_inventory

versions = st.integers(1, 9)
names = st.sampled_from("abcdef")
stored = st.lists(
    st.builds(
        lambda name, version, epoch, dead: StoredVersion(key(name), "" if dead else "u1", version, epoch, dead),
        names,
        versions,
        st.integers(1, 2),
        st.booleans(),
    ),
    unique_by=lambda held: held.key,
)
listed = st.lists(
    st.tuples(names, st.sampled_from(("u1", "u2")), st.none() | versions), unique_by=lambda entry: entry[0]
)


@given(stored, listed, versions)
def test_nothing_that_the_chunk_lists_is_removed(
    held: list[StoredVersion], entries: list[tuple[str, str, int | None]], snapshot: int
) -> None:
    """And nothing newer than the snapshot; a contradiction removes and asks nothing at all."""
    verdict = judge_inventory(inventory(snapshot, entries), held, epoch=2, may_ask=True)
    known = {version.key: version for version in held}
    for removed in verdict.removed:
        assert removed.name not in [name for name, _, _ in entries]
        assert (known[removed].epoch, known[removed].version) <= (2, snapshot)
        assert not known[removed].tombstone
    if verdict.contradiction is not None:
        assert verdict == InventoryVerdict(contradiction=verdict.contradiction)
        assert known[verdict.contradiction].epoch == 2


@given(stored, listed, versions)
def test_only_objects_with_a_version_are_asked_for(
    held: list[StoredVersion], entries: list[tuple[str, str, int | None]], snapshot: int
) -> None:
    """Those that the mirror lacks or holds older, and none while parts are under way."""
    chunk = inventory(snapshot, entries)
    known = {version.key: version for version in held}
    asking = judge_inventory(chunk, held, epoch=2, may_ask=True)
    if asking.contradiction is None:
        lacking = [
            key(name)
            for name, _, version in entries
            if version is not None
            and (key(name) not in known or (known[key(name)].epoch, known[key(name)].version) < (2, version))
        ]
        assert asking.missing == lacking
    assert judge_inventory(chunk, held, epoch=2, may_ask=False).missing == []


def test_ranges_are_half_open_and_bytewise() -> None:
    """Capitals sort before small letters, letters beyond ASCII behind both."""
    chunk = inventory(1, [], first=key("b"), until=key("d"))
    inside = [name for name in ("Z", "a", "b", "c", "cé", "d", "é") if in_range(chunk, key(name))]
    assert inside == ["b", "c", "cé"]
    assert in_range(inventory(1, []), key(""))
    assert not in_range(chunk, key("c", namespace="zoo"))
