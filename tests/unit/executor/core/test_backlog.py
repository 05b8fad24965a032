"""Bounds of what waits and runs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.support.executor_doubles import job

from fairlead.executor.core.backlog import Backlog, Limits
from fairlead.executor.core.job import Job

LIMITS = Limits(slots=2, waiting=3, waiting_bytes=100, patience_s=5)


def of(account: str, size_bytes: int = 10) -> Job:
    """An operation of an account."""
    return replace(job(), account=account, request=b"x" * size_bytes)


def test_an_account_in_trouble_leaves_the_others_a_slot() -> None:
    """One account fills the shared slots; another still runs its own at once."""
    backlog = Backlog(LIMITS)
    for _ in range(3):
        assert backlog.offer(of("slow"), 0)
    assert len(backlog.take(0)[0]) == 3  # one of its own, two shared
    for _ in range(3):
        assert backlog.offer(of("slow"), 0)
    assert not backlog.offer(of("slow"), 0)
    assert backlog.take(0) == ([], [])

    assert backlog.offer(of("quick"), 0)
    assert [each.account for each, _ in backlog.take(0)[0]] == ["quick"]
    assert (backlog.running, backlog.waiting) == (4, 3)


def test_bytes_are_bounded() -> None:
    """Waiting requests of an account are bounded in bytes; a large one alone is taken."""
    backlog = Backlog(LIMITS)

    assert backlog.offer(of("a", 500), 0)
    assert not backlog.offer(of("a", 10), 0)
    backlog.take(0)
    assert backlog.offer(of("a", 10), 0)


def test_what_waited_too_long_is_given_up() -> None:
    """An operation that could not run in time is not run late: it has been sent again."""
    backlog = Backlog(LIMITS)
    for moment in range(5):
        backlog.offer(of("a"), moment)
        backlog.take(moment)
    assert (backlog.running, backlog.waiting) == (3, 2)

    ready, late = backlog.take(8.5)
    assert (ready, len(late)) == ([], 1)
    backlog.finished("a")
    (again, since_s), *rest = backlog.take(8.6)[0]
    assert (again.account, since_s, rest) == ("a", 4, [])


def test_closing() -> None:
    """A closed backlog takes and gives nothing, and says what it leaves."""
    backlog = Backlog(LIMITS)
    backlog.offer(of("a"), 0)

    assert len(backlog.close()) == 1
    assert not backlog.offer(of("a"), 0)
    assert backlog.take(0) == ([], [])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_slots_are_never_lost_nor_exceeded(steps: list[tuple[str, bool]]) -> None:
    """Whatever comes and ends, no more runs than the shared slots and one for each account, and nothing idles."""
    backlog = Backlog(LIMITS)
    running: list[str] = []
    for account, ends in steps:
        if ends and account in running:
            running.remove(account)
            backlog.finished(account)
        elif not ends:
            backlog.offer(of(account), 0)
        running += [each.account for each, _ in backlog.take(0)[0]]
        assert backlog.running == len(running)
        assert sum(max(0, running.count(each) - 1) for each in "abc") <= LIMITS.slots
        if backlog.waiting:
            assert sum(max(0, running.count(each) - 1) for each in "abc") == LIMITS.slots
