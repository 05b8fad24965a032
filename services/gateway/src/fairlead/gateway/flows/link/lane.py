"""The commit lane of one connection: data frames in their order into the database, then an acknowledgement.

What has been received and not yet been committed is bounded by the window that Welcome granted. Whatever is queued when a
commit ends goes into the next one together: an idle lane commits at once, a busy one in larger steps.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Protocol, TypeVar

from fairlead.contracts.codec import Decoder, MalformedEnvelope
from fairlead.contracts.envelope import Batch
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.assembly import Assembly, BodyTooLarge
from fairlead.gateway.core.commits import Committed
from fairlead.gateway.errors import DatabaseUnavailable, LinkViolation
from fairlead.gateway.flows.link import messages
from fairlead.gateway.flows.link.outbox import Outbox
from fairlead.gateway.ports.links import DocumentStore
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
T = TypeVar("T")
GROUP_BYTES = 1024 * 1024
"""A commit takes no further batch once it holds so much."""
WINDOW_SLACK = 1.25
"""Agents count frames, the lane counts what they carry; only a gross excess is a violation."""
TRACES_AT_ONCE = 32
DOCUMENT_LIMIT_BYTES = 64 * 1024 * 1024


class Committer(Protocol):
    """Takes batches into the mirror."""

    async def commit(self, batches: Sequence[Batch]) -> Committed:
        """Apply the parts of several batches in their order, all or nothing."""
        ...


@dataclass(slots=True)
class _Item:
    id: int
    size: int
    batch: Batch | None = None
    document: pb.Document | None = None
    traceparent: str = ""
    """Trace of a sampled event in it."""


def _documents_under_way() -> Assembly[tuple[str, int, str]]:
    return Assembly(limit_bytes=DOCUMENT_LIMIT_BYTES, total_bytes=2 * DOCUMENT_LIMIT_BYTES)


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class CommitLane:
    """Data frames of one connection."""

    committer: Committer
    documents: DocumentStore
    decoder: Decoder
    allows: Callable[[str], bool]
    """Whether the connection's credentials cover an account."""
    outbox: Outbox
    """For acknowledgements, closed sessions and repair requests."""
    window_bytes: int
    """As Welcome granted it."""
    _queue: deque[_Item] = field(default_factory=deque)
    _waiting: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=_set_event)
    _bytes: int = 0
    _last_id: int = 0
    _assembly: Assembly[tuple[str, int, str]] = field(default_factory=_documents_under_way)

    def offer(self, frame: pb.AgentFrame) -> None:
        """Take a data frame.

        Raises:
            LinkViolation: beyond the window, or out of order.

        """
        if frame.WhichOneof("body") == "document":
            self._put(_Item(frame.document.id, len(frame.document.content), document=frame.document))
            return
        data = frame.data_batch
        with _received(frame.traceparent) as traceparent:
            batch = self._decoded(data.envelope)
        self._put(_Item(data.id, len(data.envelope), batch=batch, traceparent=traceparent))

    def _put(self, item: _Item) -> None:
        if item.id <= self._last_id:
            raise LinkViolation(f"data frame {item.id} after {self._last_id}: ids must grow within a connection")
        if self._queue and self._bytes + item.size > self.window_bytes * WINDOW_SLACK:
            raise LinkViolation(
                f"more than the granted {self.window_bytes} bytes of data under way; wait for acknowledgements"
            )
        self._last_id = item.id
        self._bytes += item.size
        self._queue.append(item)
        self._idle.clear()
        self._waiting.set()

    def _decoded(self, envelope: bytes) -> Batch | None:
        try:
            batch = self.decoder.decode(envelope)
        except MalformedEnvelope as error:
            metrics.GATEWAY_MALFORMED.inc()
            log.warning("a batch cannot be decoded; the gap will make its sessions begin anew", **{
                logfields.REASON: str(error), logfields.SIZE_BYTES: len(envelope)})  # fmt: skip
            return None
        return self._granted(batch)

    def _granted(self, batch: Batch) -> Batch:
        """The batch without parts of accounts that the credentials do not cover."""
        foreign = {number for number, source in enumerate(batch.sources) if not self.allows(source.account)}
        if not foreign:
            return batch
        kept = [part for part in batch.parts if part.source not in foreign]
        refused = len(batch.parts) - len(kept)
        metrics.GATEWAY_PARTS.labels("refused").inc(refused)
        log.warning("parts of accounts that were not granted are dropped", **{
            logfields.ACCOUNT: sorted({batch.sources[number].account for number in foreign})[:5],
            logfields.COUNT: refused})  # fmt: skip
        return Batch(batch.sources, kept)

    async def run(self) -> None:
        """Commit what comes until cancelled."""
        while True:
            await self._waiting.wait()
            group = self._next_group()
            batches = [item.batch for item in group if item.batch is not None and item.batch.parts]
            if batches:
                with _traced(group):
                    committed = await self._until_stored(partial(self.committer.commit, batches))
                await self._tell(committed)
            for item in group:
                if item.document is not None:
                    await self._store(item.document)
            self._bytes -= sum(item.size for item in group)
            for _ in group:
                self._queue.popleft()
            self.outbox.push([pb.GatewayFrame(data_ack=pb.DataAck(through=group[-1].id))])
            if not self._queue:
                self._waiting.clear()
                self._idle.set()

    @property
    def uncommitted_bytes(self) -> int:
        """What was received and is not committed."""
        return self._bytes

    async def drained(self) -> None:
        """Wait until everything received is committed and acknowledged."""
        await self._idle.wait()

    def _next_group(self) -> list[_Item]:
        group: list[_Item] = []
        size = 0
        for item in self._queue:
            if group and size + item.size > GROUP_BYTES:
                break
            group.append(item)
            size += item.size
        return group

    async def _until_stored(self, work: Callable[[], Awaitable[T]]) -> T:
        """Repeat while the database is away: the agent keeps what is not acknowledged, so nothing is lost by waiting."""
        backoff = Backoff(base_s=0.2, max_s=5.0)
        while True:
            try:
                return await work()
            except DatabaseUnavailable as error:
                pause_s = backoff.next_s()
                log.warning(
                    "commits wait for the database", **{logfields.ERROR: chain(error), logfields.RETRY_S: pause_s}
                )
                await asyncio.sleep(pause_s)

    async def _tell(self, committed: Committed) -> None:
        for session, reason in committed.closed.items():
            await self.outbox.put(messages.session_closed(session, reason))
        for session, repair in committed.repairs.items():
            await self.outbox.put(messages.repair_request(session, repair))

    async def _store(self, document: pb.Document) -> None:
        """Collect a chunk; a whole document is stored, a wrong one is told of and dropped: the agent sends anew in time."""
        kind = messages.DOCUMENT_KINDS.get(document.kind)
        if kind is None or not self.allows(document.account):
            self._refuse(document, "not granted, or of an unknown kind")
            return
        key = (document.account, document.kind, document.path)
        if document.chunk == 0:
            self._assembly.forget(key)
        try:
            content = self._assembly.add(key, document.chunk, document.content, last=document.last)
        except BodyTooLarge as error:
            self._refuse(document, str(error))
            return
        if content is None:
            return
        if sha256(content).hexdigest() != document.sha256:
            self._refuse(document, "its SHA-256 is not the announced one")
            return
        await self._until_stored(
            partial(self.documents.put_document, document.account, kind, document.path, document.sha256, content)
        )

    def _refuse(self, document: pb.Document, why: str) -> None:
        metrics.GATEWAY_MALFORMED.inc()
        log.warning("a document is dropped", **{logfields.ACCOUNT: document.account, logfields.REASON: why})


@contextmanager
def _received(traceparent: str) -> Iterator[str]:
    """Show the arrival of a batch in the trace of the sampled event that it holds."""
    if not traceparent:
        yield ""
        return
    with tracing.span("gateway.receive", traceparent) as received:
        yield received or traceparent


@contextmanager
def _traced(group: Sequence[_Item]) -> Iterator[None]:
    """Show a commit in the traces of the sampled events that it holds."""
    traces = [item.traceparent for item in group if item.traceparent]
    with ExitStack() as spans:
        for traceparent in traces[:TRACES_AT_ONCE]:
            spans.enter_context(tracing.span("gateway.commit", traceparent))
        yield
