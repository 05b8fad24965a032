"""Doubles of the bridge's own ports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fairlead.bridge.errors import CleanLogMissing, LinkLost, NoExecutor, ZoneUnavailable
from fairlead.bridge.ports import CleanBatch, LogDepth, Wire
from fairlead.contracts.v1 import link_pb2 as pb


class MemoryWire:
    """A connection whose other end is the test."""

    def __init__(self) -> None:
        self.sent: list[pb.AgentFrame] = []
        self.incoming: asyncio.Queue[pb.GatewayFrame | None] = asyncio.Queue()
        self.closed = False
        self.open = asyncio.Event()
        self.open.set()
        """Cleared, the transport takes nothing."""

    async def send(self, frame: pb.AgentFrame) -> None:
        """Take a frame as the transport would."""
        await self.open.wait()
        copy = pb.AgentFrame()
        copy.CopyFrom(frame)
        self.sent.append(copy)

    async def receive(self) -> pb.GatewayFrame:
        """Give what the test put in; None ends the connection."""
        frame = await self.incoming.get()
        if frame is None:
            raise LinkLost("cut")
        return frame

    async def close(self) -> None:
        """Note that it was let go of."""
        self.closed = True

    def bodies(self) -> list[str]:
        """Kinds of the frames sent."""
        return [str(frame.WhichOneof("body")) for frame in self.sent]


class ScriptedDialler:
    """Gives what the script says, one entry a dial; the last one for ever."""

    def __init__(self, *script: Callable[[], Wire]) -> None:
        self.script = list(script)
        self.dials = 0

    async def dial(self) -> Wire:
        """Dial."""
        self.dials += 1
        make = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return make()


class MemoryZone:
    """A zone without a bus."""

    def __init__(self) -> None:
        self.notices: list[pb.GatewayFrame] = []
        self.operations: list[pb.GatewayFrame] = []
        self.cancelled: list[pb.GatewayFrame] = []
        self.executors = True
        self.away = False

    async def notify(self, frame: pb.GatewayFrame) -> None:
        """Note a notice."""
        self._check()
        self.notices.append(frame)

    async def hand_over(self, frame: pb.GatewayFrame) -> None:
        """Take an operation, or have nobody for it."""
        self._check()
        if not self.executors:
            raise NoExecutor("nobody")
        self.operations.append(frame)

    async def cancel(self, frame: pb.GatewayFrame) -> None:
        """Note a cancellation."""
        self._check()
        self.cancelled.append(frame)

    async def incarnation(self) -> str:
        """The incarnation of the claims."""
        self._check()
        return "first"

    def _check(self) -> None:
        if self.away:
            raise ZoneUnavailable("away")


class MemoryBatch:
    """A batch whose fate can be read."""

    def __init__(self, sequence: int, data: bytes) -> None:
        self.sequence = sequence
        self.data = data
        self.traceparent = ""
        self.fate = ""
        self.extensions = 0

    async def commit(self) -> None:
        """Committed."""
        self.fate = "committed"

    async def release(self) -> None:
        """Given back."""
        self.fate = "released"

    async def extend(self) -> None:
        """Still under way."""
        self.extensions += 1


class MemoryLog:
    """A clean log that may be gone."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[MemoryBatch] = asyncio.Queue()
        self.there = False
        self.can_be_made = True
        self.can_be_read = True
        self.closed = False
        self.takes = 0

    async def prepare(self) -> None:
        """Make it, if that can be done."""
        if not self.can_be_made:
            raise CleanLogMissing("JetStream is off")
        self.there = True

    async def take(self, within_s: float) -> CleanBatch | None:
        """Take the next batch."""
        self.takes += 1
        if not self.there or not self.can_be_read:
            raise CleanLogMissing("gone")
        try:
            async with asyncio.timeout(within_s):
                return await self.queue.get()
        except TimeoutError:
            return None

    async def depth(self) -> LogDepth:
        """Count what waits."""
        if not self.there or not self.can_be_read:
            raise CleanLogMissing("gone")
        return LogDepth(self.queue.qsize(), 1, 70, 700)

    async def close(self) -> None:
        """Take nothing more."""
        self.closed = True
