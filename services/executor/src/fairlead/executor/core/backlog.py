"""What waits to run: bounded for each account, so that the trouble of one takes nothing from another.

Each account has one slot of its own beyond the slots that all share: operations of a cluster that does not answer may
fill the shared ones until their time is over, and every other account still gets on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from fairlead.executor.core.job import Job


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the backlog."""

    slots: int
    """Operations that run at once, beyond one for each account."""
    waiting: int
    """Operations of one account that wait."""
    waiting_bytes: int
    """Size of their requests."""
    patience_s: float
    """How long one may wait; its sender has sent it again by then."""


@dataclass(slots=True)
class _Lane:
    running: int = 0
    size_bytes: int = 0
    waiting: deque[tuple[Job, float]] = field(default_factory=deque)


class Backlog:
    """Operations that wait and run, by account."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lanes: dict[str, _Lane] = {}
        self._shared = 0
        self.is_closed = False

    def offer(self, job: Job, now_s: float) -> bool:
        """Take an operation up, or say that there is no room."""
        lane = self._lanes.setdefault(job.account, _Lane())
        full = len(lane.waiting) >= self._limits.waiting
        # A single request may be larger than half the limit; an empty lane takes it all the same.
        over = bool(lane.waiting) and lane.size_bytes + len(job.request) > self._limits.waiting_bytes
        if self.is_closed or full or over:
            return False
        lane.waiting.append((job, now_s))
        lane.size_bytes += len(job.request)
        return True

    def take(self, now_s: float) -> tuple[list[tuple[Job, float]], list[Job]]:
        """Take out what may run now, each with the time since when it waits, and what waits for too long."""
        ready: list[tuple[Job, float]] = []
        late: list[Job] = []
        for lane in self._lanes.values():
            while lane.waiting and not self.is_closed:
                job, since_s = lane.waiting[0]
                if now_s - since_s > self._limits.patience_s:
                    late.append(job)
                elif lane.running == 0 or self._shared < self._limits.slots:
                    self._shared += lane.running > 0
                    lane.running += 1
                    ready.append((job, since_s))
                else:
                    break
                lane.waiting.popleft()
                lane.size_bytes -= len(job.request)
        return ready, late

    def finished(self, account: str) -> None:
        """Give the slot of an operation back."""
        lane = self._lanes[account]
        lane.running -= 1
        self._shared -= lane.running > 0
        if not lane.running and not lane.waiting:
            del self._lanes[account]

    def close(self) -> list[Job]:
        """Take nothing more; gives back what will not run."""
        self.is_closed = True
        left = [job for lane in self._lanes.values() for job, _ in lane.waiting]
        for lane in self._lanes.values():
            lane.waiting.clear()
        return left

    @property
    def running(self) -> int:
        """How many operations run."""
        return sum(lane.running for lane in self._lanes.values())

    @property
    def waiting(self) -> int:
        """How many operations wait."""
        return sum(len(lane.waiting) for lane in self._lanes.values())
