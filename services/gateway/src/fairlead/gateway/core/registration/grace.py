"""When an account in agent mode is given up: its agent was missing for the grace period, as far as that could be seen.

The clock runs only while somebody looks: a gateway with its database. It stands still while more than half of the agents are
missing at once, for then the fault is more likely on this side of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Presence:
    """One account in agent mode."""

    account: str
    served: bool
    """Whether an agent that serves it is connected to any gateway."""
    counted_s: float = 0.0
    """Seconds that were counted against it so far."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What one look at all of them comes to."""

    counted: dict[str, float]
    """New counts of accounts whose count changes; 0: its agent is back."""
    ended: list[str]
    """Accounts whose grace period is over."""
    still: bool
    """Whether the clock stands still."""
    missing: int


def elapsed_s(since_last_s: float | None, longest_s: float) -> float:
    """Seconds to count since the last look; none when nobody looked for longer than that, or a clock was set back."""
    if since_last_s is None or not 0 <= since_last_s <= longest_s:
        return 0.0
    return since_last_s


def tick(presences: Sequence[Presence], elapsed: float, grace_s: float) -> Tick:
    """Count the time that passed against the accounts whose agents are missing."""
    missing = [each for each in presences if not each.served]
    still = 2 * len(missing) > len(presences)
    counted = {each.account: 0.0 for each in presences if each.served and each.counted_s}
    if not still and elapsed:
        counted |= {each.account: each.counted_s + elapsed for each in missing}
    ended = [] if still else [each.account for each in missing if counted.get(each.account, each.counted_s) >= grace_s]
    return Tick(counted, ended, still, len(missing))
