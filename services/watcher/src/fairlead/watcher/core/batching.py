"""Mixing the parts of many sessions into one raw batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairlead.contracts.envelope import Batch, Part, Source
from fairlead.watcher.core.outbox import ENTRY_BYTES
from fairlead.watcher.core.session import Session

EVENTS_MAX = 256
BYTES_MAX = 512 * 1024


@dataclass(eq=False)
class Stream:
    """A session and whose it is; compared by identity, for a session has no equal."""

    source: Source
    session: Session


def collect(
    streams: Iterable[Stream], events_max: int = EVENTS_MAX, bytes_max: int = BYTES_MAX
) -> tuple[Batch, list[Stream]]:
    """Take parts from the streams, in their order, until the batch is full.

    A single object larger than the limit makes a batch of its own size.

    Returns:
        The batch, empty when there is nothing to say, and the stream of each of its sources.

    """
    batch = Batch([], [])
    taken: list[Stream] = []
    for stream in streams:
        while events_max > 0 and bytes_max > 0:
            part = stream.session.take(events_max, bytes_max, at_least_one=not batch.parts)
            if part is None:
                break
            if not taken or taken[-1] is not stream:
                taken.append(stream)
                batch.sources.append(stream.source)
            part.source = len(taken) - 1
            batch.parts.append(part)
            events_max -= len(part.events)
            bytes_max -= part_bytes(part)
        else:
            break
    return batch, taken


def part_bytes(part: Part) -> int:
    """Roughly how large a part is on the wire."""
    entries = len(part.inventory.entries) if part.inventory else 0
    return ENTRY_BYTES * (1 + len(part.events) + entries) + sum(len(event.object) for event in part.events)
