"""The guard is a total order, so what is known of an object does not depend on the order in which it was told."""

from __future__ import annotations

import random

import hypothesis.strategies as st
from hypothesis import given
from tests.support.mirror_data import delete, key, upsert

from fairlead.contracts.envelope import Change, Event
from fairlead.gateway.core.guard import Mark, may_forget, newest, supersedes

marks = st.builds(Mark, st.integers(1, 3), st.integers(1, 5), st.booleans())


def test_an_upsert_needs_a_greater_version_and_a_delete_an_equal_one() -> None:
    """Rule 6 of the protocol, case by case."""
    row, tombstone = Mark(1, 10, deleted=False), Mark(1, 10, deleted=True)
    assert supersedes(Mark(1, 1, deleted=False), None)
    assert supersedes(Mark(1, 11, deleted=False), row)
    assert not supersedes(Mark(1, 10, deleted=False), row)
    assert supersedes(Mark(1, 10, deleted=True), row)
    assert not supersedes(Mark(1, 9, deleted=True), row)
    assert not supersedes(Mark(1, 10, deleted=False), tombstone)
    assert not supersedes(Mark(1, 10, deleted=True), tombstone)
    assert supersedes(Mark(2, 1, deleted=False), tombstone)


@given(st.lists(marks, min_size=1), st.randoms(use_true_random=False))
def test_the_winner_does_not_depend_on_the_order(told: list[Mark], chance: random.Random) -> None:
    """Applying marks one after the other ends at the same one however they are shuffled and doubled."""

    def play(order: list[Mark]) -> Mark | None:
        stored: Mark | None = None
        for mark in order:
            if supersedes(mark, stored):
                stored = mark
        return stored

    shuffled = told + told
    chance.shuffle(shuffled)
    assert play(shuffled) == play(told) == max(told)


@given(st.lists(st.tuples(st.sampled_from(("a", "b")), st.integers(1, 5), st.booleans())))
def test_folding_keeps_what_applying_would_keep(told: list[tuple[str, int, bool]]) -> None:
    """One event of each object is left: the one that wins."""
    events = [delete(name, version) if gone else upsert(name, version) for name, version, gone in told]
    winners = newest(events)
    for name in ("a", "b"):
        expected = max((rank(event) for event in events if event.key == key(name)), default=None)
        assert (winners.get(key(name)) and rank(winners[key(name)])) == expected


def test_a_tombstone_is_needed_until_the_checkpoint_has_reached_it() -> None:
    """Rule 7: by version within the epoch; of former epochs as soon as this one has a checkpoint."""
    dead = Mark(2, 10, deleted=True)
    assert not may_forget(dead, epoch=2, checkpoint=None)
    assert not may_forget(dead, epoch=2, checkpoint=9)
    assert may_forget(dead, epoch=2, checkpoint=10)
    assert may_forget(dead, epoch=3, checkpoint=1)


def rank(event: Event) -> tuple[int, bool]:
    """The event's place in the order."""
    return event.version, event.change is Change.DELETE
