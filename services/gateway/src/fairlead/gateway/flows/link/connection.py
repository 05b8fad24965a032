"""One connection to an agent, from its Hello to its end."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from fairlead.contracts.link import FRAME_LIMIT_BYTES
from fairlead.contracts.tunnels import FEATURE
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.operations import Dispatch
from fairlead.gateway.errors import LinkViolation
from fairlead.gateway.flows.link import messages
from fairlead.gateway.flows.link.calls import Calls
from fairlead.gateway.flows.link.lane import CommitLane
from fairlead.gateway.flows.link.outbox import Outbox
from fairlead.gateway.flows.link.tunnels import LinkTunnels
from fairlead.runtime import logfields
from fairlead.runtime.lifecycle import cancel_all
from fairlead.runtime.logs import get_logger

log = get_logger()
CALLS_AT_ONCE = 64
"""Calls of one agent that are answered at the same time; the next ones wait."""
CALLS_BYTES = 16 * 1024 * 1024
"""Size of the calls of one agent; past it its stream waits for answers, and with it its heartbeats and exchanges."""
FLUSH_S = 3.0
"""Time for the last frames of a connection that ends in order."""
CANCEL_S = 30.0
"""Time for the tasks of a connection that has ended; a commit may be under way."""
SILENT_INTERVALS = 3
Write = Callable[[pb.GatewayFrame], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LinkTiming:
    """Heartbeats and age of connections, in seconds, and what one may carry."""

    heartbeat_s: float = 20.0
    max_age_s: float = 7200.0
    """Spread by ±10 %, so that agents do not come back together."""
    grace_s: float = 30.0
    """Between Drain and the end."""
    tunnels: int = 256
    """HTTP exchanges of one connection at once."""


class Connection:
    """What one agent says and is told. `run` handles it all; the other methods return at once.

    Args:
        calls: answers its questions; knows its Hello and its credentials.
        lane: takes its data.
        outbox: what it is told.
        timing: heartbeats, age, and how much it carries.

    """

    def __init__(self, calls: Calls, lane: CommitLane, outbox: Outbox, timing: LinkTiming) -> None:
        self.id = secrets.token_hex(8)
        self.hello = calls.hello
        self.grant = calls.grant
        self.draining = False
        self.claims_incarnation = calls.hello.claims_incarnation
        self.storing = asyncio.Lock()
        """Held by who stores it for the other gateways, or forgets it there: neither overtakes the other."""
        self._timing = timing
        self._outbox = outbox
        self._lane = lane
        self._calls = calls
        self._ending: asyncio.Future[LinkViolation | None] = asyncio.get_running_loop().create_future()
        self._heard = time.monotonic()
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._calls_bytes = 0
        self._answered = asyncio.Event()
        self._answers: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self.tunnels = LinkTunnels(outbox, self._started, timing.tunnels)

    @property
    def agent(self) -> str:
        """Name of the agent."""
        return self.hello.agent_id

    @property
    def accounts(self) -> frozenset[str]:
        """Accounts that it holds."""
        return frozenset(self._calls.clusters)

    @property
    def takes_operations(self) -> bool:
        """Whether an operation given to it now would be on its way soon.

        Without a claims bucket no executor has begun there yet, and a resend could not tell a lost claim from none.
        """
        leaving = self.draining or self._ending.done()
        return bool(self.claims_incarnation) and not leaving and self._outbox.has_room

    def send_operation(self, dispatch: Dispatch) -> None:
        """Send one attempt; ask `takes_operations` before."""
        self._outbox.push(messages.operation_frames(dispatch), bulk=True)

    def send_cancel(self, operation_id: str, account: str) -> None:
        """Ask for a cancellation."""
        self._outbox.push([pb.GatewayFrame(cancel_operation=pb.CancelOperation(id=operation_id, account=account))])

    def tell(self, frames: Iterable[pb.GatewayFrame]) -> None:
        """Send control frames."""
        self._outbox.push(list(frames))

    def drain(self, reason: str) -> None:
        """Ask the agent to dial anew and to let go of this connection."""
        if not self.draining:
            self.draining = True
            self._outbox.push([pb.GatewayFrame(drain=pb.Drain(reason=reason))])

    def end(self, violation: LinkViolation | None = None) -> None:
        """End the connection, in order or for a violation."""
        if not self._ending.done():
            self._ending.set_result(violation)

    @property
    def uncommitted_bytes(self) -> int:
        """Bytes that the agent sent and that are not committed."""
        return self._lane.uncommitted_bytes

    async def committed(self) -> None:
        """Wait until everything that the agent sent is committed."""
        await self._lane.drained()

    async def run(self, frames: AsyncIterator[pb.AgentFrame], write: Write) -> None:
        """Handle the connection until either side ends it.

        Args:
            frames: what the agent sends after its Hello.
            write: sends one frame; called by one task only.

        Raises:
            LinkViolation: why the gateway ended it.

        """
        async with asyncio.TaskGroup() as group:
            self._group = group
            writer = group.create_task(self._write(write))
            workers = [
                group.create_task(self._read(frames)),
                group.create_task(self._lane.run()),
                group.create_task(self._beat()),
                group.create_task(self._grow_old()),
            ]
            try:
                violation = await self._ending
                self.tunnels.end_all("the agent's connection ended")
                self._outbox.close()
                await asyncio.wait([writer], timeout=FLUSH_S)
            finally:
                self.tunnels.end_all("the agent's connection ended")
                await cancel_all((writer, *workers, *self._answers), CANCEL_S)
        if violation is not None:
            raise violation

    async def _write(self, write: Write) -> None:
        try:
            async for frame in self._outbox.frames():
                await write(frame)
        except ConnectionError:
            self.end()

    async def _read(self, frames: AsyncIterator[pb.AgentFrame]) -> None:
        try:
            async for frame in frames:
                self._heard = time.monotonic()
                match frame.WhichOneof("body"):
                    case "data_batch" | "document":
                        self._lane.offer(frame)
                    case "heartbeat":
                        self.claims_incarnation = frame.heartbeat.claims_incarnation or self.claims_incarnation
                    case "hello":
                        raise LinkViolation("a second Hello on one connection")
                    case "tunnel_head" | "tunnel_data" | "tunnel_credit" | "tunnel_end":
                        self.tunnels.hear(frame)
                    case _:
                        await self._take_call(frame)
        except LinkViolation as violation:
            self.end(violation)
        except ConnectionError:
            self.end()
        else:
            self.end()

    def _started(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task of this connection."""
        if self._group is None:
            work.close()
            raise RuntimeError("the connection does not run")
        task = self._group.create_task(work)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)
        return task

    async def _take_call(self, frame: pb.AgentFrame) -> None:
        self._calls_bytes += frame.ByteSize()
        self._started(self._answer(frame))
        while self._calls_bytes > CALLS_BYTES:
            self._answered.clear()
            await self._answered.wait()

    async def _answer(self, frame: pb.AgentFrame) -> None:
        try:
            async with self._slots:
                answer = await self._calls.answer(frame)
                await self._outbox.put(answer, bulk=answer.HasField("stored_versions_page"))
        finally:
            self._calls_bytes -= frame.ByteSize()
            self._answered.set()

    async def _beat(self) -> None:
        interval_s = self._timing.heartbeat_s
        while True:
            await asyncio.sleep(interval_s)
            silent_s = time.monotonic() - self._heard
            # An agent whose frames wait for our own answers is not silent.
            if silent_s > SILENT_INTERVALS * interval_s and self._calls_bytes <= CALLS_BYTES:
                log.warning("an agent fell silent", **{logfields.AGENT: self.agent})
                self.end(LinkViolation(f"nothing was heard of the agent for {silent_s:.0f} s"))
            self._outbox.push([pb.GatewayFrame(heartbeat=pb.Heartbeat(sent_unix_ms=int(time.time() * 1000)))])

    async def _grow_old(self) -> None:
        await asyncio.sleep(self._timing.max_age_s * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load, guards nothing
        self.drain("connection age")
        await asyncio.sleep(self._timing.grace_s)
        self.end()


def welcome(
    version: int, *, gateway: str, software_version: str, heartbeat_s: float, window_bytes: int
) -> pb.GatewayFrame:
    """The answer to Hello."""
    return pb.GatewayFrame(
        welcome=pb.Welcome(
            protocol_version=version,
            gateway_id=gateway,
            software_version=software_version,
            heartbeat_interval_ms=int(heartbeat_s * 1000),
            frame_limit_bytes=FRAME_LIMIT_BYTES,
            data_window_bytes=window_bytes,
            features=[FEATURE],
        )
    )
