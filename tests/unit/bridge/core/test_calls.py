"""Whose answer is whose."""

from __future__ import annotations

from fairlead.bridge.core.calls import BODIES, Calls
from fairlead.contracts.subjects import SUBJECTS
from fairlead.contracts.v1 import link_pb2 as pb


def test_each_answer_finds_its_caller_once() -> None:
    """A number belongs to one call; an answer that comes late or twice finds nobody."""
    calls: Calls[str] = Calls(10)
    first, second = calls.begin("first"), calls.begin("second")
    assert first is not None
    assert second is not None

    assert calls.end(second) == "second"
    assert calls.end(second) is None
    assert calls.end(12345) is None
    assert len(calls) == 1
    assert calls.end_all() == ["first"]
    assert calls.end(first) is None


def test_calls_are_bounded() -> None:
    """Over the limit there is no number."""
    calls: Calls[str] = Calls(1)
    calls.begin("a")

    assert calls.begin("b") is None


def test_the_table_of_subjects_says_the_same() -> None:
    """The body of each call is the one that the subjects' table names, and a field of the frame."""
    table = {
        subject.pattern: subject.message.removeprefix("AgentFrame.")
        for subject in SUBJECTS
        if subject.consumers == ("bridge",) and subject.message.startswith("AgentFrame.") and subject.reply
    }

    assert table == BODIES
    assert set(BODIES.values()) <= {each.name for each in pb.AgentFrame.DESCRIPTOR.oneofs_by_name["body"].fields}
