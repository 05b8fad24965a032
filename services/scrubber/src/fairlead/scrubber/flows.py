"""The use case: a raw batch comes in, a clean one is written to the log, a verdict goes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from fairlead.contracts.codec import Decoder, MalformedEnvelope
from fairlead.contracts.envelope import Batch
from fairlead.contracts.scrubbing import ScrubReply, Verdict
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger
from fairlead.scrubber.core import batches
from fairlead.scrubber.errors import CleanLogBusy
from fairlead.scrubber.ports import CleanLog

log = get_logger()

_VERDICTS = {verdict: metrics.SCRUBBER_BATCHES.labels(verdict.value) for verdict in Verdict}
_OUTCOMES = {outcome: metrics.SCRUBBER_OBJECTS.labels(outcome) for outcome in batches.OUTCOMES}


class Scrubbing:
    """Answers raw batches.

    Args:
        log: where clean batches go.
        redact: layer 1.
        rules: hash of its rules, told with every reply.
        strict: refuse envelopes with fields that this release does not know, instead of dropping and counting those.
        limit_bytes: largest message of the bus.
        busy_retry_ms: when the watcher may try again after "busy".

    """

    def __init__(  # noqa: PLR0913 - the settings of the one use case, by name
        self, log: CleanLog, redact: batches.Redact, rules: str, *, strict: bool, limit_bytes: int, busy_retry_ms: int
    ) -> None:
        self._log = log
        self._redact = redact
        self._rules = rules
        self._decoder = Decoder(strict=strict)
        self._limit_bytes = limit_bytes
        self._busy_retry_ms = busy_retry_ms
        self._was_busy = False

    def rules(self) -> ScrubReply:
        """Tell by which rules batches are scrubbed."""
        return ScrubReply(Verdict.DONE, self._rules)

    async def handle(self, raw: bytes) -> ScrubReply:
        """Scrub one batch and write it to the clean log."""
        with metrics.SCRUBBER_BATCHES_RUNNING.track_inprogress():
            reply = await self._handle(raw)
        _VERDICTS[reply.verdict].inc()
        return reply

    async def _handle(self, raw: bytes) -> ScrubReply:
        unknown = self._decoder.unknown_fields
        try:
            batch = self._decoder.decode(raw)
        except MalformedEnvelope as error:
            log.error(
                "a raw batch cannot be decoded", **{logfields.ERROR: chain(error), logfields.SIZE_BYTES: len(raw)}
            )
            return ScrubReply(Verdict.MALFORMED, self._rules)
        metrics.SCRUBBER_UNKNOWN_FIELDS.inc(self._decoder.unknown_fields - unknown)
        began_s = time.monotonic()
        with ExitStack() as spans:
            traceparent = _trace(batch, spans)
            clean = batches.clean(batch, self._redact, limit_bytes=self._limit_bytes)
        self._count(clean)
        with _published(traceparent) as published:
            reply = await self._append(clean.encoded, published)
        if reply.verdict is Verdict.DONE:
            metrics.SCRUBBER_BATCH_SECONDS.observe(time.monotonic() - began_s, tracing.exemplar(traceparent))
        return reply

    async def _append(self, encoded: bytes, traceparent: str) -> ScrubReply:
        try:
            await self._log.append(encoded, traceparent)
        except CleanLogBusy as error:
            if traceparent:
                tracing.fail(type(error).__name__)
            if not self._was_busy:
                log.warning("the clean log takes nothing now", **{logfields.ERROR: chain(error)})
            self._was_busy = True
            return ScrubReply(Verdict.BUSY, self._rules, self._busy_retry_ms)
        if self._was_busy:
            log.info("the clean log takes batches again")
        self._was_busy = False
        return ScrubReply(Verdict.DONE, self._rules)

    def _count(self, clean: batches.Clean) -> None:
        for outcome, count in clean.outcomes.items():
            _OUTCOMES[outcome].inc(count)
        if clean.outcomes["caught"]:
            log.error(
                "the second check held objects back that the rules had passed: report this",
                **{logfields.COUNT: clean.outcomes["caught"]},
            )


def _trace(batch: Batch, spans: ExitStack) -> str:
    """Continue the trace of a sampled event, and tell it; the others touch no tracing at all."""
    traceparent = ""
    for part in batch.parts:
        for event in part.events:
            if event.traceparent:
                traceparent = (
                    spans.enter_context(tracing.span("scrubber.scrub", event.traceparent)) or event.traceparent
                )
                event.traceparent = traceparent
    return traceparent


@contextmanager
def _published(traceparent: str) -> Iterator[str]:
    """Show the writing of a sampled event to the clean log; gives the trace as the bridge continues it."""
    if not traceparent:
        yield ""
        return
    with tracing.span("scrubber.publish", traceparent) as published:
        yield published or traceparent
