"""The gRPC server of the link: TLS, credentials, and the translation of streams to plain async iterators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from fairlead.contracts.link import AUTHORIZATION, FRAME_LIMIT_BYTES
from fairlead.contracts.v1.link_pb2 import AgentFrame, GatewayFrame
from fairlead.contracts.v1.link_pb2_grpc import LinkServicer, add_LinkServicer_to_server
from fairlead.gateway.core.doors import Door
from fairlead.gateway.core.tokens import Grant, Kind, bearer
from fairlead.gateway.errors import DatabaseUnavailable, LinkViolation, UnsupportedProtocol
from fairlead.gateway.ports.links import LinkDesk
from fairlead.gateway.ports.tokens import Doorkeeper
from fairlead.runtime import logfields
from fairlead.runtime.errors import ConfigurationError, chain
from fairlead.runtime.logs import get_logger

log = get_logger()
STOP_GRACE_S = 1.0
_OPTIONS = [
    ("grpc.max_receive_message_length", FRAME_LIMIT_BYTES),
    ("grpc.max_send_message_length", FRAME_LIMIT_BYTES),
    ("grpc.so_reuseport", 0),  # a taken port is an error, not a second listener
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),  # agents behind proxies may ping
    ("grpc.max_concurrent_streams", 16),  # a bridge holds one, and two while it changes over
]
_STRANGER = (
    "no valid agent credentials: present a token (clouddriver.auth.token or tokenFile) or a client certificate that the"
    " gateway knows; it may have been revoked or have expired"
)
Context = grpc.aio.ServicerContext[AgentFrame, GatewayFrame]


class LinkServer(LinkServicer):
    """Service `Link`: admits agents and hands their streams to the desk."""

    def __init__(self, keeper: Doorkeeper, desk: LinkDesk) -> None:
        self._keeper = keeper
        self._desk = desk

    async def Connect(self, request_iterator: AsyncIterator[AgentFrame], context: Context) -> None:  # noqa: N802 - the name of the RPC
        """Carry one connection."""
        try:
            grant = await self._admit(context)
        except DatabaseUnavailable as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        if grant is None:
            log.warning("an agent is not let in", **{logfields.ADDRESS: context.peer()})
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, _STRANGER)

        async def write(frame: GatewayFrame) -> None:
            try:
                await context.write(frame)
            except (grpc.aio.BaseError, grpc.RpcError) as error:
                raise ConnectionResetError("the agent is gone") from error

        try:
            await self._desk.serve(grant, _frames(request_iterator), write)
        except UnsupportedProtocol as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except LinkViolation as error:
            log.warning("a connection is ended", **{logfields.ADDRESS: context.peer(), logfields.REASON: str(error)})
            await context.abort(grpc.StatusCode.ABORTED, str(error))

    async def _admit(self, context: Context) -> Grant | None:
        header = next((value for key, value in context.invocation_metadata() or () if key == AUTHORIZATION), "")
        token = bearer(header if isinstance(header, str) else header.decode("ascii", "replace"))
        if token:
            return await self._keeper.by_token(token, Kind.AGENT)
        names = _certificate_names(context)
        return self._keeper.by_certificate(names) if names else None


async def _frames(requests: AsyncIterator[AgentFrame]) -> AsyncIterator[AgentFrame]:
    try:
        async for frame in requests:
            yield frame
    except (grpc.aio.BaseError, grpc.RpcError) as error:
        raise ConnectionResetError("the agent is gone") from error


def _certificate_names(context: Context) -> tuple[str, ...]:
    """Common name and alternative names of a client certificate; gRPC has verified it when they are there."""
    identity: dict[str, Any] = dict(context.auth_context())
    values = [*identity.get("x509_common_name", ()), *identity.get("x509_subject_alternative_name", ())]
    return tuple(value.decode("utf-8", "replace") for value in values)


@asynccontextmanager
async def listen(door: Door, keeper: Doorkeeper, desk: LinkDesk) -> AsyncIterator[int]:
    """Serve the link until the context ends; gives the port.

    Raises:
        ConfigurationError: files that cannot be used, a port that is taken.

    """
    server = grpc.aio.server(options=_OPTIONS)
    add_LinkServicer_to_server(LinkServer(keeper, desk), server)  # type: ignore[no-untyped-call]
    address = f"{door.bind_host}:{door.port}"
    credentials = _credentials(door) if door.tls else None
    try:
        port = (
            server.add_insecure_port(address) if credentials is None else server.add_secure_port(address, credentials)
        )
    except (RuntimeError, OSError) as error:
        raise ConfigurationError(
            f"{door.name}.port: cannot listen on {address} ({chain(error)}); is the port taken, and {door.name}.host an"
            " address of this machine?"
        ) from error
    await server.start()
    log.info(
        "the link listens",
        **{logfields.ADDRESS: f"{door.bind_host}:{port}", logfields.KIND: "tls" if door.tls else "plain text"},
    )
    try:
        yield port
    finally:
        await server.stop(STOP_GRACE_S)


def _credentials(door: Door) -> grpc.ServerCredentials:
    if door.key_file is None or door.cert_file is None:
        raise ConfigurationError(f"{door.name}.tls: certFile and keyFile belong together; set both")
    try:
        pair = (door.key_file.read_bytes(), door.cert_file.read_bytes())
        client_ca = None if door.client_ca_file is None else door.client_ca_file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{door.name}.tls: {error.filename} cannot be read ({error.strerror})") from None
    return grpc.ssl_server_credentials([pair], root_certificates=client_ca, require_client_auth=client_ca is not None)
