"""A cache bounded in bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead.gateway.core.facade.memory import Memory


def test_what_was_used_longest_ago_goes_first() -> None:
    """Reading counts as use."""
    subject: Memory[str, int] = Memory(10)
    subject.put("a", 1, 4)
    subject.put("b", 2, 4)
    assert subject.get("a") == 1
    subject.put("c", 3, 4)

    assert (subject.get("a"), subject.get("b"), subject.get("c")) == (1, None, 3)


def test_what_is_too_large_is_not_kept() -> None:
    """And the former value under its key is gone with it."""
    subject: Memory[str, int] = Memory(10)
    subject.put("a", 1, 4)
    subject.put("a", 2, 11)

    assert (subject.get("a"), subject.size, len(subject)) == (None, 0, 0)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 12), st.booleans())))
def test_it_never_holds_more(steps: list[tuple[str, int, bool]]) -> None:
    """Whatever is put and dropped, the sum is right and within the bound."""
    subject: Memory[str, int] = Memory(10)
    for key, size, drop in steps:
        if drop:
            subject.drop(key)
        else:
            subject.put(key, size, size)
        assert subject.size <= 10
        assert subject.size == sum(subject.get(each) or 0 for each in "abcdef")
