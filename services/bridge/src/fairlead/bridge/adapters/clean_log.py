"""The clean log in JetStream: one work-queue stream, one durable pull consumer, both owned by the bridge."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.client import JetStreamContext

from fairlead.bridge.errors import CleanLogMissing
from fairlead.bridge.ports import CleanBatch, LogDepth
from fairlead.contracts.streams import CLEAN_LOG
from fairlead.contracts.subjects import TRACEPARENT
from fairlead.runtime import logfields
from fairlead.runtime.bus import Bus
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
_NAME_IN_USE = 10058
"""JetStream's ``JSStreamNameExistErr``: there is a stream of this name with another configuration."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Limits of the log."""

    max_bytes: int = CLEAN_LOG.max_bytes
    ack_wait_s: float = CLEAN_LOG.ack_wait_s
    max_ack_pending: int = CLEAN_LOG.max_ack_pending


class JetStreamBatch:
    """A message of the log."""

    def __init__(self, message: Msg) -> None:
        self._message = message

    @property
    def data(self) -> bytes:
        """The envelope."""
        return self._message.data

    @property
    def sequence(self) -> int:
        """Its number in the stream."""
        return self._message.metadata.sequence.stream

    @property
    def traceparent(self) -> str:
        """Trace of a sampled event in it."""
        return (self._message.headers or {}).get(TRACEPARENT, "")

    async def commit(self) -> None:
        """Acknowledge."""
        await _tell(self._message.ack())

    async def release(self) -> None:
        """Ask for redelivery."""
        await _tell(self._message.nak())

    async def extend(self) -> None:
        """Put off redelivery."""
        await _tell(self._message.in_progress())


class JetStreamCleanLog:
    """Creates and reads the clean log."""

    def __init__(self, bus: Bus, options: LogOptions) -> None:
        self._jetstream = bus.jetstream
        self._options = options
        self._subscription: JetStreamContext.PullSubscription | None = None

    async def prepare(self) -> None:
        """Create stream and consumer, or bring those that are there to our settings."""
        try:
            await self._ensure_stream()
            await self._jetstream.add_consumer(CLEAN_LOG.name, self._consumer())
            if self._subscription is None:
                self._subscription = await self._jetstream.pull_subscribe_bind(
                    stream=CLEAN_LOG.name, consumer=CLEAN_LOG.durable
                )
        except nats.js.errors.ServiceUnavailableError as error:
            raise CleanLogMissing("JetStream is off or away: enable `jetstream` in nats-server's settings") from error
        except nats.js.errors.APIError as error:
            raise CleanLogMissing(f"JetStream refuses the stream {CLEAN_LOG.name} ({error.description})") from error
        except (nats.errors.Error, TimeoutError) as error:
            raise CleanLogMissing("JetStream does not answer") from error

    async def take(self, within_s: float) -> CleanBatch | None:
        """Pull one message."""
        if self._subscription is None:
            raise CleanLogMissing("the clean log was not prepared")
        try:
            (message,) = await self._subscription.fetch(1, timeout=within_s)
        except (nats.errors.TimeoutError, TimeoutError):
            return None
        except nats.errors.Error as error:
            # Nobody answers for the consumer: it is gone, with or without its stream.
            raise CleanLogMissing("the clean log does not answer") from error
        return JetStreamBatch(message)

    async def depth(self) -> LogDepth:
        """Ask nats-server about stream and consumer."""
        try:
            consumer = await self._jetstream.consumer_info(CLEAN_LOG.name, CLEAN_LOG.durable)
            stream = await self._jetstream.stream_info(CLEAN_LOG.name)
        except (nats.errors.Error, TimeoutError) as error:
            raise CleanLogMissing("the clean log does not answer") from error
        limit_bytes = stream.config.max_bytes or self._options.max_bytes
        return LogDepth(consumer.num_pending or 0, consumer.num_ack_pending or 0, stream.state.bytes, limit_bytes)

    async def close(self) -> None:
        """End the subscription, so that requests for batches under way end with it."""
        if self._subscription is not None:
            await _tell(self._subscription.unsubscribe())

    async def _ensure_stream(self) -> None:
        config = StreamConfig(
            name=CLEAN_LOG.name,
            subjects=[CLEAN_LOG.subject],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=self._options.max_bytes,
        )
        try:
            await self._jetstream.add_stream(config)
        except nats.js.errors.BadRequestError as error:
            if error.err_code != _NAME_IN_USE:
                raise
            await self._jetstream.update_stream(config)

    def _consumer(self) -> ConsumerConfig:
        return ConsumerConfig(
            durable_name=CLEAN_LOG.durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._options.ack_wait_s,
            max_ack_pending=self._options.max_ack_pending,
            max_deliver=-1,
        )


async def _tell(answer: Awaitable[None]) -> None:
    """Send an answer to JetStream; one that is lost means redelivery, which the gateway takes no harm from."""
    try:
        await answer
    except nats.errors.Error as error:
        log.debug("an answer to JetStream is lost", **{logfields.ERROR: chain(error)})
