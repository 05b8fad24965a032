"""Protocol versions of the link."""

from __future__ import annotations

import pytest

from fairlead.contracts.link import PROTOCOL_VERSION, negotiate


@pytest.mark.parametrize(
    ("theirs", "spoken"),
    [
        (PROTOCOL_VERSION, PROTOCOL_VERSION),
        (PROTOCOL_VERSION + 1, PROTOCOL_VERSION),
        (PROTOCOL_VERSION + 2, None),
        (0, None),
    ],
)
def test_negotiate(theirs: int, spoken: int | None) -> None:
    """A neighbour version is spoken at the lower of the two; one further away, or none at all, is refused."""
    assert negotiate(theirs) == spoken
