"""Conditional requests."""

from __future__ import annotations

import pytest

from fairlead.gateway.core.facade.negotiation import matches_etag


@pytest.mark.parametrize(
    ("condition", "same"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("", False), ("a", False)],
)
def test_etags(condition: str, same: bool) -> None:
    """One of a list is enough; quotes belong to it."""
    assert matches_etag(condition, '"a"') is same
