"""The scrubber's reply."""

from __future__ import annotations

import contextlib

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.contracts.scrubbing import ScrubReply, Verdict


@given(st.sampled_from(Verdict), st.text(st.characters(codec="utf-8")), st.integers(0, 2**32))
def test_round_trip(verdict: Verdict, rules: str, retry_after_ms: int) -> None:
    """A reply comes back as it went."""
    reply = ScrubReply(verdict, rules, retry_after_ms)

    assert ScrubReply.decode(reply.encode()) == reply


@given(st.binary(max_size=60))
def test_garbage_is_a_value_error_at_worst(garbage: bytes) -> None:
    """Whatever the bytes are, nothing but ValueError is raised."""
    with contextlib.suppress(ValueError):
        ScrubReply.decode(garbage)


@pytest.mark.parametrize("reply", [None, 1, ["sentinel", "r", 0], ["done", "r"], ["done", "r", float("inf")]])
def test_other_values_are_refused(reply: object) -> None:
    """Values that are no reply are refused without being repeated."""
    with pytest.raises(ValueError, match="no scrub reply") as caught:
        ScrubReply.decode(msgpack.packb(reply))

    assert "sentinel" not in str(caught.value)
