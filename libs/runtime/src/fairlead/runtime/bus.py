"""The connection to the zone's nats-server, and requests, subscriptions and streams on it, with errors by meaning."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext

from fairlead.contracts.streams import MAX_PAYLOAD_BYTES, SERVER_VERSION_MIN
from fairlead.runtime import logfields
from fairlead.runtime.errors import ConfigurationError, PermanentError, TransientError, chain
from fairlead.runtime.lifecycle import Scope, Stage
from fairlead.runtime.logs import get_logger
from fairlead.runtime.sections import NatsSettings

log = get_logger()

PENDING_BYTES_MAX = 64 * 1024 * 1024
"""Bound of what the client buffers for one subscription, and of what it buffers while reconnecting."""

Message = Msg
Handler = Callable[[Msg], Awaitable[None]]


class BusUnavailable(TransientError):
    """nats-server is away, or did not answer in time."""


class NoResponder(TransientError):
    """Nobody serves the subject: the service behind it is not running."""


class PayloadTooLarge(PermanentError):
    """The message is larger than nats-server takes."""


class Bus:
    """A connection to nats-server that reconnects for as long as the service lives."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return bool(self.client.is_connected)

    def not_ready(self) -> str | None:
        """Answer a readiness question (`Scope.ready_when`)."""
        return None if self.connected else "nats-server is away"

    @property
    def jetstream(self) -> JetStreamContext:
        """The JetStream context, for adapters that own a stream, a consumer or a bucket."""
        return self.client.jetstream(timeout=10.0)

    async def publish(self, subject: str, data: bytes) -> None:
        """Publish without an answer; nobody may be listening."""
        try:
            await self.client.publish(subject, data)
        except nats.errors.MaxPayloadError as error:
            raise PayloadTooLarge(_too_large(data)) from error
        except nats.errors.Error as error:
            raise BusUnavailable(f"cannot publish to {subject}") from error

    async def request(self, subject: str, data: bytes, *, timeout_s: float) -> bytes:
        """Publish and wait for one answer.

        Raises:
            NoResponder: nobody serves the subject.
            BusUnavailable: no answer in time, or no connection.
            PayloadTooLarge: the message is over nats-server's limit.

        """
        try:
            answer = await self.client.request(subject, data, timeout=timeout_s)
        except nats.errors.NoRespondersError as error:
            raise NoResponder(f"nobody serves {subject}") from error
        except nats.errors.MaxPayloadError as error:
            raise PayloadTooLarge(_too_large(data)) from error
        except (nats.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"no answer on {subject} within {timeout_s:g} s") from error
        return bytes(answer.data)

    async def stream_created(self, stream: str) -> str:
        """When a stream was created, as nats-server writes it (RFC 3339, nanoseconds); empty when there is none.

        It names the stream's incarnation: one that was deleted and made again has another. The text is passed on as it
        came, for nats-py's datetime cuts the nanoseconds off.

        Raises:
            BusUnavailable: no answer from JetStream.

        """
        answer = await self.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout_s=5.0)
        document = json.loads(answer)
        if "created" in document:
            return str(document["created"])
        if document.get("error", {}).get("code") == 404:
            return ""
        raise BusUnavailable(f"JetStream does not tell about stream {stream}")

    async def subscribe(self, subject: str, handler: Handler, *, group: str = "") -> None:
        """Call a handler for each message, one after the other, in the order of arrival.

        An error of the handler is logged; it does not end the subscription.
        """
        await self.client.subscribe(
            subject,
            queue=group,
            cb=_guarded(subject, handler),
            pending_msgs_limit=65536,
            pending_bytes_limit=PENDING_BYTES_MAX,
        )

    async def serve(
        self, scope: Scope, subject: str, handler: Handler, *, group: str = "", concurrency: int = 1
    ) -> None:
        """Call a handler for each message, at most ``concurrency`` at once; a full house leaves messages in the buffer.

        At the stop of the service the subscription ends first (no new messages), then the handlers finish.
        """
        slots = asyncio.Semaphore(concurrency)
        guarded = _guarded(subject, handler)

        async def handle(message: Msg) -> None:
            try:
                await guarded(message)
            finally:
                slots.release()

        async def admit(message: Msg) -> None:
            await slots.acquire()
            scope.start(f"handle {subject}", handle(message), essential=False)

        subscription = await self.client.subscribe(
            subject, queue=group, cb=admit, pending_msgs_limit=65536, pending_bytes_limit=PENDING_BYTES_MAX
        )

        async def finish() -> None:
            for _ in range(concurrency):
                await slots.acquire()

        scope.on_stop(Stage.INTAKE, f"unsubscribe {subject}", subscription.drain)
        scope.on_stop(Stage.DRAIN, f"finish {subject}", finish)


