"""What a session still has to say: newest states by object, and the numbered parts that carry them.

While an object is in flight its newer states replace each other here. Coalescing keeps the oldest version that was skipped,
for the checkpoint may never pass a change that no part carries.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

from fairlead.contracts.envelope import Event, Inventory, Part
from fairlead.contracts.identity import ObjectKey

ENTRY_BYTES = 160
"""Rough size of an event's or inventory entry's identity, on the wire and here."""
LISTED = 0
"""`since` of a state that came by a list or a fetch: nothing is complete before it is sent."""


@dataclass(slots=True)
class _Pending:
    since: int
    event: Event


class Outbox:
    """Pending states and parts in flight of one session.

    The pending states are ordered by ``since``: listed and fetched states stand in front with 0, watch events arrive in the
    order of their versions, and a coalesced state keeps its place. So the first one bounds the checkpoint.
    """

    def __init__(self) -> None:
        self.pending_bytes = 0
        self.coalesced = 0
        self._pending: OrderedDict[ObjectKey, _Pending] = OrderedDict()
        self._ready: deque[Part] = deque()
        self._numbered = 0
        self._in_flight: dict[int, tuple[ObjectKey, ...]] = {}
        self._busy: set[ObjectKey] = set()

    def __contains__(self, key: ObjectKey) -> bool:
        """Whether a state of the object waits for a part."""
        return key in self._pending

    @property
    def pending(self) -> int:
        """Objects with a state that waits."""
        return len(self._pending)

    @property
    def is_ready(self) -> bool:
        """Whether a part that was numbered before waits."""
        return bool(self._ready)

    @property
    def inventory_waits(self) -> bool:
        """Whether a chunk of an inventory waits."""
        return any(part.inventory for part in self._ready)

    @property
    def oldest(self) -> int | None:
        """The oldest version that no part carries yet, None when parts carry all."""
        return next(iter(self._pending.values())).since if self._pending else None

    @property
    def has_work(self) -> bool:
        """Whether `take` would give a part."""
        return bool(self._ready) or any(key not in self._busy for key in self._pending)

    def put(self, event: Event, since: int) -> None:
        """Let a state wait; it replaces an older one of the same object and gives way to a newer one."""
        waiting = self._pending.get(event.key)
        if waiting is None:
            self._pending[event.key] = _Pending(since, event)
            if since == LISTED:
                self._pending.move_to_end(event.key, last=False)
        else:
            if waiting.event.version >= event.version:
                return
            self.pending_bytes -= _size(waiting.event)
            self.coalesced += 1
            waiting.event = event
        self.pending_bytes += _size(event)

    def put_inventory(self, chunks: list[Inventory], checkpoint: int | None) -> None:
        """Number the chunks of an inventory; the last one carries the checkpoint."""
        for chunk in chunks:
            self._ready.append(self._part(checkpoint if chunk is chunks[-1] else None, inventory=chunk))

    def put_checkpoint(self, checkpoint: int) -> None:
        """Number a part that carries nothing but a checkpoint."""
        self._ready.append(self._part(checkpoint))

    def take_ready(self) -> Part | None:
        """Take a part that was numbered before: an inventory chunk or a checkpoint."""
        if not self._ready:
            return None
        part = self._ready.popleft()
        self._in_flight[part.number] = ()
        return part

    def take_events(self, events_max: int, bytes_max: int, *, at_least_one: bool) -> list[Event]:
        """Take states out, oldest first, none of an object that is in flight; `carry` must follow.

        With ``at_least_one`` a state is taken even if it alone is over the limit.
        """
        taken: list[Event] = []
        size = 0
        for key, waiting in self._pending.items():
            if key in self._busy:
                continue
            needed = _size(waiting.event)
            over = len(taken) == events_max or size + needed > bytes_max
            if over and (taken or not at_least_one):
                break
            taken.append(waiting.event)
            size += needed
        for event in taken:
            del self._pending[event.key]
        self.pending_bytes -= size
        return taken

    def carry(self, events: list[Event], checkpoint: int | None) -> Part:
        """Number a part with the states that `take_events` gave."""
        part = self._part(checkpoint, events)
        keys = tuple(event.key for event in events)
        self._in_flight[part.number] = keys
        self._busy.update(keys)
        return part

    def delivered(self, number: int) -> None:
        """Forget a part in flight: it stands in the clean log."""
        self._busy.difference_update(self._in_flight.pop(number, ()))

    def _part(
        self, checkpoint: int | None, events: list[Event] | None = None, inventory: Inventory | None = None
    ) -> Part:
        self._numbered += 1
        return Part(0, self._numbered, checkpoint, events or [], inventory)


def _size(event: Event) -> int:
    return ENTRY_BYTES + len(event.object)
