"""The connection to the zone's nats-server, and requests, subscriptions and streams on it, with errors by meaning."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext

from fairlead.runtime import logfields, metrics
from fairlead.runtime.errors import ConfigurationError, PermanentError, TransientError, chain
from fairlead.runtime.lifecycle import Scope, Stage
from fairlead.runtime.logs import get_logger
from fairlead.runtime.nats_client import PENDING_BYTES_MAX, BusUnavailable, Events, check_server, close, dial
from fairlead.runtime.sections import NatsSettings

__all__ = ["Bus", "BusUnavailable", "Handler", "Message", "NoResponder", "PayloadTooLarge", "attach", "connect"]

log = get_logger()

LOOK_S = 5.0
"""Time between two looks whether the client still reconnects."""
SETTLE_S = 10.0
"""How long a new subscription waits for nats-server to take note of it."""

Message = Msg
Handler = Callable[[Msg], Awaitable[None]]


class NoResponder(TransientError):
    """Nobody serves the subject: the service behind it is not running."""


class PayloadTooLarge(PermanentError):
    """The message is larger than nats-server takes."""


class Bus:
    """A connection to nats-server that reconnects for as long as the service lives."""

    def __init__(self, client: Client, events: Events) -> None:
        self.client = client
        self._events = events

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return bool(self.client.is_connected)

    def not_ready(self) -> str | None:
        """Answer a readiness question (`Scope.ready_when`)."""
        return self._events.missing_right() if self.connected else "nats-server is away"

    async def until_lost(self) -> None:
        """Wait until the connection is gone for good; an essential task of each service (`attach` starts it).

        The client reconnects by itself, except when nats-server ended the connection with an error (a slow consumer, an
        expired user), and when an error that it does not expect ends its attempts: one of uvloop's, or of an answer that is
        none of nats-server's. Then a new process is the remedy. It is also where nats-server denied a subscription: granted later,
        it would not come by itself.

        Raises:
            ConfigurationError: a subscription was denied.
            BusUnavailable: the connection is gone.

        """
        while not self._events.lost.is_set():
            self._check_reconnecting()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._events.lost.wait()
        if self._events.refusal:
            raise ConfigurationError(self._events.refusal)
        raise BusUnavailable("nats-server ended the connection for good; its log says why")

    def _check_reconnecting(self) -> None:
        attempts = self.client._reconnection_task  # noqa: SLF001 - told nowhere else
        if attempts is None or not attempts.done() or self.connected or self.client.is_closed:
            return
        cause = None if attempts.cancelled() else attempts.exception()
        raise BusUnavailable("the client of nats-server has given up reconnecting") from cause

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """Call a function each time when the connection stands again: what was published meanwhile was not heard."""
        self._events.on_reconnect.append(call)

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

        While nats-server is away nothing is sent: what the client keeps for it, it would send for callers who gave up.

        Raises:
            NoResponder: nobody serves the subject.
            BusUnavailable: no answer in time, or no connection.
            PayloadTooLarge: the message is over nats-server's limit.

        """
        if len(data) > self.client.max_payload:
            raise PayloadTooLarge(_too_large(data))  # before nats-py keeps a waiter for the answer
        try:
            left_s = timeout_s if self.connected else await self._until_connected(timeout_s)
            answer = await self.client.request(subject, data, timeout=left_s)
        except nats.errors.NoRespondersError as error:
            raise NoResponder(f"nobody serves {subject}") from error
        except (nats.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"no answer on {subject} within {timeout_s:g} s") from error
        return bytes(answer.data)

    async def _until_connected(self, timeout_s: float) -> float:
        """Wait for the connection, unless it is closed; gives what is left of the time."""
        async with asyncio.timeout(timeout_s) as waiting:
            while not (self.connected or self.client.is_closed):
                await self._events.back.wait()
        return (waiting.when() or 0.0) - asyncio.get_running_loop().time()

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
        await self.settled()

    async def serve(
        self, scope: Scope, subject: str, handler: Handler, *, group: str = "", concurrency: int = 1
    ) -> Callable[[], int]:
        """Call a handler for each message, at most ``concurrency`` at once; a full house leaves messages in the buffer.

        At the stop of the service the subscription ends first (no new messages), then the handlers finish.

        Returns:
            Tells how many messages wait in the buffer.

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

        await self.settled()

        async def unsubscribe() -> None:
            # Draining asks nats-server for what is still under way; without it there is only what has arrived.
            if self.connected:
                await subscription.drain()  # type: ignore[no-untyped-call]
            else:
                await subscription.unsubscribe()

        async def finish() -> None:
            for _ in range(concurrency):
                await slots.acquire()

        scope.on_stop(Stage.INTAKE, f"unsubscribe {subject}", unsubscribe)
        scope.on_stop(Stage.DRAIN, f"finish {subject}", finish)
        return lambda: int(subscription.pending_msgs)

    async def settled(self) -> None:
        """Wait until nats-server knows the subscriptions; while it is away it will learn them with the reconnect."""
        for _ in range(2):  # nats-py's first PING overtakes what it has not written yet
            if not self.connected:
                return
            answer = asyncio.get_running_loop().create_future()
            try:
                await self.client._send_ping(answer)  # noqa: SLF001 - see below
            except RuntimeError:  # uvloop's, for a connection that has just been lost
                return
            # Client.flush cancels what it waits for when the time is over; nats-py's reading ends by the late answer.
            await asyncio.wait((answer,), timeout=SETTLE_S)
            if not answer.done():
                return


def _guarded(subject: str, handler: Handler) -> Handler:
    async def guarded(message: Msg) -> None:
        try:
            await handler(message)
        except Exception as error:  # noqa: BLE001 - one message must not end the subscription
            log.error("a message could not be handled", **{logfields.SUBJECT: subject, logfields.ERROR: chain(error)})

    return guarded


async def attach(scope: Scope, settings: NatsSettings) -> Bus:
    """Connect a service: as `connect`, and the service is ready only while the connection stands and ends with it."""
    scope.ready_when("nats", lambda: f"nats.url: no nats-server answers at {settings.url} yet")
    bus = await scope.enter(connect(settings, scope.name))
    metrics.BUS_CONNECTED.labels(scope.name).set_function(lambda: bus.connected)
    bus.on_reconnect(metrics.BUS_RECONNECTS.labels(scope.name).inc)
    scope.ready_when("nats", bus.not_ready)
    scope.start("nats", bus.until_lost())
    return bus


@asynccontextmanager
async def connect(settings: NatsSettings, service: str, *, timeout_s: float = 30.0) -> AsyncIterator[Bus]:
    """Connect to nats-server and check that it is one that Fairlead can work with.

    Raises:
        ConfigurationError: nats-server is too old, grants too small messages, refuses the user, or does not fit the TLS
            settings.
        BusUnavailable: it cannot be reached within ``timeout_s``.

    """
    client, events = await dial(settings, service, timeout_s)
    try:
        check_server(client.connected_server_version, client.max_payload)
        yield Bus(client, events)
    finally:
        await close(client)


def _too_large(data: bytes) -> str:
    return f"a message of {len(data)} bytes is over nats-server's max_payload"
