"""Carries the clean log to the gateway: nothing is taken before there is room, nothing forgotten before it is committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

from fairlead.bridge.errors import CleanLogMissing, LinkLost
from fairlead.bridge.flows.uplink import Uplink
from fairlead.bridge.ports import CleanBatch, CleanLog
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()

IDLE_S = 1.0
"""How long one request waits for a batch before the next is made, and so how long a log that is gone goes unnoticed."""
MEASURE_S = 5.0
"""How often nats-server is asked how much waits."""


class CleanLogPump:
    """Takes batches while the link has room, and settles each with the log when its fate is known.

    Args:
        clean_log: where batches come from.
        uplink: where they go.
        extend_s: how often the log is told that batches are still being worked on.

    """

    def __init__(self, clean_log: CleanLog, uplink: Uplink, *, extend_s: float) -> None:
        self._log = clean_log
        self._uplink = uplink
        self._extend_s = extend_s
        self._backoff = Backoff(base_s=0.2, max_s=5.0)
        self._under_way: set[CleanBatch] = set()
        self._settled: asyncio.Queue[tuple[CleanBatch, bool]] = asyncio.Queue()  # bounded by what the log hands out
        self._missing: str | None = "the clean log is not there yet"

    def not_ready(self) -> str | None:
        """Answer a readiness question."""
        return self._missing

    async def run(self) -> None:
        """Carry batches for as long as the service lives."""
        await self._prepare()
        while True:
            connection = await self._uplink.wait_connection()
            if not await connection.wait_room():
                continue
            try:
                batch = await self._log.take(IDLE_S)
            except CleanLogMissing as error:
                log.warning("the clean log is gone: making it anew", **{logfields.ERROR: chain(error)})
                await asyncio.sleep(self._backoff.next_s())
                await self._prepare()
                continue
            self._backoff.reset()
            if batch is not None:
                self._send(batch)

    async def settle(self) -> None:
        """Tell the log what became of batches."""
        while True:
            batch, committed = await self._settled.get()
            await self._answer(batch, batch.commit() if committed else batch.release())

    async def extend(self) -> None:
        """Keep the log from delivering again what is still under way."""
        while True:
            await asyncio.sleep(self._extend_s)
            for batch in tuple(self._under_way):
                if batch in self._under_way:
                    await batch.extend()

    async def measure(self) -> None:
        """Tell how much waits in the log; a task of the service."""
        while True:
            try:
                depth = await self._log.depth()
            except CleanLogMissing as error:  # `run` makes it anew
                log.debug("the clean log cannot be measured", **{logfields.ERROR: chain(error)})
            else:
                metrics.BRIDGE_LOG_PENDING.set(depth.pending)
                metrics.BRIDGE_LOG_UNSETTLED.set(depth.unsettled)
                metrics.BRIDGE_LOG_BYTES.set(depth.size_bytes)
                metrics.BRIDGE_LOG_LIMIT_BYTES.set(depth.limit_bytes)
            await asyncio.sleep(MEASURE_S)

    async def flush(self) -> None:
        """Settle what is known, give back what is not; for the end of the service."""
        while not self._settled.empty():
            batch, committed = self._settled.get_nowait()
            await self._answer(batch, batch.commit() if committed else batch.release())
        for batch in tuple(self._under_way):
            await self._answer(batch, batch.release())
        await self._log.close()

    def _send(self, batch: CleanBatch) -> None:
        self._under_way.add(batch)
        metrics.BRIDGE_BATCHES_IN_FLIGHT.set(len(self._under_way))
        frame = pb.AgentFrame(data_batch=pb.DataBatch(envelope=batch.data, stream_sequence=batch.sequence))
        settle = self._settler(batch)
        with ExitStack() as spans:
            if batch.traceparent:
                span = tracing.span("bridge.send", batch.traceparent, zone=self._uplink.zone)
                frame.traceparent = spans.enter_context(span) or batch.traceparent
            connection = self._uplink.current
            try:
                if connection is None:
                    raise LinkLost("the link went down")
                connection.send_data(frame, settle)
            except LinkLost as error:
                tracing.fail(type(error).__name__)
                settle(False)
            else:
                metrics.BRIDGE_BATCHES.inc()

    def _settler(self, batch: CleanBatch) -> Callable[[bool], None]:
        began_s = time.monotonic()

        def settle(committed: bool) -> None:
            if committed:
                exemplar = tracing.exemplar(batch.traceparent) if batch.traceparent else None
                metrics.BRIDGE_BATCH_SECONDS.observe(time.monotonic() - began_s, exemplar)
            self._settled.put_nowait((batch, committed))

        return settle

    async def _answer(self, batch: CleanBatch, answer: Awaitable[None]) -> None:
        self._under_way.discard(batch)
        metrics.BRIDGE_BATCHES_IN_FLIGHT.set(len(self._under_way))
        await answer

    async def _prepare(self) -> None:
        while True:
            try:
                await self._log.prepare()
            except CleanLogMissing as error:
                self._missing = str(error)
                delay_s = self._backoff.next_s()
                log.error(
                    "the clean log cannot be made",
                    **{logfields.ERROR: chain(error), logfields.RETRY_S: round(delay_s, 1)},
                )
                await asyncio.sleep(delay_s)
            else:
                self._missing = None
                return
