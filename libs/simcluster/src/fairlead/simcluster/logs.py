"""What containers have printed: the last lines of each, in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_LINES: Final = 2000

Line = tuple[float, str]
"""When it was printed, in seconds since the epoch, and what."""


@dataclass(slots=True)
class ContainerLog:
    """One run of a container; `first` is the number of the oldest line that is kept."""

    first: int = 0
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))

    def append(self, line: Line) -> None:
        """Add a line, and forget the oldest one when there are too many."""
        self.first += len(self.lines) == KEPT_LINES
        self.lines.append(line)

    def since(self, number: int) -> list[Line]:
        """The lines from a number on."""
        return [line for at, line in enumerate(self.lines, self.first) if at >= number]


@dataclass(slots=True)
class Logs:
    """The logs of all pods, by pod uid and container. A container that prints nothing costs nothing."""

    listeners: set[Callable[[], None]] = field(default_factory=set)
    _present: dict[tuple[str, str], ContainerLog] = field(default_factory=dict)
    _previous: dict[tuple[str, str], ContainerLog] = field(default_factory=dict)

    def write(self, uid: str, container: str, line: Line) -> None:
        """Print a line."""
        self._present.setdefault((uid, container), ContainerLog()).append(line)
        for listener in tuple(self.listeners):
            listener()

    def of(self, uid: str, container: str, *, previous: bool = False) -> ContainerLog:
        """The log of a container's present run, or of the one before."""
        return (self._previous if previous else self._present).get((uid, container)) or ContainerLog()

    def restart(self, uid: str, container: str) -> None:
        """Begin a new run: what was printed becomes the previous log."""
        self._previous[uid, container] = self._present.pop((uid, container), ContainerLog())

    def forget(self, uid: str) -> None:
        """Drop the logs of a pod that is gone."""
        for kept in (self._present, self._previous):
            for key in [key for key in kept if key[0] == uid]:
                del kept[key]


def first_lines(container: dict[str, Any], status: dict[str, Any]) -> list[Line]:
    """What a container prints when it starts: an `echo` its arguments, any other that it is there."""
    run = status.get("running") or status.get("terminated") or {}
    started = run.get("startedAt")
    if not started:
        return []
    time = parse_time(started)
    command = [*(container.get("command") or ()), *(container.get("args") or ())]
    if command[:1] == ["echo"]:
        return [(time, text) for text in " ".join(command[1:]).split("\n")]
    return [(time, f"{container['name']} started")]


def parse_time(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time; ValueError."""
    return datetime.fromisoformat(text).timestamp()


def shown(line: Line, *, timestamps: bool) -> bytes:
    """A line as it is sent."""
    time, text = line
    if not timestamps:
        return text.encode() + b"\n"
    moment = datetime.fromtimestamp(time, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}000Z {text}\n".encode()
