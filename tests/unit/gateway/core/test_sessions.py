"""Sessions: numbering, checkpoints and epochs, without a database."""

from __future__ import annotations

import random

import hypothesis.strategies as st
from hypothesis import given
from tests.support.mirror_data import request

from fairlead.gateway.core.sessions import SessionState, begin, is_new, may_ask, overflows, record


@given(st.lists(st.none() | st.integers(1, 50), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_checkpoint_is_that_of_the_gapless_prefix(carried: list[int | None], chance: random.Random) -> None:
    """Whatever the order of arrival: the highest checkpoint among the parts that nothing before is missing of."""
    state = SessionState(session="s")
    order = list(enumerate(carried, start=1))
    chance.shuffle(order)
    arrived: set[int] = set()
    for number, checkpoint in order:
        assert is_new(state, number)
        record(state, number, checkpoint)
        arrived.add(number)
        prefix = next(n for n in range(1, len(carried) + 2) if n not in arrived) - 1
        known = [value for value in carried[:prefix] if value is not None]
        assert (state.prefix, state.checkpoint) == (prefix, max(known, default=None))
        assert not is_new(state, number)
    assert state.ahead == {}


def test_an_equal_checkpoint_is_confirmed_again() -> None:
    """Its age begins anew: the server said just now that nothing happened since."""
    state = SessionState(session="s")
    assert record(state, 1, 10)
    assert record(state, 2, 10)
    assert not record(state, 3, 9)
    assert not record(state, 4, None)


def test_part_numbers_begin_at_one() -> None:
    """Part 0 can never be new."""
    assert not is_new(SessionState(session="s"), 0)


def test_asking_waits_for_all_parts_before() -> None:
    """What lacks may be in a part under way."""
    state = SessionState(session="s", prefix=4)
    assert may_ask(state, 5)
    assert not may_ask(state, 6)


def test_parts_behind_a_hole_are_bounded() -> None:
    """The limit itself is still allowed."""
    state = SessionState(session="s", ahead={5: None, 6: None})
    assert not overflows(state, 2)
    assert overflows(state, 1)


def test_a_session_resumes_where_the_last_one_ended() -> None:
    """Numbers begin anew; checkpoint, epoch and highest version stay."""
    first = begin(SessionState(), request(), "s1")
    assert first == SessionState(scope=first.scope, session="s1")
    record(first, 1, 10)
    record(first, 3, 30)
    second = begin(first, request(), "s2")
    assert second == SessionState(scope=first.scope, session="s2", checkpoint=10, highest=10)


def test_what_begins_an_epoch() -> None:
    """Its reported end, a contradiction, another scope, another API version, or a watcher that knows a later one."""
    state = SessionState(epoch=4, scope="v1 all", checkpoint=10, highest=12)

    def epoch(**changes: object) -> int:
        asked = {name: changes.pop(name) for name in ("known_epoch", "ended_epoch", "scope") if name in changes}
        held = SessionState(epoch=4, scope="v1 all", checkpoint=10, highest=12, **changes)  # type: ignore[arg-type]
        began = begin(held, request(**asked), "s")  # type: ignore[arg-type]
        assert (began.checkpoint, began.highest) == ((10, 12) if began.epoch == state.epoch else (None, None))
        assert not began.wants_epoch
        return began.epoch

    assert epoch() == 4
    assert epoch(ended_epoch=4) == 5
    assert epoch(ended_epoch=3) == 4
    assert epoch(wants_epoch=True) == 5
    assert epoch(wants_epoch=True, ended_epoch=4) == 5
    assert epoch(scope="less") == 5
    assert epoch(known_epoch=9) == 9
    assert epoch(known_epoch=4, ended_epoch=4) == 5
