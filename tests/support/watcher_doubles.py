"""Doubles of the watcher's ports: a scripted cluster, a gateway that notes what it is asked, a scrubber that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from tests.support.watching import PODS

from fairlead.contracts import codec
from fairlead.contracts.envelope import Batch
from fairlead.contracts.identity import ObjectKey
from fairlead.contracts.scrubbing import ScrubReply, Verdict
from fairlead.watcher.core.scope import Selection
from fairlead.watcher.core.session import Known, Observed, Opened
from fairlead.watcher.errors import ScrubberUnavailable, StreamingListUnsupported
from fairlead.watcher.ports import Catalogue, Claim, ClusterInfo, Item, Page, ResourceState, Seen, State

DONE = ScrubReply(Verdict.DONE, "rules")


async def until(condition: Callable[[], bool], *, timeout_s: float = 5.0) -> None:
    """Wait for a state, bounded."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - conditions of tests have no events
            await asyncio.sleep(0.002)


@dataclass
class FakeScrubber:
    """Takes batches; `replies` are given first, an exception is raised."""

    replies: list[ScrubReply | Exception] = field(default_factory=list)
    batches: list[bytes] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def scrub(self, batch: bytes) -> ScrubReply:
        """Note a batch and answer."""
        await self.open.wait()
        self.batches.append(batch)
        reply = self.replies.pop(0) if self.replies else DONE
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def rules(self) -> str:
        """Answer the hash of the rules."""
        if not self.open.is_set():
            raise ScrubberUnavailable("away")
        return "rules"

    def decoded(self) -> list[Batch]:
        """Every batch taken, decoded strictly."""
        return [codec.Decoder(strict=True).decode(data) for data in self.batches]

    def names(self) -> list[str]:
        """Names of all objects in the batches, in their order."""
        return [event.key.name for batch in self.decoded() for part in batch.parts for event in part.events]


@dataclass
class FakeGateway:
    """Grants everything; `checkpoint` is what sessions are opened with."""

    checkpoint: int | None = None
    age_ms: int = 0
    highest: int = 0
    known: dict[ObjectKey, Known] = field(default_factory=dict)
    opened: list[tuple[str, int, int]] = field(default_factory=list)
    """(scope, known epoch, ended epoch) of each opening."""
    states: list[ResourceState] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)
    document_errors: list[Exception] = field(default_factory=list)
    claim_errors: list[Exception] = field(default_factory=list)
    report_errors: list[Exception] = field(default_factory=list)
    stored_errors: list[Exception] = field(default_factory=list)

    async def claim(self, claim: Claim) -> None:
        """Note a claim."""
        if self.claim_errors:
            raise self.claim_errors.pop(0)
        self.claims.append(claim)

    async def open(self, account: str, selection: Selection, scope: str, known_epoch: int, ended_epoch: int) -> Opened:
        """Open session after session."""
        self.opened.append((scope, known_epoch, ended_epoch))
        epoch = max(known_epoch, 1) + (1 if ended_epoch else 0)
        highest = self.highest if epoch == 1 else 0
        return Opened(f"session-{len(self.opened)}", epoch, self.checkpoint, self.age_ms, highest)

    async def stored(self, session: str) -> AsyncIterator[dict[ObjectKey, Known]]:
        """Give what is held."""
        if self.stored_errors:
            raise self.stored_errors.pop(0)
        yield dict(self.known)

    async def report(self, states: Iterable[ResourceState]) -> None:
        """Note states."""
        if self.report_errors:
            raise self.report_errors.pop(0)
        self.states += states

    async def send_document(self, account: str, path: str, content: bytes) -> None:
        """Note a document."""
        if self.document_errors:
            raise self.document_errors.pop(0)
        self.documents.append(content)


@dataclass
class FakeCluster:
    """Lists `objects`, then gives what is put into `live`; errors in `errors` are raised by the next request of a kind."""

    objects: list[Observed] = field(default_factory=list)
    at: int = 10
    streams_lists: bool = False
    live: asyncio.Queue[list[Item] | Exception | None] = field(default_factory=asyncio.Queue)
    errors: dict[str, list[Exception]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    while_listed: list[Item] = field(default_factory=list)
    """What a streaming list shows between its objects and its end."""
    after_list: list[Item] = field(default_factory=list)
    """What the same read of the socket brings after the end."""
    catalogue: Catalogue = field(default_factory=lambda: Catalogue((PODS,), (), {"": b"document"}))

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.errors.get(what):
            raise self.errors[what].pop(0)

    async def describe(self) -> ClusterInfo:
        """Introduce the cluster."""
        self._ask("describe")
        return ClusterInfo("uid", "host:443", "ca", "v1.37.1", "someone")

    async def discover(self, kinds: tuple[str, ...]) -> Catalogue:
        """Give the catalogue."""
        self._ask("discover")
        return self.catalogue

    async def version(self, selection: Selection) -> int:
        """Give the current version."""
        self._ask("version")
        return self.at

    async def pages(self, selection: Selection, at_least: int | None) -> AsyncIterator[Page]:
        """List one object a page."""
        self._ask("pages")
        for state in self.objects:
            yield Page(self.at, [state])
        yield Page(self.at, [])

    async def names(self, selection: Selection) -> AsyncIterator[Page]:
        """List names."""
        self._ask("names")
        yield Page(self.at, self.objects)

    async def watch(
        self, selection: Selection, version: int | None, *, initial: bool
    ) -> AsyncGenerator[list[Item], None]:
        """Give what the test puts in; None ends a watch, an error breaks it."""
        self._ask("stream" if initial else f"watch {version}")
        if initial:
            if not self.streams_lists:
                raise StreamingListUnsupported("no")
            yield [Item(Seen.CHANGED, state.version, state) for state in self.objects]
            yield [*self.while_listed, Item(Seen.LIST_END, self.at, None), *self.after_list]
            return
        while (items := await self.live.get()) is not None:
            if isinstance(items, Exception):
                raise items
            yield items

    async def get(self, selection: Selection, key: ObjectKey) -> Observed | None:
        """Read one of the objects."""
        self._ask(f"get {key.name}")
        return next((state for state in self.objects if state.key == key), None)


def changed(state: Observed) -> Item:
    """A MODIFIED line."""
    return Item(Seen.CHANGED, state.version, state)


def state_names(gateway: FakeGateway) -> list[State]:
    """The states that were told, in their order."""
    return [each.state for each in gateway.states]
