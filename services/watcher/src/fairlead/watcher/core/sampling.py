"""Which events are followed by a trace: few, so that tracing costs nothing that can be felt."""

from __future__ import annotations

from typing import NamedTuple

from fairlead.contracts.envelope import Batch, Event, Source


class Sample(NamedTuple):
    """An event that is to be traced, and whose it is."""

    source: Source
    event: Event


class Sampler:
    """Chooses at most one event of a batch, and at most so many a second of each resource.

    Args:
        per_second: of one resource; 0 chooses none.

    """

    def __init__(self, per_second: float) -> None:
        self._interval_s = 1 / per_second if per_second > 0 else None
        self._next_s: dict[tuple[str, str], float] = {}

    def choose(self, batch: Batch, now_s: float) -> Sample | None:
        """Choose a change that a watch told; what a list told has no time at which it happened."""
        if self._interval_s is None:
            return None
        for part in batch.parts:
            source = batch.sources[part.source]
            key = (source.account, source.resource.name)
            if now_s < self._next_s.get(key, 0.0):
                continue
            for event in part.events:
                if event.changed_ms:
                    self._next_s[key] = now_s + self._interval_s
                    return Sample(source, event)
        return None
