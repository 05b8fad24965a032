"""Frames that wait to be written to one agent: control overtakes bulk and bodies of tunnels, and the whole is bounded."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence

from fairlead.contracts.v1.link_pb2 import GatewayFrame

LIMIT_BYTES = 8 * 1024 * 1024


class Outbox:
    """Lanes for one writer: control first, then bulk and tunnels in turns, one tunnel after the other.

    A producer that waits for room (`put`) waits for the agent to read. Order holds within a lane, and within a tunnel, whose
    frames are bounded by the credit of their reader.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._control: deque[GatewayFrame] = deque()
        self._bulk: deque[GatewayFrame] = deque()
        self._tunnels: OrderedDict[str, deque[GatewayFrame]] = OrderedDict()
        self._tunnels_turn = False
        self._bytes = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False

    @property
    def has_room(self) -> bool:
        """Whether the writer keeps up."""
        return self._room.is_set() and not self._closed

    async def put(self, frame: GatewayFrame, *, bulk: bool = False) -> None:
        """Queue a frame once there is room; dropped when the connection ends."""
        while not self._room.is_set() and not self._closed:
            await self._room.wait()
        self.push([frame], bulk=bulk)

    def push(self, frames: Sequence[GatewayFrame], *, bulk: bool = False) -> None:
        """Queue frames together, room or not: for what is small, or was asked `has_room` before."""
        if self._closed:
            return
        lane = self._bulk if bulk else self._control
        for frame in frames:
            lane.append(frame)
            self._bytes += frame.ByteSize()
        self._update()

    def push_tunnel(self, tunnel: str, frame: GatewayFrame) -> None:
        """Queue the opening of a tunnel, or a piece of its request's body."""
        if not self._closed:
            self._tunnels.setdefault(tunnel, deque()).append(frame)
            self._filled.set()

    def end_tunnel(self, tunnel: str, frame: GatewayFrame) -> bool:
        """Queue the end of a tunnel; what waits of it is needed no more. False when nothing of it was sent, nor will be."""
        waiting = self._tunnels.pop(tunnel, None)
        if waiting and waiting[0].HasField("tunnel_open"):
            return False
        self.push([frame])
        return True

    def close(self) -> None:
        """Take no more; `frames` ends after what is queued."""
        self._closed = True
        self._filled.set()
        self._room.set()

    async def frames(self) -> AsyncIterator[GatewayFrame]:
        """The frames in the order in which they are to be written."""
        while True:
            if self._control or self._bulk:
                yield self._next()
            elif self._tunnels:
                yield self._next_of_tunnels()
            elif self._closed:
                return
            else:
                self._filled.clear()
                await self._filled.wait()

    def _next(self) -> GatewayFrame:
        self._tunnels_turn = not self._control and not self._tunnels_turn and bool(self._tunnels)
        if self._tunnels_turn:
            return self._next_of_tunnels()
        frame = self._control.popleft() if self._control else self._bulk.popleft()
        self._bytes -= frame.ByteSize()
        self._update()
        return frame

    def _next_of_tunnels(self) -> GatewayFrame:
        tunnel, frames = self._tunnels.popitem(last=False)
        frame = frames.popleft()
        if frames:
            self._tunnels[tunnel] = frames
        return frame

    def _update(self) -> None:
        self._filled.set()
        if self._bytes <= self._limit or self._closed:
            self._room.set()
        else:
            self._room.clear()
