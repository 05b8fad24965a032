"""The clock of grace periods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.gateway.core.registration.grace import Presence, elapsed_s, tick

HERE = [Presence("a", served=True), Presence("b", served=True)]


@pytest.mark.parametrize(("since", "counted"), [(None, 0), (5, 5), (60, 60), (61, 0), (-1, 0), (0, 0), (86400, 0)])
def test_only_watched_time_counts(since: float | None, counted: float) -> None:
    """None before the first look, after a time without one, or when a clock was set back."""
    assert elapsed_s(since, 60) == counted


def test_the_missing_are_counted_and_the_rest_is_not() -> None:
    """Up to the end of the grace period."""
    result = tick([*HERE, Presence("gone", served=False, counted_s=590)], 5, 600)
    assert (result.counted, result.ended, result.still, result.missing) == ({"gone": 595}, [], False, 1)
    assert tick([*HERE, Presence("gone", served=False, counted_s=595)], 5, 600).ended == ["gone"]
    assert tick([*HERE, Presence("gone", served=False, counted_s=600)], 0, 600).ended == ["gone"]


def test_who_returns_starts_anew() -> None:
    """Its count is struck out, also while the clock stands still."""
    back = Presence("back", served=True, counted_s=400)
    assert tick([back, *HERE], 5, 600).counted == {"back": 0}
    gone = [Presence(name, served=False, counted_s=700) for name in ("x", "y")]
    result = tick([back, *gone], 5, 600)
    assert (result.counted, result.ended, result.still) == ({"back": 0}, [], True)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1000)), max_size=12), st.floats(0, 60))
def test_nobody_is_given_up_while_most_are_missing(seen: list[tuple[bool, float]], elapsed: float) -> None:
    """And never one that is served; half of them missing is not most."""
    presences = [Presence(str(number), served, counted) for number, (served, counted) in enumerate(seen)]
    result = tick(presences, elapsed, 600)
    missing = {each.account for each in presences if not each.served}
    assert result.still == (2 * len(missing) > len(presences))
    assert set(result.ended) <= missing
    assert not (result.still and result.ended)
    assert all(not count or account in missing for account, count in result.counted.items())
