"""Accounts that go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.registration_doubles import MemoryRemoval

from fairlead.gateway.core.registration.grace import Presence
from fairlead.gateway.flows.removal import SLICE, SLICES, Removal
from fairlead.gateway.ports.registration import Presences

NOW = datetime(2031, 5, 1, tzinfo=UTC)
HERE = [Presence("a", served=True), Presence("b", served=True)]


def _removal(store: MemoryRemoval, grace_s: float = 600) -> Removal:
    return Removal(store, grace_s, longest_s=60, registered_too=False, clock=lambda: NOW)


async def test_time_is_counted_and_remembered() -> None:
    """From the last look to this one; at the end of the period the account is given up."""
    gone = Presence("gone", served=False, counted_s=580)
    store = MemoryRemoval(Presences([*HERE, gone], NOW - timedelta(seconds=10)))
    await _removal(store).step()
    assert store.counted == [{"gone": 590}]
    assert store.seen.ticked == NOW
    assert not store.given_up
    store.seen = Presences([*HERE, gone], NOW - timedelta(seconds=30))
    await _removal(store).step()
    assert store.given_up == ["gone"]


async def test_the_first_look_and_late_ones_count_nothing() -> None:
    """Nobody looked before."""
    for ticked in (None, NOW - timedelta(seconds=61)):
        store = MemoryRemoval(Presences([*HERE, Presence("gone", served=False, counted_s=5)], ticked))
        await _removal(store).step()
        assert not store.counted[0]
        assert store.seen.ticked == NOW


async def test_without_a_grace_period_nobody_is_counted() -> None:
    """0 switches it off; decisions are carried out all the same."""
    store = MemoryRemoval(Presences([Presence("gone", served=False)], NOW), ready=["decided"])
    await _removal(store, 0).step()
    assert (store.counted, store.removed) == ([], ["decided"])
    assert store.asked_for_registered == [False]


async def test_what_is_served_stays_and_rows_go_in_slices() -> None:
    """A look purges so much at most; the next one goes on."""
    store = MemoryRemoval(ready=["x", "y"], served={"x"}, back=["z"], rows=SLICE * SLICES + 1)
    await _removal(store).step()
    assert (store.removed, store.rows) == (["y"], 1)
    await _removal(store).step()
    assert store.rows == 0
