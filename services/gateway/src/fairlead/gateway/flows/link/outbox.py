"""Frames that wait to be written to one agent: control overtakes bulk, and the whole is bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from fairlead.contracts.v1.link_pb2 import GatewayFrame

LIMIT_BYTES = 8 * 1024 * 1024


class Outbox:
    """Two lanes for one writer.

    A producer that waits for room (`put`) waits for the agent to read. Order holds within a lane.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._control: deque[GatewayFrame] = deque()
        self._bulk: deque[GatewayFrame] = deque()
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

    def close(self) -> None:
        """Take no more; `frames` ends after what is queued."""
        self._closed = True
        self._filled.set()
        self._room.set()

    async def frames(self) -> AsyncIterator[GatewayFrame]:
        """The frames in the order in which they are to be written."""
        while True:
            if self._control or self._bulk:
                frame = self._control.popleft() if self._control else self._bulk.popleft()
                self._bytes -= frame.ByteSize()
                self._update()
                yield frame
            elif self._closed:
                return
            else:
                self._filled.clear()
                await self._filled.wait()

    def _update(self) -> None:
        self._filled.set()
        if self._bytes <= self._limit or self._closed:
            self._room.set()
        else:
            self._room.clear()
