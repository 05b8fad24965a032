"""Relays calls of the zone to the gateway and its answers back, and the gateway's own frames into the zone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from google.protobuf.message import DecodeError

from fairlead.bridge.core.assembly import Assembly
from fairlead.bridge.core.calls import BODIES
from fairlead.bridge.errors import LinkBusy, LinkLost, NoExecutor, ZoneUnavailable
from fairlead.bridge.flows.connection import Connection
from fairlead.bridge.flows.uplink import Spawn, Uplink
from fairlead.bridge.ports import Zone
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()

RETRY_AFTER_MS = 1000


class CallRelay:
    """Answers what watchers and executors ask, by asking the gateway.

    Args:
        uplink: the link.
        call_timeout_s: how long the gateway may take to answer.
        document_timeout_s: how long it may take to commit a piece of a document.

    """

    def __init__(self, uplink: Uplink, *, call_timeout_s: float, document_timeout_s: float) -> None:
        self._uplink = uplink
        self._call_timeout_s = call_timeout_s
        self._document_timeout_s = document_timeout_s

    async def answer(self, subject: str, data: bytes) -> bytes:
        """Answer one call; failures are answers too."""
        frame = pb.AgentFrame()
        try:
            frame.ParseFromString(data)
        except DecodeError:
            return _failed(0, pb.CallFailed.CODE_INVALID, "the call is no AgentFrame").SerializeToString()
        callers_number = frame.call
        with self._traced(frame):
            answer = await self._answer(subject, frame)
            if answer.HasField("call_failed"):
                tracing.fail("call failed")
        answer.call = callers_number
        outcome = "failed" if answer.HasField("call_failed") else "answered"
        metrics.BRIDGE_CALLS.labels(BODIES[subject], outcome).inc()
        return answer.SerializeToString()

    @contextmanager
    def _traced(self, frame: pb.AgentFrame) -> Iterator[None]:
        """Show the way of a report in the trace of its operation; other calls have none."""
        if not frame.traceparent:
            yield
            return
        report, zone = frame.operation_report, self._uplink.zone
        with tracing.span(
            "bridge.report", frame.traceparent, operation=report.id, account=report.account, zone=zone
        ) as traceparent:
            frame.traceparent = traceparent or frame.traceparent
            yield

    async def _answer(self, subject: str, frame: pb.AgentFrame) -> pb.GatewayFrame:
        number = frame.call
        body = frame.WhichOneof("body")
        if body != BODIES[subject]:
            return _failed(number, pb.CallFailed.CODE_INVALID, f"{subject} takes {BODIES[subject]}, not {body}")
        connection = self._uplink.current
        if connection is None:
            return _failed(number, pb.CallFailed.CODE_UNAVAILABLE, "the link is down")
        if frame.ByteSize() > connection.frame_limit_bytes:
            return _failed(number, pb.CallFailed.CODE_INVALID, "the call is larger than a frame may be")
        try:
            if body == "document":
                return await self._deposit(connection, frame)
            return await connection.call(frame, self._call_timeout_s)
        except (LinkLost, LinkBusy) as error:
            return _failed(number, pb.CallFailed.CODE_UNAVAILABLE, str(error))

    async def _deposit(self, connection: Connection, frame: pb.AgentFrame) -> pb.GatewayFrame:
        """Send a piece of a document by the data lane; done when it is committed."""
        committed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def settle(known: bool) -> None:
            if not committed.done():
                committed.set_result(known)

        try:
            async with asyncio.timeout(self._document_timeout_s):
                if not await connection.wait_room():
                    raise LinkLost("the link is being replaced")
                connection.send_data(frame, settle)
                if not await committed:
                    raise LinkLost("the link went down before the document was stored")
        except TimeoutError:
            raise LinkBusy(f"the gateway did not store the document within {self._document_timeout_s:g} s") from None
        return pb.GatewayFrame(done=pb.Done())


class Delivery:
    """Takes what the gateway sends unasked into the zone.

    Args:
        zone: the bus.
        spawn: starts a task for each operation.
        operations_max: operations that may wait for an executor to take them; the gateway sends again what is dropped.
        zone_id: of the installation, in traces.

    """

    def __init__(self, zone: Zone, spawn: Spawn, *, operations_max: int, zone_id: str) -> None:
        self._zone = zone
        self._zone_id = zone_id
        self._spawn = spawn
        self._operations_max = operations_max
        self._operations = 0
        self._assembly = Assembly()
        self._assembly_of = 0

    async def deliver(self, connection: Connection, frame: pb.GatewayFrame) -> None:
        """Handle one frame; never fails."""
        try:
            match frame.WhichOneof("body"):
                case "session_closed" | "repair_request":
                    await self._zone.notify(frame)
                case "cancel_operation":
                    await self._zone.cancel(frame)
                case _:
                    self._collect(connection, frame)
        except ZoneUnavailable as error:
            log.warning("a frame of the gateway is lost", **{logfields.ERROR: chain(error)})

    def _collect(self, connection: Connection, frame: pb.GatewayFrame) -> None:
        if self._assembly_of != connection.number:  # chunks never continue on another connection
            self._assembly, self._assembly_of = Assembly(), connection.number
        whole = self._assembly.add(frame.operation)
        if whole is None:
            return
        if self._operations >= self._operations_max:
            log.warning(
                "too many operations under way: one is left to be sent again", **{logfields.OPERATION: whole.id}
            )
            return
        self._count(1)
        complete = pb.GatewayFrame(call=frame.call, traceparent=frame.traceparent, operation=whole)
        self._spawn(f"operation {whole.id}", self._hand_over(connection, complete))

    async def _hand_over(self, connection: Connection, frame: pb.GatewayFrame) -> None:
        operation = frame.operation
        try:
            account, zone = operation.account, self._zone_id
            with tracing.span(
                "bridge.operation", frame.traceparent, operation=operation.id, account=account, zone=zone
            ) as traceparent:
                frame.traceparent = traceparent or frame.traceparent
                await self._zone.hand_over(frame)
        except NoExecutor:
            self._report_no_executor(connection, operation)
        except ZoneUnavailable as error:
            log.warning(
                "no executor took an operation in time; it will be sent again",
                **{logfields.OPERATION: operation.id, logfields.ERROR: chain(error)},
            )
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        self._operations += more
        metrics.BRIDGE_OPERATIONS.set(self._operations)

    def _report_no_executor(self, connection: Connection, operation: pb.Operation) -> None:
        report = pb.OperationReport(
            id=operation.id,
            account=operation.account,
            attempt=operation.attempt,
            state=pb.OperationReport.STATE_NO_EXECUTOR,
            reason="NoExecutor",
            message="no executor of this agent serves the account; it did not run",
            last=True,
        )
        log.warning(
            "no executor for an operation", **{logfields.OPERATION: operation.id, logfields.ACCOUNT: operation.account}
        )
        try:
            connection.post(pb.AgentFrame(operation_report=report))
        except (LinkLost, LinkBusy) as error:
            log.debug("a report is lost", **{logfields.ERROR: chain(error)})


def _failed(number: int, code: pb.CallFailed.Code, message: str) -> pb.GatewayFrame:
    retry_after_ms = RETRY_AFTER_MS if code == pb.CallFailed.CODE_UNAVAILABLE else 0
    return pb.GatewayFrame(
        call=number, call_failed=pb.CallFailed(code=code, message=message, retry_after_ms=retry_after_ms)
    )
