"""Ages, labels and selectors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fairlead.gateway.core.facade.tables.parts import (
    Condition,
    Requirement,
    Selector,
    age,
    bare_selector,
    duration,
    is_true,
    labels,
    selector,
)

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "<invalid>"),
        (-1.9, "0s"),
        (0.9, "0s"),
        (119.9, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (10 * MINUTE - 1, "9m59s"),
        (10 * MINUTE + 59, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (8 * HOUR - 1, "7h59m"),
        (8 * HOUR + 59 * MINUTE, "8h"),
        (2 * DAY - 1, "47h"),
        (2 * DAY, "2d"),
        (8 * DAY - 1, "7d23h"),
        (8 * DAY + 23 * HOUR, "8d"),
        (2 * YEAR - 1, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + DAY, "2y1d"),
        (8 * YEAR - 1, "7y364d"),
        (8 * YEAR + DAY, "8y"),
    ],
)
def test_durations(seconds: float, told: str) -> None:
    """Two or three figures, as kubectl's users know them."""
    assert duration(seconds) == told


def test_an_age_without_a_beginning() -> None:
    """It is unknown."""
    assert age(None, datetime.now(UTC)) == "<unknown>"


def test_labels() -> None:
    """In the order of their keys."""
    assert labels({"b": "2", "a": ""}) == "a=,b=2"
    assert labels({}) == labels(None) == "<none>"


def test_selectors() -> None:
    """Both halves, in the order of their keys; one that selects everything, or nothing, is none."""
    found = Selector(
        {"z": "1"},
        [Requirement("a", "NotIn", ["y", "x"]), Requirement("b", "Exists"), Requirement("c", "DoesNotExist")],
    )
    assert selector(found) == "a notin (x,y),b,!c,z=1"
    assert selector(Selector()) == selector(None) == "<none>"
    assert bare_selector(Selector()) == bare_selector(None) == ""


def test_conditions() -> None:
    """The first of a type counts."""
    found = [Condition("Ready", "False"), Condition("Ready", "True"), Condition("Other", "True")]
    assert not is_true(found, "Ready")
    assert is_true(found, "Other")
    assert not is_true(None, "Ready")
