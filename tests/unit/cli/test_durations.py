"""Durations as people write them."""

from __future__ import annotations

import pytest

from fairlead.cli.durations import parse_duration
from fairlead.cli.errors import MisuseError


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("500ms", 0.5), ("2m", 120), ("1h", 3600), ("90d", 7776000), ("5", 5), ("0", 0)]
)
def test_units(text: str, seconds: float) -> None:
    """Milliseconds to days; a bare number is seconds."""
    assert parse_duration(text, "--wait") == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1s2", "1 fortnight"])
def test_anything_else_names_the_option(text: str) -> None:
    """So that the user knows where to look."""
    with pytest.raises(MisuseError, match="--wait"):
        parse_duration(text, "--wait")
