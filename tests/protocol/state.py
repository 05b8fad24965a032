"""What the world is made of, and what it remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from tests.protocol.cluster import Cluster, Write
from tests.protocol.mirrors import MirrorUnderTest

from fairlead.contracts import codec
from fairlead.contracts.identity import ObjectKey
from fairlead.watcher.core.batching import Stream
from fairlead.watcher.core.session import Session

WINDOW = 3
PENDING_MAX = 6
SCOPES = (frozenset("ab"), frozenset("a"), frozenset("b"))


class Violation(Exception):
    """An invariant does not hold."""


@dataclass(eq=False)
class Flight:
    """A batch in the watcher's window."""

    data: bytes
    session: Session
    numbers: list[int]


@dataclass
class Listing:
    """A list under way."""

    version: int
    dead: bool = False
    pages: int = 0


@dataclass(eq=False)
class Watcher:
    """A watcher process: what `Reflector` decides, step by step."""

    number: int
    lease: bool = False
    phase: str = "idle"
    stream: Stream | None = None
    scope: frozenset[str] = frozenset()
    list_anew: bool = False
    connected: bool = False
    timeline: int = 0
    listing: Listing | None = None
    flights: list[Flight] = field(default_factory=list)
    fetched: list[tuple[str, ObjectKey]] = field(default_factory=list)
    known_epoch: int = 0
    ended_epoch: int = 0

    @property
    def session(self) -> Session:
        """The session that runs."""
        assert self.stream is not None
        return self.stream.session

    @property
    def id(self) -> str:
        """Id of the session that runs, empty for none."""
        return self.stream.source.session if self.stream else ""

    def reset(self) -> None:
        """Drop the session and whatever belongs to it."""
        self.phase, self.stream, self.listing, self.connected = "idle", None, None, False
        self.flights, self.list_anew = [], False


@dataclass(eq=False)
class LogEntry:
    """A batch in the clean log: waiting, out with the bridge, or due again."""

    data: bytes
    state: str = "waiting"


class Teller(Protocol):
    """Takes notes of a run."""

    def __call__(self, *words: object) -> None:
        """Note a line."""


@dataclass
class State:
    """Everything between the cluster and the rows."""

    mirror: MirrorUnderTest
    say: Teller = lambda *_: None
    cluster: Cluster = field(default_factory=Cluster)
    watchers: tuple[Watcher, Watcher] = field(default_factory=lambda: (Watcher(0, lease=True), Watcher(1)))
    scope: frozenset[str] = SCOPES[0]
    copies: list[tuple[Watcher, Flight]] = field(default_factory=list)
    log: list[LogEntry] = field(default_factory=list)
    pipe: list[LogEntry] = field(default_factory=list)
    old_pipe: list[LogEntry] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    asked: list[tuple[str, ObjectKey]] = field(default_factory=list)
    reads: dict[tuple[str, ObjectKey], Write | None] = field(default_factory=dict)
    """What the cluster answered to reads by name."""
    timelines: dict[str, int] = field(default_factory=dict)
    """Timeline that each session watched last."""
    scopes: dict[str, frozenset[str]] = field(default_factory=dict)
    shown: dict[ObjectKey, tuple[int, int]] = field(default_factory=dict)
    """Newest (timeline, version) that readers saw of each object, deletions included."""
    decoder: codec.Decoder = field(default_factory=lambda: codec.Decoder(strict=True))
    checkpoint: int | None = None
    events: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        """Note that something happened, so that a run can show what it covered."""
        self.events[what] = self.events.get(what, 0) + 1
