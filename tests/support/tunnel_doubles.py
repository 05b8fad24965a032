"""Doubles around tunnels: API servers, bridges and executors that do as they are told, and remember."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fairlead.bridge.errors import ZoneUnavailable
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.executor.errors import Undelivered
from fairlead.executor.ports import RawAnswer, RawRequest

BRIDGE = "bridge-1"
ID = "01JZ0000000000000000000000"


def opening(method: str = "GET", **more: Any) -> pb.GatewayFrame:
    """The opening of an exchange, as an executor gets it."""
    told: dict[str, Any] = {
        "id": ID,
        "account": "shore",
        "method": method,
        "target": "/x",
        "last": True,
        "window_bytes": 262_144,
    }
    return pb.GatewayFrame(tunnel_open=pb.TunnelOpen(**{**told, "bridge": BRIDGE, **more}))


@dataclass
class PassiveCluster:
    """`RawCluster` and `RawClusters` of one account."""

    account: str = "shore"
    status: int = 200
    pieces: list[bytes] = field(default_factory=lambda: [b"answer"])
    error: Exception | None = None
    """Raised instead of an answer."""
    breaks: Exception | None = None
    """Raised after the last piece."""
    requests: list[RawRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    open: int = 0

    def cluster(self, account: str) -> PassiveCluster | None:
        """The one."""
        return self if account == self.account else None

    @asynccontextmanager
    async def exchange(self, request: RawRequest) -> AsyncIterator[RawAnswer]:
        """Answer as told, once the body is read."""
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        self.open += 1
        try:
            self.bodies.append(await _whole(request.body))
            yield RawAnswer(self.status, [("Content-Type", "text/plain"), ("Connection", "close")], self._body())
        finally:
            self.open -= 1

    async def _body(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.breaks is not None:
            raise self.breaks


async def _whole(body: bytes | AsyncIterator[bytes] | None) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return b"".join([piece async for piece in body])


@dataclass
class RememberingBridges:
    """`Bridges` that keep what they were sent."""

    frames: list[pb.AgentFrame] = field(default_factory=list)
    away: bool = False

    async def send(self, bridge: str, frame: pb.AgentFrame) -> None:
        """Take a frame."""
        if self.away:
            raise Undelivered("away")
        assert bridge == BRIDGE
        self.frames.append(frame)

    def bodies(self) -> list[str]:
        """Kinds of the frames."""
        return [str(frame.WhichOneof("body")) for frame in self.frames]

    @property
    def ends(self) -> list[tuple[str, str]]:
        """Codes and reasons of ends."""
        ends = [frame.tunnel_end for frame in self.frames if frame.HasField("tunnel_end")]
        return [(pb.TunnelEnd.Code.Name(end.code).removeprefix("CODE_"), end.reason) for end in ends]

    @property
    def answer(self) -> bytes:
        """The answer's body so far."""
        return b"".join(frame.tunnel_data.content for frame in self.frames)


@dataclass
class RememberingTunnelZone:
    """`TunnelZone` with one executor."""

    id: str = BRIDGE
    failure: Exception | None = None
    """Of finding an executor."""
    lease_failure: Exception | None = None
    away: bool = False
    sent: list[pb.GatewayFrame] = field(default_factory=list)
    leases: list[list[str]] = field(default_factory=list)

    async def find_executor(self, account: str) -> str:
        """Find it, or not."""
        if self.failure is not None:
            raise self.failure
        return "executor-1"

    async def send(self, executor: str, frame: pb.GatewayFrame) -> None:
        """Take a frame."""
        if self.away:
            raise ZoneUnavailable("nats-server is away")
        assert executor == "executor-1"
        copy = pb.GatewayFrame()
        copy.CopyFrom(frame)
        self.sent.append(copy)

    async def renew(self, executor: str, frame: pb.GatewayFrame) -> None:
        """Take a lease."""
        self.leases.append(sorted(frame.tunnel_lease.ids))
        if self.lease_failure is not None:
            raise self.lease_failure

    def kinds(self) -> list[str]:
        """Kinds of the frames."""
        return [str(frame.WhichOneof("body")) for frame in self.sent]
