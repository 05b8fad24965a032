"""One raw batch becomes one that may be published: redacted, looked at again, and small enough for the bus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fairlead.contracts.codec import encode
from fairlead.contracts.envelope import Batch, Event
from fairlead.contracts.identity import Resource
from fairlead.scrubber.core import proof
from fairlead.scrubber.core.redaction import Outcome

SECOND_CHECK = "scrubber: second check"
TOO_LARGE = "too large"

OUTCOMES = ("passed", "redacted", "withheld", "caught", "oversize")
"""Of the rules, which know the first three; then of the second check, and of the limit of the bus."""

Redact = Callable[[Resource, bytes], Outcome]


@dataclass(slots=True)
class Clean:
    """A batch as it may be published, and what became of its objects, by the words of `OUTCOMES`."""

    encoded: bytes
    outcomes: Counter[str] = field(default_factory=Counter)


def clean(batch: Batch, redact: Redact, *, limit_bytes: int) -> Clean:
    """Scrub a batch, which is changed in place.

    Args:
        batch: as it was decoded.
        redact: layer 1; must not raise.
        limit_bytes: largest message that the bus takes. Above it the largest objects are held back.

    """
    outcomes: Counter[str] = Counter()
    for resource, event in _objects(batch):
        outcome = redact(resource, event.object)
        if outcome.withheld:
            withhold(event, outcome.withheld)
        else:
            event.object = outcome.object
            event.redacted = event.redacted or outcome.redacted
        outcomes["withheld" if outcome.withheld else "redacted" if outcome.redacted else "passed"] += 1
    encoded = encode(batch)
    caught = look_again(batch, encoded)
    if caught:
        outcomes["caught"] = caught
        encoded = encode(batch)
    encoded, outcomes["oversize"] = fit(batch, encoded, limit_bytes)
    return Clean(encoded, +outcomes)


def look_again(batch: Batch, encoded: bytes) -> int:
    """Hold back each object in which the second check finds a leak, or on which it fails; returns how many."""
    nearby = proof.may_leak(encoded)
    caught = 0
    for resource, event in _objects(batch):
        is_secret = resource.kind == "Secret" and not resource.group
        if (nearby or is_secret) and _leaks(event.object, is_secret=is_secret):
            withhold(event, SECOND_CHECK)
            caught += 1
    return caught


def fit(batch: Batch, encoded: bytes, limit_bytes: int) -> tuple[bytes, int]:
    """Hold back the largest objects until the batch fits; returns it encoded, and how many those were."""
    held = 0
    while len(encoded) > limit_bytes:
        largest = max((event for _, event in _objects(batch)), key=lambda event: len(event.object), default=None)
        if largest is None:
            break
        withhold(largest, TOO_LARGE)
        held += 1
        encoded = encode(batch)
    return encoded, held


def withhold(event: Event, reason: str) -> None:
    """Turn an event into a stub."""
    event.object = b""
    event.redacted = False
    event.withheld = reason


def _leaks(body: bytes, *, is_secret: bool) -> bool:
    try:
        return proof.leaks(body, is_secret=is_secret)
    except Exception:  # noqa: BLE001 - a check that fails has not found the object clean
        return True


def _objects(batch: Batch) -> Iterator[tuple[Resource, Event]]:
    for part in batch.parts:
        resource = batch.sources[part.source].resource
        for event in part.events:
            if event.object:
                yield resource, event
