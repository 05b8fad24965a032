"""Raw batches become batches that may be published."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from tests.support.secrets import disguises, objects_with_secrets

from fairlead.contracts.codec import Decoder, encode
from fairlead.contracts.envelope import Batch, Change, Event, Part, Source
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.scrubber.core import proof
from fairlead.scrubber.core.batches import SECOND_CHECK, TOO_LARGE, Clean, clean, fit
from fairlead.scrubber.core.redaction import Outcome, Redactor
from fairlead.scrubber.service import shipped_rules

SECRETS = Resource("", "v1", "secrets", "Secret", namespaced=True)
PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
LIMIT_BYTES = 8 * 1024 * 1024
LEAK = b'{"kind":"Secret","data":{"a":"b"}}'


def batch_of(*bodies: bytes, resource: Resource = PODS) -> Batch:
    """Make a batch of one session with an event for each body."""
    events = [Event(Change.UPSERT, ObjectKey("n", str(i)), "u", i, 0, body) for i, body in enumerate(bodies)]
    return Batch([Source("a", "c", resource, "", "s", 1)], [Part(0, 1, 5, events)])


def pass_all(_: Resource, body: bytes) -> Outcome:
    """Layer 1, broken: everything passes."""
    return Outcome(body)


def events_of(cleaned: Clean) -> list[Event]:
    """Decode what would be published."""
    return Decoder(strict=True).decode(cleaned.encoded).parts[0].events


def test_clean() -> None:
    """Each object is passed, redacted or held back, and counted; identities and numbers stay."""
    deletion = Event(Change.DELETE, ObjectKey("n", "gone"), "u", 9, 0, b"")
    batch = batch_of(b'{"kind":"Pod"}', b'{"x":' + LEAK + b"}", b"{")
    batch.parts[0].events.append(deletion)

    cleaned = clean(batch, Redactor(shipped_rules()).redact, limit_bytes=LIMIT_BYTES)
    passed, redacted, withheld, deleted = events_of(cleaned)

    assert cleaned.outcomes == {"passed": 1, "redacted": 1, "withheld": 1}
    assert (passed.object, passed.redacted, passed.withheld) == (b'{"kind":"Pod"}', False, "")
    assert (redacted.object, redacted.redacted) == (b'{"x":{"kind":"Secret"}}', True)
    assert (withheld.object, withheld.withheld) == (b"", "scrubber: no valid JSON")
    assert (withheld.key, withheld.version) == (ObjectKey("n", "2"), 2)
    assert deleted == deletion


@given(objects_with_secrets())
def test_the_second_layer_alone_holds(document: dict[str, Any]) -> None:
    """With layer 1 broken, nothing gets out: the second check holds the object back."""
    cleaned = clean(batch_of(msgspec.json.encode(document), b"{}"), pass_all, limit_bytes=LIMIT_BYTES)
    caught, other = events_of(cleaned)

    assert (caught.object, caught.withheld) == (b"", SECOND_CHECK)
    assert other.object == b"{}"
    assert cleaned.outcomes["caught"] == 1
    assert not any(disguise in cleaned.encoded for disguise in disguises())


@given(objects_with_secrets())
def test_the_first_layer_alone_holds(document: dict[str, Any]) -> None:
    """With layer 2 broken, nothing gets out either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "leaks", lambda _, is_secret: False)
        cleaned = clean(
            batch_of(msgspec.json.encode(document)), Redactor(shipped_rules()).redact, limit_bytes=LIMIT_BYTES
        )

    assert not any(disguise in cleaned.encoded for disguise in disguises())


def test_a_failing_second_check_holds_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that fails has not found the object clean."""

    def fail(body: bytes, *, is_secret: bool) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(proof, "leaks", fail)
    cleaned = clean(batch_of(b'{"a":"Secret"}'), pass_all, limit_bytes=LIMIT_BYTES)

    assert events_of(cleaned)[0].withheld == SECOND_CHECK


def test_values_of_secrets_that_layer_1_passed() -> None:
    """Objects of the Secret resource are looked at however they spell themselves."""
    cleaned = clean(batch_of(b'{"data":{"a":"b"}}', resource=SECRETS), pass_all, limit_bytes=LIMIT_BYTES)

    assert events_of(cleaned)[0].withheld == SECOND_CHECK


def test_fit_holds_back_the_largest() -> None:
    """A batch over the bus's limit loses its largest objects, and no more than needed."""
    batch = batch_of(b"1" * 300, b"2" * 900, b"3" * 600, b"4" * 100)

    encoded, held = fit(batch, encode(batch), 700)

    assert (len(encoded) <= 700, held) == (True, 2)
    assert [event.withheld for event in batch.parts[0].events] == ["", TOO_LARGE, TOO_LARGE, ""]


def test_fit_comes_to_an_end() -> None:
    """A batch whose identities alone are too large is given back as it is; the bus will refuse it."""
    batch = batch_of(b"1" * 300)

    encoded, held = fit(batch, encode(batch), 10)

    assert (len(encoded) > 10, held) == (True, 1)


def test_what_is_too_large_is_counted() -> None:
    """An object that the rules passed and the bus would refuse is counted as what it is."""
    cleaned = clean(batch_of(b'"' + b"1" * 900 + b'"', b"2"), pass_all, limit_bytes=700)

    assert cleaned.outcomes == {"passed": 2, "oversize": 1}
