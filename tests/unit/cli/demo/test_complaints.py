"""The lines of logs that matter after a failure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fairlead.cli.demo.complaints import LINES, complaints

if TYPE_CHECKING:
    from pathlib import Path


def entry(second: int, level: str, event: str, **more: object) -> str:
    """A line of a log."""
    return json.dumps({"timestamp": f"2026-05-04T12:00:{second:02}.000Z", "level": level, "event": event, **more})


def test_warnings_of_all_services_in_the_order_of_their_times(tmp_path: Path) -> None:
    """With their details; what went well is left out."""
    (tmp_path / "bridge.log").write_text(f"{entry(3, 'error', 'no link', retry_s=1)}\n{entry(4, 'info', 'linked')}\n")
    (tmp_path / "gateway.log").write_text(f"{entry(1, 'warning', 'slow')}\n")

    told = complaints([tmp_path / "bridge.log", tmp_path / "gateway.log", tmp_path / "absent.log"])

    assert told == ["12:00:01.000 gateway warning: slow", "12:00:03.000 bridge error: no link retry_s=1"]


def test_a_crash_is_told_as_it_is(tmp_path: Path) -> None:
    """Lines that are no JSON stand after the entry before them."""
    (tmp_path / "agent.log").write_text(f"{entry(1, 'info', 'up')}\nTraceback (most recent call last):\nMemoryError\n")

    told = complaints([tmp_path / "agent.log"])
    assert told == ["agent: Traceback (most recent call last):", "agent: MemoryError"]


def test_there_is_a_bound(tmp_path: Path) -> None:
    """The latest ones, and no endless lines."""
    lines = [entry(second, "error", f"event {second}", error="x" * 1000) for second in range(50)]
    (tmp_path / "a.log").write_text("\n".join(lines))

    told = complaints([tmp_path / "a.log"])
    assert len(told) == LINES
    assert "event 49" in told[-1]
    assert max(map(len, told)) <= 300
