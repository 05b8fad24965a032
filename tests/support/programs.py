"""Python programs run as processes of their own, for what a test cannot do to itself: signals and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator, Mapping

_LIMIT_S = 30.0


@dataclass
class Program:
    """A running program; its standard error is read line by line, JSON entries are parsed."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def until(self, text: str) -> str:
        """Read until a line holds a text, and return that line."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if text in line:
                return line
        pytest.fail(f"the program ended without saying {text!r}:\n{''.join(self.lines)}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end, and return the exit code."""
        _, rest = self.process.communicate(timeout=_LIMIT_S)
        self.lines += rest.splitlines(keepends=True)
        return self.process.returncode

    @property
    def output(self) -> str:
        """Everything that was read so far."""
        return "".join(self.lines)

    def entries(self) -> list[dict[str, Any]]:
        """The log entries that were read so far."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def events(self) -> list[str]:
        """Their events."""
        return [entry["event"] for entry in self.entries()]


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    """Starts programs from their source text; none outlives the test."""
    started: list[Program] = []

    def start(source: str, environment: Mapping[str, str] | None = None) -> Program:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(source)],
            stderr=subprocess.PIPE,
            text=True,
            env=None if environment is None else {"PATH": "/usr/bin:/bin", **environment},
        )
        started.append(Program(process))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()
