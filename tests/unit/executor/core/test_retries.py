"""When requests are sent again."""

from __future__ import annotations

import pytest

from fairlead.executor.core.retries import Retries
from fairlead.executor.errors import ApiRefused, NoAnswer


@pytest.mark.parametrize(
    ("failure", "passing"),
    [
        (NoAnswer("silence", maybe_sent=True), True),
        (ApiRefused(429, "TooManyRequests", ""), True),
        (ApiRefused(504, "Timeout", ""), True),
        (ApiRefused(500, "InternalError", "Deadline Exceeded somewhere"), True),
        (ApiRefused(404, "NotFound", "no"), False),
        (ApiRefused(403, "Forbidden", "no"), False),
    ],
)
def test_passing_failures(failure: NoAnswer | ApiRefused, *, passing: bool) -> None:
    """Silence, overload and what the settings name may pass; a plain no stays one, unless any error is retried."""
    assert Retries().is_passing(failure) is passing
    assert Retries(any_error=True).is_passing(failure)


def test_delays() -> None:
    """The pause is Armory's, longer when the server says so; tries are counted and can be switched off."""
    busy = ApiRefused(429, "TooManyRequests", "", retry_after_s=7)

    assert Retries().delay_s(NoAnswer("x", maybe_sent=False), 1) == 3.0
    assert Retries().delay_s(busy, 3) == 7
    assert Retries().delay_s(busy, 4) is None
    assert Retries(enabled=False).delay_s(busy, 1) is None
