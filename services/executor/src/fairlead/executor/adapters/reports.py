"""Reports to the gateway, over the bus and the bridge, one chunk after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from google.protobuf.message import DecodeError

from fairlead.contracts.operations import CHUNK_BYTES
from fairlead.contracts.subjects import CALL_REPORT
from fairlead.contracts.v1 import link_pb2
from fairlead.contracts.v1.link_pb2 import AgentFrame, CallFailed, GatewayFrame, OperationReport
from fairlead.executor.core.outcome import Outcome, Verdict
from fairlead.executor.errors import Undelivered
from fairlead.executor.ports import Report
from fairlead.runtime import tracing
from fairlead.runtime.bus import Bus, BusUnavailable, NoResponder

TIMEOUT_S = 10.0
_STATES = {
    Verdict.SUCCEEDED: OperationReport.STATE_SUCCEEDED,
    Verdict.FAILED: OperationReport.STATE_FAILED,
    Verdict.UNKNOWN: OperationReport.STATE_UNKNOWN,
}


class BusReports:
    """Hands reports to the bridge; ``max_retries`` and ``backoff_s`` are Armory's ``clouddriver.responseRetries``."""

    def __init__(self, bus: Bus, *, max_retries: int, backoff_s: float) -> None:
        self._bus = bus
        self._max_retries = max_retries
        self._backoff_s = backoff_s

    async def tell(self, report: Report) -> None:
        """Hand a report over; see `ports.Reports`."""
        job, stage = report.job, report.stage.value
        with tracing.span("executor.report", operation=job.id, account=job.account, stage=stage) as traceparent:
            for message in encode_report(report):
                frame = AgentFrame(traceparent=traceparent, operation_report=message)
                await self._deliver(frame.SerializeToString())

    async def _deliver(self, data: bytes) -> None:
        tries = 0
        while True:
            try:
                answer = await self._bus.request(CALL_REPORT, data, timeout_s=TIMEOUT_S)
                fault, is_final = _fault(answer)
            except (BusUnavailable, NoResponder) as error:
                fault, is_final = str(error), False
            if not fault:
                return
            tries += 1
            if is_final or tries > self._max_retries:
                raise Undelivered(fault)
            await asyncio.sleep(self._backoff_s)


def encode_report(report: Report) -> Iterator[OperationReport]:
    """Cut a report into messages; each tells how the operation ended, and carries a chunk of the body."""
    outcome = report.outcome
    body = memoryview(outcome.body) if outcome else memoryview(b"")
    count = max(1, -(-len(body) // CHUNK_BYTES))
    for chunk in range(count):
        message = _head(report, outcome)
        message.chunk = chunk
        message.last = chunk == count - 1
        message.body = bytes(body[chunk * CHUNK_BYTES : (chunk + 1) * CHUNK_BYTES])
        yield message


def _head(report: Report, outcome: Outcome | None) -> OperationReport:
    job = report.job
    message = OperationReport(
        id=job.id, account=job.account, attempt=job.attempt, state=OperationReport.STATE_CLAIMED,
        started_unix_ms=report.started_ms, finished_unix_ms=report.finished_ms,
    )  # fmt: skip
    if outcome is None:
        return message
    message.state = _STATES[outcome.verdict]
    message.code = outcome.code
    message.reason, message.message = outcome.reason, outcome.message
    message.namespace, message.name = outcome.namespace, outcome.name
    message.uid, message.version = outcome.uid, outcome.version
    if outcome.resource is not None:
        found = outcome.resource
        message.resource.CopyFrom(
            link_pb2.Resource(
                group=found.group, version=found.version, plural=found.plural, kind=found.kind, namespaced=found.namespaced
            )
        )  # fmt: skip
    return message


def _fault(answer: bytes) -> tuple[str, bool]:
    """Why the gateway did not take a report, empty when it did, and whether trying again is of no use."""
    try:
        frame = GatewayFrame.FromString(answer)
    except DecodeError:
        return "the answer to a report is no frame", True
    if frame.WhichOneof("body") == "done":
        return "", True
    failure = frame.call_failed
    return failure.message or "the report was not taken", failure.code != CallFailed.CODE_UNAVAILABLE
