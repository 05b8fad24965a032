"""A zone around executors: what bridge and gateway do with operations, on a real nats-server."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.support.services import eventually

from fairlead.contracts.streams import CLAIMS
from fairlead.contracts.subjects import BRIDGE_GROUP, CALL_REPORT, CANCEL, operation_subject
from fairlead.contracts.v1.link_pb2 import AgentFrame, CancelOperation, Done, GatewayFrame, Operation, OperationReport
from fairlead.runtime.bus import Bus, BusUnavailable, Message, NoResponder

ACCOUNT = "shore"


@dataclass
class Zone:
    """Sends operations to executors and collects their reports."""

    bus: Bus
    account: str = ACCOUNT
    reports: dict[str, list[OperationReport]] = field(default_factory=lambda: defaultdict(list))
    deaf: bool = False
    """Whether reports are left without an answer, as by a bridge that lost its link."""
    _mark: str = field(default_factory=lambda: secrets.token_hex(8).upper())

    def id(self, number: int) -> str:
        """The id of the n-th operation: a ULID that no other test has."""
        return f"01{self._mark}{number:08d}"

    async def open(self) -> None:
        """Take reports as the bridge does."""
        await self.bus.subscribe(CALL_REPORT, self._take, group=BRIDGE_GROUP)

    async def _take(self, message: Message) -> None:
        if self.deaf:
            return
        report = AgentFrame.FromString(message.data).operation_report
        self.reports[report.id].append(report)
        await message.respond(GatewayFrame(done=Done()).SerializeToString())

    async def incarnation(self) -> str:
        """Name the incarnation of the claims bucket, as the bridge tells it."""
        return await self.bus.stream_created(f"KV_{CLAIMS.name}")

    async def send(
        self, number: int, request: dict[str, Any], *, attempt: int = 1, incarnation: str | None = None
    ) -> bool:
        """Send one attempt; whether an executor took it."""
        operation = Operation(
            id=self.id(number),
            account=self.account,
            attempt=attempt,
            first_incarnation=await self.incarnation() if incarnation is None else incarnation,
            last=True,
            request=json.dumps({"account": self.account, **request}).encode(),
        )
        frame = GatewayFrame(operation=operation).SerializeToString()
        try:
            return await self.bus.request(operation_subject(self.account), frame, timeout_s=2) == b""
        except (NoResponder, BusUnavailable):
            return False

    async def ended(self, number: int, attempt: int = 1, *, within_s: float = 30.0) -> Result:
        """Wait for the last report of an attempt."""
        reports = self.reports[self.id(number)]

        def last() -> list[OperationReport]:
            return [
                report for report in reports
                if report.attempt == attempt and report.last and report.state != OperationReport.STATE_CLAIMED
            ]  # fmt: skip

        await eventually(lambda: bool(last()), within_s=within_s, what=f"the end of operation {number}")
        chunks = [one for one in reports if one.attempt == attempt and one.state != OperationReport.STATE_CLAIMED]
        assert [chunk.chunk for chunk in chunks] == list(range(len(chunks)))
        body = b"".join(chunk.body for chunk in chunks)
        return Result(last()[0], json.loads(body) if body else None)

    async def run(self, number: int, **request: Any) -> Result:
        """Send an operation and wait for its end."""
        assert await self.send(number, request)
        return await self.ended(number)

    async def claimed(self, number: int, attempt: int = 1) -> None:
        """Wait for the report that an executor runs it."""
        reports = self.reports[self.id(number)]
        await eventually(
            lambda: any(
                report.attempt == attempt and report.state == OperationReport.STATE_CLAIMED for report in reports
            )
        )

    async def cancel(self, number: int) -> None:
        """Call an operation off."""
        frame = GatewayFrame(cancel_operation=CancelOperation(id=self.id(number), account=self.account))
        await self.bus.publish(CANCEL, frame.SerializeToString())


@dataclass(frozen=True)
class Result:
    """How an operation ended."""

    report: OperationReport
    body: Any

    @property
    def state(self) -> str:
        """``SUCCEEDED``, ``FAILED`` or ``UNKNOWN``."""
        return OperationReport.State.Name(self.report.state).removeprefix("STATE_")

    @property
    def told(self) -> tuple[str, int, str]:
        """State, code and reason."""
        return self.state, self.report.code, self.report.reason


async def settled() -> None:
    """Let everything that is due in the event loop happen."""
    for _ in range(10):
        await asyncio.sleep(0)
