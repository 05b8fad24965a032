"""Back-off delays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead.runtime.backoff import Backoff


@given(
    base_s=st.floats(0.001, 10),
    multiplier=st.floats(1, 10),
    jitter=st.floats(0, 1),
    max_s=st.floats(10, 1000),
    attempts=st.integers(1, 200),
)
def test_delays_grow_to_the_maximum(
    base_s: float, multiplier: float, jitter: float, max_s: float, attempts: int
) -> None:
    """Attempt n waits base x multiplier^(n-1), at most the maximum, spread by the jitter and no further."""
    backoff = Backoff(base_s, multiplier, jitter, max_s)
    expected = base_s
    for _ in range(attempts):
        delay = backoff.next_s()
        assert expected * (1 - jitter) * 0.999 <= delay <= expected * (1 + jitter) * 1.001
        expected = min(max_s, expected * multiplier)


@given(st.floats(0, 10_000))
def test_retry_after_is_honoured(at_least_s: float) -> None:
    """The delay is never shorter than what the other side asked for."""
    assert Backoff().next_s(at_least_s=at_least_s) >= at_least_s


def test_reset_starts_over() -> None:
    """After a success the next delay is the first again."""
    backoff = Backoff(jitter=0)
    first = [backoff.next_s() for _ in range(3)]
    backoff.reset()

    assert [backoff.next_s() for _ in range(3)] == first == [1.0, 1.6, 1.6 * 1.6]
