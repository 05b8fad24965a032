"""The books of one transaction."""

from __future__ import annotations

from tests.support.mirror_data import batch, delete, key, part, request, source, upsert

from fairlead.contracts.envelope import Change
from fairlead.gateway.core.commits import REPAIR_NAMES_LIMIT, Ledger, Reflector, named_sessions
from fairlead.gateway.core.inventory import InventoryVerdict
from fairlead.gateway.core.sessions import CloseReason, Opened, SessionState, begin

OPENED = Opened("s1", 1, None, 0, None, 0)
SOURCE = source(OPENED)


def ledger(ahead_limit: int = 10) -> tuple[Ledger, Reflector]:
    """Books with one reflector."""
    state = begin(SessionState(), request(), "s1")
    reflector = Reflector(1, 7, SOURCE.account, state, "s1")
    return Ledger({"s1": reflector}, {7: 100}, ahead_limit), reflector


def test_events_are_folded_and_numbered() -> None:
    """One event of an object is left, each with a change number of its own, counted from the account's."""
    books, reflector = ledger()
    assert books.admit(SOURCE, 1) is reflector
    books.add_events(reflector, [upsert("a", 5), upsert("b", 6)])
    books.add_events(reflector, [delete("a", 7), upsert("a", 6)])
    taken = books.take_events()
    assert [(stamped.event.key.name, stamped.event.change, stamped.change) for stamped in taken] == [
        ("a", Change.DELETE, 101),
        ("b", Change.UPSERT, 102),
    ]
    assert (books.result.counts.superseded, books.changes, reflector.state.highest) == (2, {7: 102}, 7)
    assert books.take_events() == []


def test_a_closed_session_takes_no_further_part() -> None:
    """A contradiction within the transaction fences what follows in it, and asks for nothing more."""
    books, reflector = ledger()
    books.judge(reflector, InventoryVerdict(missing=[key("a")]), 5)
    books.judge(reflector, InventoryVerdict(contradiction=key("a")), 6)
    books.complete(reflector, part(1, checkpoint=9))
    assert books.admit(SOURCE, 2) is None
    assert books.result.closed == {"s1": CloseReason.CONTRADICTION}
    assert books.result.repairs == {}
    assert (reflector.state.wants_epoch, reflector.state.checkpoint, reflector.state.highest) == (True, None, 5)


def test_names_to_repair_are_bounded_over_all_chunks() -> None:
    """Beyond the limit the reflector is told to list."""
    books, reflector = ledger()
    for chunk in range(2):
        names = [key(f"{chunk}-{number}") for number in range(REPAIR_NAMES_LIMIT // 2)]
        books.judge(reflector, InventoryVerdict(missing=names), 5)
    repair = books.result.repairs["s1"]
    assert (len(repair.names), repair.relist) == (REPAIR_NAMES_LIMIT, False)
    books.judge(reflector, InventoryVerdict(missing=[key("more")]), 5)
    assert (repair.names, repair.relist) == ([], True)


def test_overflow_closes_at_the_part_that_is_too_much() -> None:
    """The parts before it stand."""
    books, reflector = ledger(ahead_limit=1)
    for number in (3, 4, 5):
        if books.admit(SOURCE, number):
            books.complete(reflector, part(number))
    assert (books.result.closed, books.result.counts.applied) == ({"s1": CloseReason.OVERFLOW}, 2)
    assert books.result.counts.fenced == 1


def test_sessions_are_named_once_and_in_order() -> None:
    """Sources without parts do not count."""
    other = source(Opened("s0", 1, None, 0, None, 0))
    assert named_sessions([batch(SOURCE, [part(1), part(2)]), batch(other, [part(1)]), batch(other, [])]) == [
        "s0",
        "s1",
    ]
