"""Logs in memory."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.simcluster.logs import KEPT_LINES, Logs, first_lines, parse_time, shown

STARTED = "2026-01-02T03:04:05Z"


def test_the_oldest_lines_are_forgotten() -> None:
    """Numbers go on, so that a reader knows where it was."""
    logs = Logs()
    for number in range(KEPT_LINES + 3):
        logs.write("u", "a", (float(number), f"line {number}"))
    log = logs.of("u", "a")

    assert (log.first, len(log.lines)) == (3, KEPT_LINES)
    assert [text for _, text in log.since(KEPT_LINES + 1)] == [f"line {KEPT_LINES + 1}", f"line {KEPT_LINES + 2}"]


def test_a_restart_keeps_one_run() -> None:
    """The one before the last is gone; a pod that is gone takes all along."""
    logs = Logs()
    logs.write("u", "a", (1.0, "first"))
    logs.restart("u", "a")
    logs.write("u", "a", (2.0, "second"))

    assert [text for _, text in logs.of("u", "a", previous=True).lines] == ["first"]
    assert [text for _, text in logs.of("u", "a").lines] == ["second"]
    logs.forget("u")
    assert not logs.of("u", "a").lines
    assert not logs.of("u", "a", previous=True).lines


def test_who_listens_hears_each_line() -> None:
    """As a follower does."""
    logs, heard = Logs(), []
    logs.listeners.add(lambda: heard.append(1))
    logs.write("u", "a", (1.0, "x"))

    assert heard == [1]


@pytest.mark.parametrize(
    ("container", "state", "texts"),
    [
        ({"name": "a"}, {"running": {"startedAt": STARTED}}, ["a started"]),
        (
            {"name": "a", "command": ["echo"], "args": ["x=1\ny=2"]},
            {"terminated": {"startedAt": STARTED}},
            ["x=1", "y=2"],
        ),
        ({"name": "a"}, {"waiting": {}}, []),
    ],
)
def test_a_start_prints_something(container: dict[str, Any], state: dict[str, Any], texts: list[str]) -> None:
    """An echo prints what it is told to."""
    assert first_lines(container, state) == [(parse_time(STARTED), text) for text in texts]


def test_time_stamps_have_nanoseconds() -> None:
    """As the kubelet writes them."""
    line = (parse_time(STARTED) + 0.25, "x")

    assert shown(line, timestamps=True) == b"2026-01-02T03:04:05.250000000Z x\n"
    assert shown(line, timestamps=False) == b"x\n"
