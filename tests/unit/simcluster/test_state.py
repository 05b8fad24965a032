"""The state's clock."""

from __future__ import annotations

from fairlead.simcluster.state import State


def test_times_are_written_as_kubernetes_does() -> None:
    """Whole seconds, UTC, with an offset."""
    state = State(now=lambda: 1_800_000_000.7)

    assert state.timestamp() == "2027-01-15T08:00:00Z"
    assert state.timestamp(30) == "2027-01-15T08:00:30Z"
