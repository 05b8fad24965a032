"""The raw hop: a window of lanes hands batches of all sessions to the scrubbers; what waits is bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fairlead.contracts import codec
from fairlead.contracts.envelope import Batch, Part, Source
from fairlead.contracts.scrubbing import ScrubReply, Verdict
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger
from fairlead.watcher.core.batching import Stream, collect
from fairlead.watcher.core.sampling import Sample, Sampler
from fairlead.watcher.errors import ScrubberUnavailable
from fairlead.watcher.ports import Scrubber

log = get_logger()

LANES = 4
"""Batches in flight."""
PAUSE_S = 0.02
"""Between the starts of two batches, if the first took all that waited: every hop costs per batch, hardly per event."""


_VERDICTS = {verdict: metrics.WATCHER_BATCHES.labels(verdict.value) for verdict in Verdict}
_UNANSWERED = metrics.WATCHER_BATCHES.labels("unanswered")


class _Attached:
    """A stream's share of what waits, and its series."""

    def __init__(self, source: Source, give_up: Callable[[str], None]) -> None:
        self.give_up = give_up
        self.pending_bytes = 0
        self.coalesced = 0
        self._events = metrics.WATCHER_SENT_EVENTS.labels(source.account, source.resource.name)
        self._bytes = metrics.WATCHER_SENT_BYTES.labels(source.account, source.resource.name)

    def sends(self, part: Part) -> None:
        """Count a part that goes out."""
        if part.events:
            self._events.inc(len(part.events))
            self._bytes.inc(sum(len(event.object) for event in part.events))


