"""One connection to the gateway, from its Welcome to its end: one writer, one reader, heartbeats."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fairlead.bridge.core.calls import Calls
from fairlead.bridge.core.lanes import Lanes
from fairlead.bridge.errors import LinkBusy, LinkLost
from fairlead.bridge.ports import Wire
from fairlead.contracts.link import DATA_WINDOW_BYTES, FRAME_LIMIT_BYTES
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime import logfields, metrics
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()

CONTROL_LIMIT_BYTES = 64 * 1024 * 1024
"""Control frames that may wait to be written; reports with bodies are the large ones."""
CALLS_MAX = 1024
"""Calls under way on a connection."""
SILENT_INTERVALS = 3

Settle = Callable[[bool], None]
"""Told whether the gateway has committed a data frame; False means that nobody knows."""


UNCLAIMED_BEAT_S = 1.0
"""Between heartbeats while no executor has made its claims bucket."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Heartbeats, in seconds; 0 takes what the gateway wishes."""

    heartbeat_s: float = 20.0
    silence_s: float = 0.0
    """The link is given up after so long without a frame; 0: three intervals."""


class Connection:
    """What stands between a Welcome and the end of the stream.

    Args:
        number: of this connection, growing within the process.
        wire: the stream.
        welcome: what the gateway granted.
        timing: heartbeats.
        beat: makes a heartbeat.
        deliver: takes the frames that answer nothing: notices, operations, cancellations, tunnels. Must not wait for the link.

    """

    def __init__(  # noqa: PLR0913 - by name, from one place
        self,
        *,
        number: int,
        wire: Wire,
        welcome: pb.Welcome,
        timing: Timing,
        beat: Callable[[], Awaitable[pb.Heartbeat]],
        deliver: Callable[[Connection, pb.GatewayFrame], Awaitable[None]],
    ) -> None:
        self.number = number
        self.frame_limit_bytes = welcome.frame_limit_bytes or FRAME_LIMIT_BYTES
        self._wire = wire
        self._beat = beat
        self._deliver = deliver
        theirs_s = welcome.heartbeat_interval_ms / 1000
        self._heartbeat_s = timing.heartbeat_s or theirs_s or 20.0
        self._silence_s = timing.silence_s or SILENT_INTERVALS * max(self._heartbeat_s, theirs_s)
        self.window_bytes = welcome.data_window_bytes or DATA_WINDOW_BYTES
        self._lanes: Lanes[pb.AgentFrame] = Lanes(self.window_bytes, CONTROL_LIMIT_BYTES)
        self._calls: Calls[asyncio.Future[pb.GatewayFrame]] = Calls(CALLS_MAX)
        self._settles: dict[int, Settle] = {}
        self._tunnels: set[str] = set()
        self._work = asyncio.Event()
        self._moved = asyncio.Event()
        self._leaving = asyncio.Event()
        self._closed = asyncio.Event()
        self._end = asyncio.Event()
        self._heard_at = asyncio.get_running_loop().time()

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closed.is_set()

    @property
    def leaving(self) -> bool:
        """Whether another connection is needed: the gateway said so, or this one has ended."""
        return self._leaving.is_set()

    async def run(self) -> str:
        """Carry frames until either side ends the connection; returns why it ended."""
        reason = "ended by us"
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._write(), self._read(), self._keep_alive(), self._await_end()):
                    tasks.create_task(work)
        except* LinkLost as errors:
            reason = chain(errors.exceptions[0])
        finally:
            self._close()
            await self._wire.close()
        return reason

    async def call(self, frame: pb.AgentFrame, timeout_s: float) -> pb.GatewayFrame:
        """Ask the gateway something and wait for its answer.

        Raises:
            LinkLost: the connection ended before the answer came; whether it took effect is not known.
            LinkBusy: too much is under way, or no answer came in time.

        """
        waiter: asyncio.Future[pb.GatewayFrame] = asyncio.get_running_loop().create_future()
        self._check_open()
        number = self._calls.begin(waiter)
        if number is None:
            raise LinkBusy("too many calls are under way")
        frame.call = number
        try:
            self.post(frame)
            async with asyncio.timeout(timeout_s):
                return await waiter
        except TimeoutError:
            raise LinkBusy(f"the gateway did not answer within {timeout_s:g} s") from None
        finally:
            self._calls.end(number)
            self._moved.set()

    def post(self, frame: pb.AgentFrame) -> None:
        """Send a control frame without waiting for anything.

        Raises:
            LinkLost: the connection has ended.
            LinkBusy: too much waits to be written.

        """
        self._check_open()
        if not self._lanes.put_control(frame, frame.ByteSize()):
            raise LinkBusy("too many frames wait to be written")
        self._work.set()

    def hold_tunnel(self, tunnel: str) -> None:
        """Count a tunnel as work under way, until `let_go_tunnel`."""
        self._tunnels.add(tunnel)

    def let_go_tunnel(self, tunnel: str) -> None:
        """Count it no more."""
        self._tunnels.discard(tunnel)
        self._moved.set()

    def send_tunnel(self, tunnel: str, frame: pb.AgentFrame) -> None:
        """Send a frame of a tunnel; the frames of one keep their order.

        Raises:
            LinkLost: the connection has ended.
            LinkBusy: more waits to be written than there can be credit for.

        """
        self._check_open()
        if not self._lanes.put_tunnel(tunnel, frame, frame.ByteSize()):
            raise LinkBusy("more frames of an exchange wait than there is credit for")
        self._work.set()

    def send_data(self, frame: pb.AgentFrame, settle: Settle) -> None:
        """Send a data frame, of which ``settle`` is told the fate, once.

        Raises:
            LinkLost: the connection has ended; ``settle`` is not told.

        """
        self._check_open()
        number = self._lanes.put_data(frame, frame.ByteSize())
        (frame.data_batch if frame.HasField("data_batch") else frame.document).id = number
        self._settles[number] = settle
        self._work.set()

    async def wait_room(self) -> bool:
        """Wait until more data may be fetched; False when the connection is about to end."""
        while not self._leaving.is_set():
            if self._lanes.has_room:
                return True
            await self._wait_moved()
        return False

    async def wait_leaving(self) -> None:
        """Wait until another connection is needed."""
        await self._leaving.wait()

    async def retire(self, within_s: float) -> None:
        """Let what is under way finish, within a bound, then end."""
        try:
            async with asyncio.timeout(within_s):
                while not self.closed and self._under_way:
                    await self._wait_moved()
        except TimeoutError:
            log.warning("a connection ends with work under way", **{logfields.COUNT: self._under_way})
        self._leaving.set()
        self._moved.set()
        self._end.set()
        await self._closed.wait()

    @property
    def _under_way(self) -> int:
        return len(self._calls) + len(self._settles) + len(self._tunnels) + self._lanes.has_tunnels

    async def _wait_moved(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    def _check_open(self) -> None:
        if self.closed:
            raise LinkLost("the link is down")

    async def _write(self) -> None:
        while True:
            frame = self._lanes.next()
            if frame is None:
                self._work.clear()
                await self._work.wait()
                continue
            metrics.BRIDGE_IN_FLIGHT_BYTES.set(self._lanes.in_flight_bytes)
            await self._wire.send(frame)
            if not self._lanes.has_tunnels:
                self._moved.set()

    async def _read(self) -> None:
        while True:
            frame = await self._wire.receive()
            self._heard_at = asyncio.get_running_loop().time()
            match frame.WhichOneof("body"):
                case "data_ack":
                    self._acknowledged(frame.data_ack.through)
                case "heartbeat" | "welcome" | None:
                    pass
                case "drain":
                    log.info("the gateway asks for a new connection", **{logfields.REASON: frame.drain.reason[:200]})
                    self._leaving.set()
                    self._moved.set()
                case (
                    "operation" | "cancel_operation" | "session_closed" | "repair_request"
                    | "tunnel_open" | "tunnel_data" | "tunnel_credit" | "tunnel_end"
                ):  # fmt: skip
                    await self._deliver(self, frame)
                case _:
                    waiter = self._calls.end(frame.call)
                    if waiter is not None and not waiter.done():
                        waiter.set_result(frame)

    def _acknowledged(self, through: int) -> None:
        for number in self._lanes.acknowledged(through):
            self._settles.pop(number)(True)
        metrics.BRIDGE_IN_FLIGHT_BYTES.set(self._lanes.in_flight_bytes)
        self._work.set()
        self._moved.set()

    async def _keep_alive(self) -> None:
        """Beat, sooner while there is no claims bucket to tell of: the gateway sends no operation before."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + min(self._heartbeat_s, UNCLAIMED_BEAT_S)
        while True:
            await asyncio.sleep(max(0.0, min(beat_at, self._heard_at + self._silence_s) - loop.time()))
            now = loop.time()
            if now >= self._heard_at + self._silence_s:
                raise LinkLost(f"nothing was heard of the gateway for {self._silence_s:g} s")
            if now >= beat_at:
                beat = await self._beat()
                pause_s = self._heartbeat_s if beat.claims_incarnation else min(self._heartbeat_s, UNCLAIMED_BEAT_S)
                beat_at = now + pause_s
                self._lanes.put_control(pb.AgentFrame(heartbeat=beat), 0)
                self._work.set()

    async def _await_end(self) -> None:
        await self._end.wait()
        raise LinkLost("ended by us")

    def _close(self) -> None:
        self._closed.set()
        self._leaving.set()
        self._moved.set()
        metrics.BRIDGE_IN_FLIGHT_BYTES.set(0)
        for waiter in self._calls.end_all():
            if not waiter.done():
                waiter.set_exception(LinkLost("the link went down before the answer came"))
        settles, self._settles = self._settles, {}
        for settle in settles.values():
            settle(False)
