"""Mixing parts of sessions into bounded batches."""

from __future__ import annotations

from tests.support.watching import seen, session, source

from fairlead.watcher.core.batching import Stream, collect


def stream(name: str, events: int, body: bytes = b"{}") -> Stream:
    """A session with so many changes to tell."""
    subject = session(checkpoint=1)
    subject.resume()
    for number in range(events):
        subject.changed(seen(f"{name}{number}", number + 2, body=body))
    return Stream(source(name), subject)


def test_a_batch_mixes_sessions_in_order() -> None:
    """Parts name their source, and each session has one source in the batch."""
    batch, taken = collect([stream("a", 2), stream("b", 0), stream("c", 1)])

    assert [each.session for each in batch.sources] == ["a", "c"]
    assert [(part.source, len(part.events)) for part in batch.parts] == [(0, 2), (1, 1)]
    assert [each.source.session for each in taken] == ["a", "c"]


def test_a_batch_is_bounded_in_events_and_bytes() -> None:
    """What does not fit stays in its session."""
    many = stream("a", 10)
    batch, _ = collect([many], events_max=4)
    assert sum(len(part.events) for part in batch.parts) == 4
    assert many.session.outbox.pending == 6

    large = stream("b", 10, b"x" * 1000)
    batch, _ = collect([large], bytes_max=2500)
    assert sum(len(part.events) for part in batch.parts) == 2


def test_nothing_to_say_is_an_empty_batch() -> None:
    """No part is made of nothing."""
    batch, taken = collect([stream("a", 0)])

    assert (batch.parts, taken) == ([], [])
