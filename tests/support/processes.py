"""No test leaves an asyncio task or a child process behind."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairlead.cli.parts.processes import descendants_of, kill_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fairlead.cli.parts.processes import Process

SESSION_PROCESSES: list[Process] = []
"""Parts that outlive a test on purpose; whoever starts one for the whole session adds it here."""

_GRACE_S = 2.0


@pytest.fixture(autouse=True)
def no_process_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test whose child processes live on after it, and end them."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("no_task_left_behind")
    before = set(_living_children())
    yield
    deadline = time.monotonic() + _GRACE_S
    while (left := _living_children() - before - _session_children()) and time.monotonic() < deadline:
        time.sleep(0.01)
    if left:
        told = [f"{pid}: {_command_line(pid)}" for pid in sorted(left)]
        kill_all(sorted(left))
        pytest.fail("the test left child processes behind: " + "; ".join(told), pytrace=False)


@pytest.fixture
async def no_task_left_behind() -> AsyncIterator[None]:
    """Fail a test whose asyncio tasks live on after it; the other fixtures of the test have ended by then."""
    before = asyncio.all_tasks()
    yield
    deadline = time.monotonic() + _GRACE_S
    while (left := asyncio.all_tasks() - before - {asyncio.current_task()}) and time.monotonic() < deadline:  # noqa: ASYNC110 - below
        await asyncio.sleep(0.01)  # the tasks are strangers: nothing else tells that they end
    if left:
        told = sorted(f"{task.get_name()} ({task.get_coro()})" for task in left)
        pytest.fail("the test left asyncio tasks behind: " + "; ".join(told), pytrace=False)


def _living_children() -> set[int]:
    """Children of any of our threads that are not zombies (those are waited for by their owner, later)."""
    return {pid for pid in _children() if not _state(pid).startswith("Z")}


def _children() -> set[int]:
    own = os.getpid()
    return {pid for pid in descendants_of(own) if _parent(pid) == own}


def _session_children() -> set[int]:
    return {process.pid for process in SESSION_PROCESSES if process.running}


def _state(pid: int) -> str:
    return _stat(pid)[0]


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    """State, parent and more of a process (proc(5)); of one that is gone, what a zombie says."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2].split()
    except OSError:
        return ["Z", "0"]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")[:200]
    except OSError:
        return "(gone)"
