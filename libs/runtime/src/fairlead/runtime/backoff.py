"""Jittered exponential back-off, as a value."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """Delays that grow by ``multiplier`` from ``base_s`` to ``max_s``, each spread by ``jitter`` (0.2: ±20 %).

    The defaults are gRPC's, which Armory's agent uses for its reconnects (``clouddriver.backoff``).
    """

    base_s: float = 1.0
    multiplier: float = 1.6
    jitter: float = 0.2
    max_s: float = 120.0
    _next_s: float = field(default=0.0, init=False)

    def next_s(self, *, at_least_s: float | None = None) -> float:
        """The next delay in seconds; ``at_least_s`` honours a Retry-After."""
        self._next_s = min(self.max_s, self._next_s * self.multiplier if self._next_s else self.base_s)
        delay = self._next_s * random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311 - spreads load, guards nothing
        return max(delay, at_least_s or 0.0)

    def reset(self) -> None:
        """Start over: things work again."""
        self._next_s = 0.0
