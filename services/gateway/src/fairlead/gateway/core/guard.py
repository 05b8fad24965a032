"""The guard: which state of an object wins (rule 6 of docs/observation.md).

What is known of one object is a register: the state of the highest (epoch, version), where at equal version a deletion
beats an existence. UIDs do not decide. The order is total, so states may come in any order, twice, and folded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fairlead.contracts.envelope import Change, Event
from fairlead.contracts.identity import ObjectKey


class Mark(NamedTuple):
    """Where a state of one object stands in the order."""

    epoch: int
    version: int
    deleted: bool


def supersedes(new: Mark, stored: Mark | None) -> bool:
    """Whether a state replaces what is stored (a row or a tombstone, never both; None for neither)."""
    return stored is None or new > stored


def newest(events: Iterable[Event]) -> dict[ObjectKey, Event]:
    """Fold events of one epoch into the one of each object that wins; the order in which they come does not matter."""
    winners: dict[ObjectKey, Event] = {}
    for event in events:
        rival = winners.get(event.key)
        if rival is None or (event.version, event.change is Change.DELETE) > (
            rival.version,
            rival.change is Change.DELETE,
        ):
            winners[event.key] = event
    return winners


def may_forget(tombstone: Mark, *, epoch: int, checkpoint: int | None) -> bool:
    """Whether the guard no longer needs a tombstone: the stored checkpoint has reached it (rule 7)."""
    return checkpoint is not None and (tombstone.epoch, tombstone.version) <= (epoch, checkpoint)
