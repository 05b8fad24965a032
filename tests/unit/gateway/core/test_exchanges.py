"""What gateways say to each other beside the exchange itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.gateway.core.exchanges import Outcome, marked, outcome_of, unwrapped, wrapped

NAMES = st.sampled_from(["accept", "content-type", "kubectl-command", "x-other"])
HEADERS = st.dictionaries(NAMES, st.text(st.characters(min_codepoint=32, max_codepoint=126)))


@given(HEADERS, st.floats(0, 1e5), st.floats(0, 1e5))
def test_what_is_wrapped_is_unwrapped(headers: dict[str, str], answer_within_s: float, idle_s: float) -> None:
    """The other gateway has what this one was asked."""
    told = dict(wrapped(headers.items(), "id", answer_within_s, idle_s))
    kept, id_, within_s, silent_s = unwrapped(told)
    assert (dict(kept), id_) == (headers, "id")
    assert (within_s, silent_s) == pytest.approx((answer_within_s, idle_s), rel=1e-4)


@pytest.mark.parametrize("name", ["fairlead-exchange-id", "fairlead-answer-within", "fairlead-idle"])
def test_what_is_missing_is_refused(name: str) -> None:
    """No gateway sends that."""
    told = dict(wrapped([], "id", 1.0, 1.0))
    del told[name]
    with pytest.raises(ValueError, match=name):
        unwrapped(told)


def test_an_outcome_is_the_gateways_alone() -> None:
    """An API server cannot say that it was not asked."""
    forged = [("Fairlead-Exchange-Outcome", "unavailable"), ("X", "y")]
    assert outcome_of(marked(forged, Outcome.ANSWERED)) == (Outcome.ANSWERED, (("X", "y"),))
    assert outcome_of([("fairlead-exchange-outcome", "what?")]) == (None, ())
    assert outcome_of([("X", "y")]) == (None, (("X", "y"),))
