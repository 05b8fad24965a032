"""Coalescing, numbering and the window of one session."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.support.watching import key

from fairlead.contracts.envelope import Change, Event
from fairlead.watcher.core.outbox import LISTED, Outbox

MANY, MUCH = 100, 10**6


def event(name: str, version: int, body: bytes = b"{}") -> Event:
    """A state of an object."""
    return Event(Change.UPSERT, key(name), "uid", version, 0, body)


def test_newer_states_replace_older_ones_and_keep_the_oldest_version() -> None:
    """The place of a coalesced state, and so the checkpoint, stays with the first version that was skipped."""
    box = Outbox()
    box.put(event("a", 5), 5)
    box.put(event("b", 6), 6)
    box.put(event("a", 7), 7)

    assert (box.pending, box.oldest, box.coalesced) == (2, 5, 1)
    assert [each.version for each in box.take_events(MANY, MUCH, at_least_one=True)] == [7, 6]


def test_older_states_do_not_replace_newer_ones() -> None:
    """A fetched object that the watch has overtaken is dropped."""
    box = Outbox()
    box.put(event("a", 7), 7)
    box.put(event("a", 6), LISTED)

    assert box.oldest == 7
    assert [each.version for each in box.take_events(MANY, MUCH, at_least_one=True)] == [7]


def test_an_object_in_flight_waits() -> None:
    """Never two states of one object are under way; the next one goes when the first is delivered."""
    box = Outbox()
    box.put(event("a", 1), 1)
    part = box.carry(box.take_events(MANY, MUCH, at_least_one=True), None)
    box.put(event("a", 2), 2)

    assert not box.has_work
    assert box.take_events(MANY, MUCH, at_least_one=True) == []
    box.delivered(part.number)
    assert [each.version for each in box.take_events(MANY, MUCH, at_least_one=True)] == [2]


def test_limits_hold_but_one_large_object_passes() -> None:
    """A part is bounded in count and bytes; an object over the limit goes alone."""
    box = Outbox()
    for number in range(5):
        box.put(event(f"o{number}", number + 1, b"x" * 1000), number + 1)

    assert len(box.take_events(2, MUCH, at_least_one=True)) == 2
    assert box.take_events(MANY, 10, at_least_one=False) == []
    assert len(box.take_events(MANY, 10, at_least_one=True)) == 1
    assert box.pending == 2


def test_listed_states_hold_the_checkpoint_back() -> None:
    """While anything listed or fetched waits, nothing is complete."""
    box = Outbox()
    box.put(event("a", 5), 5)
    box.put(event("b", 3), LISTED)

    assert box.oldest == LISTED


def test_prepared_parts_go_out_with_numbers_of_their_own() -> None:
    """A checkpoint is numbered when it is told, and delivered like any other part."""
    box = Outbox()
    box.put_checkpoint(9)
    box.put(event("a", 10), 10)
    first = box.take_ready()

    assert first is not None
    assert (first.number, first.checkpoint) == (1, 9)
    assert box.carry(box.take_events(MANY, MUCH, at_least_one=True), 10).number == 2


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60))
def test_accounting_survives_any_order(steps: list[tuple[str, bool]]) -> None:
    """Whatever is put, taken and delivered: bytes are accounted for, and the newest state of each object comes out last."""
    box = Outbox()
    out: dict[str, int] = {}
    flying: list[int] = []
    for version, (name, send) in enumerate(steps, start=1):
        box.put(event(name, version, b"x" * version), version)
        if send:
            taken = box.take_events(2, MUCH, at_least_one=True)
            out |= {each.key.name: each.version for each in taken}
            if taken:
                flying.append(box.carry(taken, None).number)
        elif flying:
            box.delivered(flying.pop(0))
    while flying:
        box.delivered(flying.pop())
    out |= {each.key.name: each.version for each in box.take_events(MANY, MUCH, at_least_one=True)}

    assert out == {name: version for version, (name, _) in enumerate(steps, start=1)}
    assert (box.pending, box.pending_bytes) == (0, 0)
