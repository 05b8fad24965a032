"""The stream to the gateway, in gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

from fairlead.bridge.adapters.probe import Tls, find_symptom
from fairlead.bridge.core.diagnosis import explain
from fairlead.bridge.errors import LinkLost, LinkRefused
from fairlead.bridge.ports import Wire
from fairlead.contracts.link import AUTHORIZATION
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.contracts.v1.link_pb2_grpc import LinkStub
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.tls import find_faults

MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024
"""What gRPC takes in either direction; frames are bounded below it."""
DIAL_S = 10.0
_REFUSALS = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
_Call = grpc.aio.StreamStreamCall[pb.AgentFrame, pb.GatewayFrame]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the gateway is and how to speak to it.

    ``tls`` is None for plaintext. ``token`` is asked at each connection; it gives an empty text when there is none.
    """

    host: str
    port: int
    tls: Tls | None
    token: Callable[[], str]
    use_proxy: bool = True

    @property
    def address(self) -> str:
        """As gRPC spells it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class GrpcDialler:
    """Dials the gateway; each connection has a channel of its own."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def dial(self) -> Wire:
        """Connect, or say why that cannot be done."""
        channel = self._channel()
        try:
            call: _Call = LinkStub(channel).Connect(metadata=self._metadata())  # type: ignore[no-untyped-call] # generated
            async with asyncio.timeout(DIAL_S):
                await call.wait_for_connection()
        except (grpc.aio.AioRpcError, TimeoutError) as error:
            await channel.close()
            raise await self._failure(error) from None
        except BaseException:
            await channel.close()
            raise
        return GrpcWire(channel, call)

    def _channel(self) -> grpc.aio.Channel:
        options: list[tuple[str, int | str]] = [
            ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
            ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
            ("grpc.enable_retries", 0),
            ("grpc.use_local_subchannel_pool", 1),  # a failed dial must not colour the next one
            ("grpc.enable_http_proxy", int(self._target.use_proxy)),
        ]
        tls = self._target.tls
        if tls is None:
            return grpc.aio.insecure_channel(self._target.address, options=options)
        if tls.server_name:
            options.append(("grpc.ssl_target_name_override", tls.server_name))
        try:
            credentials = grpc.ssl_channel_credentials(_read(tls.ca_file), _read(tls.key_file), _read(tls.cert_file))
        except ConfigurationError as error:
            raise LinkLost(str(error)) from None
        return grpc.aio.secure_channel(self._target.address, credentials, options=options)

    def _metadata(self) -> grpc.aio.Metadata:
        try:
            token = self._target.token()
        except ConfigurationError as error:
            raise LinkRefused(str(error)) from None
        return grpc.aio.Metadata(*([(AUTHORIZATION, f"Bearer {token}")] if token else []))

    async def _failure(self, error: grpc.aio.AioRpcError | TimeoutError) -> LinkLost:
        if isinstance(error, grpc.aio.AioRpcError) and error.code() in _REFUSALS:
            return _lost(error)
        symptom, detail = await find_symptom(self._target.host, self._target.port, self._target.tls)
        return LinkLost(explain(self._target.address, symptom, detail))


class GrpcWire:
    """One stream."""

    def __init__(self, channel: grpc.aio.Channel, call: _Call) -> None:
        self._channel = channel
        self._call = call

    async def send(self, frame: pb.AgentFrame) -> None:
        """Write a frame."""
        try:
            await self._call.write(frame)
        except grpc.aio.AioRpcError as error:
            raise _lost(error) from error
        except asyncio.InvalidStateError:
            raise LinkLost("the stream has ended") from None

    async def receive(self) -> pb.GatewayFrame:
        """Read a frame."""
        try:
            frame = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise _lost(error) from error
        if isinstance(frame, pb.GatewayFrame):
            return frame
        raise LinkLost("the gateway ended the stream")

    async def close(self) -> None:
        """Cancel the stream and close its channel."""
        self._call.cancel()
        await self._channel.close()


def check_files(target: Target) -> None:
    """Find files that cannot be used at the start, the token's as well.

    Raises:
        ConfigurationError: naming the settings.

    """
    tls = target.tls
    problems = (
        []
        if tls is None
        else find_faults(
            authority=("clouddriver.tls.cacertFile", tls.ca_file),
            certificate=("clouddriver.tls.clientCertFile", tls.cert_file),
            key=("clouddriver.tls.clientKeyFile", tls.key_file),
        )
    )
    try:
        target.token()
    except ConfigurationError as error:
        problems += error.problems
    if problems:
        raise ConfigurationError(*problems)


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"clouddriver.tls: {path} cannot be read ({error.strerror})") from None


def _lost(error: grpc.aio.AioRpcError) -> LinkLost:
    said = (error.details() or error.code().name)[:300]
    if error.code() is grpc.StatusCode.UNAUTHENTICATED:
        return LinkRefused(
            f"the gateway does not know this agent: check clouddriver.auth.token, tokenFile or the client certificate ({said})"
        )
    if error.code() is grpc.StatusCode.PERMISSION_DENIED:
        return LinkRefused(f"the gateway does not admit this agent ({said})")
    return LinkLost(f"{error.code().name}: {said}")
