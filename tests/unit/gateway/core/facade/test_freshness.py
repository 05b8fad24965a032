"""How old an answer is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from fairlead.gateway.core.facade.freshness import of_document


def test_times_are_told_in_utc() -> None:
    """Whatever zone the database speaks."""
    stored = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)

    assert of_document(stored) == "source=document; stored=2026-01-02T03:04:05.678Z"
    assert of_document(stored.astimezone(timezone(timedelta(hours=2)))) == of_document(stored)