class RawHop:
    """Carries parts of attached streams to the scrubbers, round robin, a few batches at a time.

    Args:
        scrubber: the way to the scrubbers.
        pending_bytes_max: of bodies that wait in all sessions together. Lists wait at half of it; a watch that goes over
            it costs the largest session its bodies: it is given up and lists again when there is room.
        sampler: chooses the events that are traced.

    """

    def __init__(self, scrubber: Scrubber, pending_bytes_max: int, sampler: Sampler) -> None:
        self._sampler = sampler
        self._scrubber = scrubber
        self._pending_bytes_max = pending_bytes_max
        self._attached: dict[Stream, _Attached] = {}
        self._waiting: dict[Stream, None] = {}
        self._pending_bytes = 0
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._rules = ""
        self._turn = asyncio.Lock()
        self._pause_until = 0.0

    def attach(self, stream: Stream, give_up: Callable[[str], None]) -> None:
        """Carry a stream's parts; ``give_up(reason)`` is called when its session must end."""
        self._attached[stream] = _Attached(stream.source, give_up)

    def detach(self, stream: Stream) -> None:
        """Carry no further parts of a stream; what is in flight is of no interest any more."""
        attached = self._attached.pop(stream, None)
        self._waiting.pop(stream, None)
        if attached is not None:
            self._pending_bytes -= attached.pending_bytes
            self._measure()

    def has_news(self, stream: Stream) -> None:
        """Say that a session has something to say, and keep the bound."""
        self._count(stream)
        if stream in self._attached and stream.session.outbox.has_work:
            self._waiting[stream] = None
            self._work.set()
        if self._pending_bytes > self._pending_bytes_max:
            largest = max(self._attached, key=lambda each: self._attached[each].pending_bytes)
            metrics.WATCHER_OVERLOADS.labels(largest.source.account, largest.source.resource.name).inc()
            self._give_up([largest], "overload")

    async def wait_room(self) -> None:
        """Wait until less than half of the bound is used."""
        await self._room.wait()

    async def wait_rules(self) -> str:
        """The hash of the scrub rules in force; waits for a scrubber."""
        backoff = Backoff(base_s=0.2, max_s=5.0)
        while not self._rules:
            try:
                self._learn(await self._scrubber.rules())
            except ScrubberUnavailable as error:
                delay_s = backoff.next_s()
                log.warning(
                    "no scrubber answers", **{logfields.ERROR: chain(error), logfields.RETRY_S: round(delay_s, 1)}
                )
                await asyncio.sleep(delay_s)
        return self._rules

    async def lane(self) -> None:
        """Take batches and see them delivered, one after the other; `LANES` of these are the window."""
        while True:
            async with self._turn:
                batch, streams = await self._collect()
            sample = self._sampler.choose(batch, asyncio.get_running_loop().time())
            with _traced(sample), metrics.WATCHER_BATCHES_IN_FLIGHT.track_inprogress():
                await self._deliver(batch, streams)

    async def _collect(self) -> tuple[Batch, list[Stream]]:
        """Take what waits, as soon as there is something and the pause is over."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._work.wait()
            await asyncio.sleep(self._pause_until - clock())
            batch, streams = collect(list(self._waiting))
            for stream in streams:
                self._waiting.pop(stream, None)
                self.has_news(stream)
            if not any(stream.session.outbox.has_work for stream in self._waiting):
                self._waiting.clear()
                self._work.clear()
                self._pause_until = clock() + PAUSE_S
            if batch.parts:
                return batch, streams

    async def _deliver(self, batch: Batch, streams: list[Stream]) -> None:
        """Send a batch, again and again with the same bytes, until it is taken or nobody needs it any more."""
        data = codec.encode(batch)
        self._count_sent(batch, streams)
        batch.parts[:] = [_without_bodies(part) for part in batch.parts]
        backoff, began_s = Backoff(base_s=0.05, max_s=5.0), time.monotonic()
        while any(stream in self._attached for stream in streams):
            try:
                reply = await self._scrubber.scrub(data)
            except ScrubberUnavailable as error:
                log.debug("a raw batch was not taken", **{logfields.ERROR: chain(error)})
                _UNANSWERED.inc()
                await asyncio.sleep(backoff.next_s())
                continue
            _VERDICTS[reply.verdict].inc()
            if await self._judged(reply, batch, streams, backoff):
                if reply.verdict is Verdict.DONE:
                    metrics.WATCHER_BATCH_SECONDS.observe(time.monotonic() - began_s, tracing.exemplar())
                return

    async def _judged(self, reply: ScrubReply, batch: Batch, streams: list[Stream], backoff: Backoff) -> bool:
        if reply.verdict is Verdict.BUSY:
            await asyncio.sleep(backoff.next_s(at_least_s=reply.retry_after_ms / 1000))
            return False
        if reply.verdict is Verdict.MALFORMED:
            log.error(
                "the scrubber cannot read a batch; its sessions begin anew", **{logfields.COUNT: len(batch.parts)}
            )
            tracing.fail(reply.verdict.value)
            self._give_up([stream for stream in streams if stream in self._attached], "malformed")
            return True
        for part in batch.parts:
            streams[part.source].session.outbox.delivered(part.number)
        for stream in streams:
            self.has_news(stream)
        self._learn(reply.rules)
        return True

    def _learn(self, rules: str) -> None:
        """Take note of the rules in force; under other rules everything has to be listed again."""
        if self._rules and rules != self._rules:
            log.info("the scrub rules changed: listing everything again")
            self._give_up(list(self._attached), "rules")
        self._rules = rules

    def _give_up(self, streams: list[Stream], reason: str) -> None:
        for stream in streams:
            self._attached[stream].give_up(reason)
            self.detach(stream)

    def _count_sent(self, batch: Batch, streams: list[Stream]) -> None:
        for part in batch.parts:
            attached = self._attached.get(streams[part.source])
            if attached is not None:
                attached.sends(part)

    def _count(self, stream: Stream) -> None:
        attached = self._attached.get(stream)
        if attached is not None:
            outbox = stream.session.outbox
            self._pending_bytes += outbox.pending_bytes - attached.pending_bytes
            metrics.WATCHER_COALESCED.inc(outbox.coalesced - attached.coalesced)
            attached.pending_bytes, attached.coalesced = outbox.pending_bytes, outbox.coalesced
            self._measure()

    def _measure(self) -> None:
        metrics.WATCHER_PENDING_BYTES.set(self._pending_bytes)
        if self._pending_bytes < self._pending_bytes_max // 2:
            self._room.set()
        else:
            self._room.clear()


@contextmanager
def _traced(sample: Sample | None) -> Iterator[None]:
    """Show the way of a sampled event from the watch to the clean log; the others touch no tracing at all."""
    if sample is None:
        yield
        return
    source, event = sample
    about = {"account": source.account, "kind": source.resource.kind, "change": event.change.name.lower()}
    with (
        tracing.span("watcher.event", start_ms=event.changed_ms, **about),
        tracing.span("watcher.publish") as traceparent,
    ):
        event.traceparent = traceparent
        yield


def _without_bodies(part: Part) -> Part:
    return Part(part.source, part.number)
