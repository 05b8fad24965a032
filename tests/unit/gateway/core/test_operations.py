"""The life of an operation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fairlead.contracts.operations import Kind
from fairlead.gateway.core.operations import (
    FINAL,
    Operation,
    Outcome,
    State,
    Subject,
    Timing,
    accepts,
    deadline_s,
    describe,
    ending,
    ending_without_request,
    pause_s,
    phases_s,
    with_note,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPERATION = Operation(
    "01ARZ3NDEKTSV4RRFFQ69G5FAV", "shop", Kind.APPLY, State.PENDING, "caller",
    Subject("v1", "ConfigMap", "shop", "web"), NOW, NOW + timedelta(seconds=60),
)  # fmt: skip


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("final", sorted(FINAL))
def test_endings_never_change_but_for_a_late_truth(state: State, final: State) -> None:
    """An open operation takes any ending, an ended one none, and `unknown` a true result."""
    late_truth = state is State.UNKNOWN and final in (State.SUCCEEDED, State.FAILED)
    assert accepts(state, final) == (state not in FINAL or late_truth)


def test_nobody_took_it() -> None:
    """Never sent, or declined each time: it expires, and the message says that it did not run."""
    assert ending(OPERATION).state is State.EXPIRED
    declined = ending(replace(OPERATION, attempt=3))
    assert declined.state is State.EXPIRED
    assert "3 attempts found no executor" in declined.message
    assert "did not run" in declined.message


@pytest.mark.parametrize("change", [{"state": State.SENT}, {"state": State.CLAIMED}, {"uncertain": True}])
def test_somebody_may_have_run_it(change: dict[str, object]) -> None:
    """Sent and unanswered is unknown, and the message says what may have happened and what to do."""
    ended = ending(replace(OPERATION, attempt=1, agent="agent-0", **change))  # type: ignore[arg-type]
    assert ended.state is State.UNKNOWN
    assert "agent-0" in ended.message
    assert "apply of ConfigMap shop/web may or may not have taken effect" in ended.message
    assert "look before you submit it again" in ended.message


def test_what_was_called_off() -> None:
    """What certainly did not run ends at once; anything else may have run all the same."""
    called_off = replace(OPERATION, cancelled=True, attempt=1)
    assert ending(called_off).reason == "Cancelled"
    assert ending(replace(called_off, state=State.SENT)).state is State.UNKNOWN


def test_a_fenced_change_is_safe_to_repeat() -> None:
    """A precondition makes a repetition harmless, and the message says so."""
    ended = ending(replace(OPERATION, kind=Kind.DELETE, state=State.SENT, fenced=True))
    assert ended.state is State.UNKNOWN
    assert "safe to submit it again" in ended.message


@pytest.mark.parametrize("kind", [Kind.GET, Kind.LIST])
def test_a_read_is_never_unknown(kind: Kind) -> None:
    """A read without an answer changed nothing: it expires."""
    assert ending(replace(OPERATION, kind=kind, state=State.CLAIMED)).state is State.EXPIRED


def test_a_lost_key() -> None:
    """Without its request a never sent operation failed, a sent one is unknown."""
    assert ending_without_request(OPERATION).state is State.FAILED
    assert ending_without_request(replace(OPERATION, attempt=1)).state is State.UNKNOWN


def test_deadlines() -> None:
    """The caller's wish counts; else the executor's time and some more for the ways, never less than the default."""
    timing = Timing()
    assert deadline_s(timing, timeout_s=30, wanted_s=None) == 60
    assert deadline_s(timing, timeout_s=600, wanted_s=None) == 630
    assert deadline_s(timing, timeout_s=600, wanted_s=5) == 5


def test_pauses_grow_and_end() -> None:
    """Pauses after refusals double up to their limit."""
    timing = Timing()
    pauses = [pause_s(timing, attempt) for attempt in range(1, 100)]
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timing.no_executor_max_s


def test_words() -> None:
    """Subjects are described by what is known of them; a note stands before the message."""
    assert describe(Subject()) == "object"
    assert describe(Subject("v1", "Node", "", "n1")) == "Node n1"
    assert with_note(Outcome(State.SUCCEEDED, message="done"), "(note) ").message == "(note) done"


def test_phases_add_up() -> None:
    """Each is from one moment to the next; clocks that differ make none negative."""
    at_ms = int(NOW.timestamp() * 1000)
    told = Outcome(State.SUCCEEDED, started_ms=at_ms + 3000, finished_ms=at_ms + 7000)
    sent, finished = NOW + timedelta(seconds=1), NOW + timedelta(seconds=8)
    ended = replace(OPERATION, state=State.SUCCEEDED, sent=sent, finished=finished, outcome=told)
    late = replace(told, started_ms=at_ms - 5000, finished_ms=at_ms - 1000)

    assert phases_s(ended) == {"send": 1.0, "start": 2.0, "run": 4.0, "report": 1.0}
    assert phases_s(replace(ended, outcome=late)) == {"send": 1.0, "start": 0.0, "run": 4.0, "report": 9.0}


def test_phases_that_never_were() -> None:
    """An operation that nobody took has none; one without an answer was at least sent."""
    expired = Outcome(State.EXPIRED)
    assert phases_s(replace(OPERATION, finished=NOW, outcome=expired)) == {}
    assert phases_s(replace(OPERATION, sent=NOW, finished=NOW, outcome=expired)) == {"send": 0.0}
