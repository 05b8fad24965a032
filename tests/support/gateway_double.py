"""A small gRPC server that plays the gateway towards a bridge: it greets, acknowledges and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from fairlead.cli.certificates import KeyPair
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.contracts.v1.link_pb2_grpc import LinkServicer, add_LinkServicer_to_server

_LIMIT_BYTES = 16 * 1024 * 1024
_CONTROL = ("claim_accounts", "open_session", "stored_versions_request", "resource_states", "operation_report")


def done(_: pb.AgentFrame) -> pb.GatewayFrame | None:
    """Answer every call with Done."""
    return pb.GatewayFrame(done=pb.Done())


class DoubleConnection:
    """One connection of a bridge, as the double sees it."""

    def __init__(self, hello: pb.Hello) -> None:
        self.hello = hello
        self.frames: list[pb.AgentFrame] = []
        self.data: list[pb.DataBatch | pb.Document] = []
        self.ended = asyncio.Event()
        self.outgoing: asyncio.Queue[pb.GatewayFrame | None] = asyncio.Queue()

    def send(self, frame: pb.GatewayFrame) -> None:
        """Send a frame."""
        self.outgoing.put_nowait(frame)

    def acknowledge(self, through: int) -> None:
        """Say that data is committed."""
        self.send(pb.GatewayFrame(data_ack=pb.DataAck(through=through)))

    def end(self) -> None:
        """End the stream in order."""
        self.outgoing.put_nowait(None)

    def of_kind(self, body: str) -> list[pb.AgentFrame]:
        """Control frames of one kind."""
        return [frame for frame in self.frames if frame.WhichOneof("body") == body]

    @property
    def envelopes(self) -> list[bytes]:
        """Batches that arrived, in order."""
        return [batch.envelope for batch in self.data if isinstance(batch, pb.DataBatch)]


@dataclass
class GatewayDouble(LinkServicer):
    """The gateway's side of the link; its attributes may be changed while it runs."""

    token: str = ""
    """Demanded of agents; empty admits all."""
    welcome: pb.Welcome = field(
        default_factory=lambda: pb.Welcome(protocol_version=1, heartbeat_interval_ms=20_000, data_window_bytes=8 << 20)
    )
    acknowledges: bool = True
    """Whether data is acknowledged as it arrives."""
    answer: Callable[[pb.AgentFrame], pb.GatewayFrame | None] = done
    """Answers control frames that carry a call number; None leaves them unanswered."""
    connections: list[DoubleConnection] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def last(self) -> DoubleConnection:
        """The newest connection."""
        return self.connections[-1]

    @property
    def envelopes(self) -> list[bytes]:
        """Batches that arrived on any connection."""
        return [envelope for connection in self.connections for envelope in connection.envelopes]

    async def Connect(self, requests: AsyncIterator[pb.AgentFrame], context: Any) -> None:  # noqa: N802 - gRPC's name
        """Serve one stream."""
        metadata = dict(context.invocation_metadata() or ())
        if self.token and metadata.get("authorization") != f"Bearer {self.token}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such token")
        connection = DoubleConnection((await anext(aiter(requests))).hello)
        await context.write(pb.GatewayFrame(welcome=self.welcome))
        self.connections.append(connection)
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read(connection, requests))
                while (frame := await connection.outgoing.get()) is not None:
                    await context.write(frame)
                reading.cancel()
        finally:
            connection.ended.set()

    async def _read(self, connection: DoubleConnection, requests: AsyncIterator[pb.AgentFrame]) -> None:
        async for frame in requests:
            body = frame.WhichOneof("body")
            if body in ("data_batch", "document"):
                data = frame.data_batch if body == "data_batch" else frame.document
                connection.data.append(data)
                if self.acknowledges:
                    connection.acknowledge(data.id)
                continue
            connection.frames.append(frame)
            answer = self.answer(frame) if frame.call and body in _CONTROL else None
            if answer is not None:
                answer.call = frame.call
                connection.send(answer)
        connection.end()

    @asynccontextmanager
    async def listening(
        self, *, identity: KeyPair | None = None, client_authority: bytes | None = None
    ) -> AsyncIterator[GatewayDouble]:
        """Listen, with TLS when there is an identity, on the same port each time."""
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", _LIMIT_BYTES),
                ("grpc.max_send_message_length", _LIMIT_BYTES),
                ("grpc.so_reuseport", 0),
            ]
        )
        add_LinkServicer_to_server(self, server)  # type: ignore[no-untyped-call] # generated
        if identity is None:
            self.port = server.add_insecure_port(self.address)
        else:
            credentials = grpc.ssl_server_credentials(
                [(identity.key, identity.certificate)], client_authority, client_authority is not None
            )
            self.port = server.add_secure_port(self.address, credentials)
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)
