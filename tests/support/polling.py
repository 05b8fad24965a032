"""Waiting for a state, with a bound, in tests that are not asynchronous."""

from __future__ import annotations

import time
from collections.abc import Callable

_POLL_S = 0.05


def wait_until(
    question: Callable[[], bool], *, within_s: float = 20.0, what: str | Callable[[], str] = "the expected state"
) -> None:
    """Wait until a question is answered with yes; ``what`` did not come is told, asked at that moment if it is a question."""
    until = time.monotonic() + within_s
    while not question():
        if time.monotonic() >= until:
            raise AssertionError(f"{what if isinstance(what, str) else what()} did not come within {within_s:g} s")
        time.sleep(_POLL_S)
