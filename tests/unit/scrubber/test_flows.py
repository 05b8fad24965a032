"""The use case of the scrubber, over a double of its own port."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.leak_search import TraceCollector
from tests.support.programs import Program

from fairlead.contracts.codec import Decoder, encode
from fairlead.contracts.envelope import Batch, Change, Event, Part, Source
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.contracts.scrubbing import ScrubReply, Verdict
from fairlead.scrubber.core.redaction import Redactor
from fairlead.scrubber.errors import CleanLogBusy
from fairlead.scrubber.flows import Scrubbing
from fairlead.scrubber.service import shipped_rules

SECRETS = Resource("", "v1", "secrets", "Secret", namespaced=True)
RULES = shipped_rules()
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class MemoryLog:
    """A clean log in memory."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []
        self.full = False

    async def append(self, encoded: bytes, traceparent: str) -> None:
        """Take a batch, or be busy."""
        if self.full:
            raise CleanLogBusy("full")
        self.batches.append(encoded)


def scrubbing(log: MemoryLog, *, strict: bool = True) -> Scrubbing:
    """Make the use case over a log."""
    redact = Redactor(RULES).redact
    return Scrubbing(log, redact, RULES.hash, strict=strict, limit_bytes=2**23, busy_retry_ms=250)


def raw(body: bytes = b'{"metadata":{"name":"a"},"data":{"a":"b"}}') -> bytes:
    """A raw batch with one Secret."""
    event = Event(Change.UPSERT, ObjectKey("n", "a"), "u", 7, 0, body, traceparent=TRACE)
    return encode(Batch([Source("acc", "c", SECRETS, "", "s", 1)], [Part(0, 1, 7, [event])]))


async def test_done() -> None:
    """A batch stands scrubbed in the log when its sender is told so, its traces carried on."""
    log = MemoryLog()

    reply = await scrubbing(log).handle(raw())

    assert reply == ScrubReply(Verdict.DONE, RULES.hash)
    event = Decoder(strict=True).decode(log.batches[0]).parts[0].events[0]
    assert (event.object, event.redacted) == (b'{"metadata":{"name":"a"}}', True)
    assert event.traceparent.split("-")[1] == TRACE.split("-")[1]


async def test_busy() -> None:
    """A log that takes nothing means "later", with a hint when."""
    log = MemoryLog()
    flow = scrubbing(log)
    log.full = True
    assert await flow.handle(raw()) == ScrubReply(Verdict.BUSY, RULES.hash, 250)

    log.full = False
    assert (await flow.handle(raw())).verdict is Verdict.DONE


async def test_malformed() -> None:
    """Bytes that are no batch are answered, and nothing is written."""
    log = MemoryLog()

    assert (await scrubbing(log).handle(b"\xc1")).verdict is Verdict.MALFORMED
    assert not log.batches


async def test_unknown_fields() -> None:
    """Fields of a newer release are refused when strict, dropped otherwise."""
    newer = raw()[:-1] + b"\xc0"
    assert newer[0] == 0x93
    newer = b"\x94" + raw()[1:] + b"\xc0"

    assert (await scrubbing(MemoryLog()).handle(newer)).verdict is Verdict.MALFORMED
    assert (await scrubbing(MemoryLog(), strict=False).handle(newer)).verdict is Verdict.DONE


def test_rules() -> None:
    """The hash of the rules is told on request."""
    assert scrubbing(MemoryLog()).rules() == ScrubReply(Verdict.DONE, RULES.hash)


@pytest.mark.parametrize("full", [False, True])
def test_a_trace_tells_what_the_log_did(program: Callable[..., Program], *, full: bool) -> None:
    """The publication is a span of its own below the scrubbing; when the log takes nothing, that one has failed."""
    with TraceCollector() as collector:
        running = program(f"""
import asyncio
from fairlead.runtime.sections import TracingSettings
from fairlead.runtime.tracing import configure
from tests.unit.scrubber.test_flows import MemoryLog, raw, scrubbing
log = MemoryLog()
log.full = {full}
with configure("scrubber", TracingSettings(endpoint={collector.endpoint!r})):
    asyncio.run(scrubbing(log).handle(raw()))
""")
        assert running.ended() == 0, running.output
        requests = [ExportTraceServiceRequest.FromString(body) for body in collector]
    scopes = [scope for each in requests for resource in each.resource_spans for scope in resource.scope_spans]
    spans = {span.name: span for scope in scopes for span in scope.spans}
    scrub, publish = spans["scrubber.scrub"], spans["scrubber.publish"]

    assert publish.parent_span_id == scrub.span_id
    assert (scrub.status.message, publish.status.message) == ("", "CleanLogBusy" if full else "")