def _guarded(subject: str, handler: Handler) -> Handler:
    async def guarded(message: Msg) -> None:
        try:
            await handler(message)
        except Exception as error:  # noqa: BLE001 - one message must not end the subscription
            log.error("a message could not be handled", **{logfields.SUBJECT: subject, logfields.ERROR: chain(error)})

    return guarded


@asynccontextmanager
async def connect(settings: NatsSettings, service: str, *, timeout_s: float = 30.0) -> AsyncIterator[Bus]:
    """Connect to nats-server and check that it is one that Fairlead can work with.

    Raises:
        ConfigurationError: nats-server is too old, grants too small messages, refuses the user, or does not fit the TLS
            settings.
        BusUnavailable: it cannot be reached within ``timeout_s``.

    """
    client = Client()
    await _dial(client, settings, service, timeout_s)
    try:
        _check_server(client)
        yield Bus(client)
    finally:
        await _close(client)


async def _dial(client: Client, settings: NatsSettings, service: str, timeout_s: float) -> None:
    servers = [server.strip() for server in settings.url.split(",")]
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_s
    password = _password(settings)
    while True:
        refusals: list[Exception] = []

        async def noted(error: Exception, refusals: list[Exception] = refusals) -> None:
            refusals.append(error)
            log.warning("nats-server reports an error", **{logfields.ERROR: chain(error)})

        try:
            await client.connect(
                servers=servers, name=f"fairlead-{service}", user=settings.user or None, password=password,
                tls=_tls(settings), inbox_prefix=f"_INBOX.{service}", error_cb=noted,
                disconnected_cb=_disconnected, reconnected_cb=_reconnected,
                allow_reconnect=True, max_reconnect_attempts=-1, reconnect_time_wait=1, connect_timeout=5,
                ping_interval=20, max_outstanding_pings=2, pending_size=PENDING_BYTES_MAX,
            )  # fmt: skip
        except ssl.SSLError as error:
            raise ConfigurationError(
                f"nats.url, nats.caFile: TLS with {settings.url} failed ({error.reason or error})"
            ) from error
        except (nats.errors.Error, OSError, TimeoutError) as error:
            causes = [error, *refusals]
            if any("authorization" in str(cause).lower() for cause in causes):
                raise ConfigurationError(
                    f"nats.user, nats.password: {settings.url} refuses user {settings.user!r}"
                ) from error
            if loop.time() >= until:
                raise BusUnavailable(f"nats.url: no nats-server answers at {settings.url}; is it running?") from error
            await asyncio.sleep(0.25)
        else:
            return


async def _close(client: Client) -> None:
    if not client.is_closed:
        try:
            async with asyncio.timeout(5):
                await client.drain()
        except (nats.errors.Error, TimeoutError, OSError):
            await client.close()


def _check_server(client: Client) -> None:
    version = client.connected_server_version
    found = (version.major, version.minor, version.patch)
    if found < SERVER_VERSION_MIN:
        needed = ".".join(map(str, SERVER_VERSION_MIN))
        raise ConfigurationError(
            f"nats-server {'.'.join(map(str, found))} is too old: Fairlead needs {needed} or newer"
        )
    if client.max_payload < MAX_PAYLOAD_BYTES:
        raise ConfigurationError(
            f"nats-server grants messages of {client.max_payload} bytes: set `max_payload: {MAX_PAYLOAD_BYTES}` in its configuration"
        )


def _tls(settings: NatsSettings) -> ssl.SSLContext | None:
    if settings.ca_file is None and settings.cert_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"nats.caFile, nats.certFile, nats.keyFile: cannot be read ({error})") from error
    return context


def _password(settings: NatsSettings) -> str | None:
    if settings.password_file is None:
        return settings.password.get_secret_value() or None
    return read_secret(settings.password_file, "nats.passwordFile")


def read_secret(path: Path, setting: str) -> str:
    """Read a secret from a file; an unreadable file is a fault of the named setting."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{setting}: {path} cannot be read ({error.strerror})") from None


async def _disconnected() -> None:
    log.warning("lost nats-server; reconnecting")


async def _reconnected() -> None:
    log.info("nats-server is back")


def _too_large(data: bytes) -> str:
    return f"a message of {len(data)} bytes is over nats-server's max_payload"
