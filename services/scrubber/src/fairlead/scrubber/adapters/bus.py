"""The scrubber's subjects: raw batches in, the clean log out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import nats.errors
import nats.js.errors

from fairlead.contracts.scrubbing import ScrubReply
from fairlead.contracts.subjects import CLEAN_BATCH, RAW_BATCH, SCRUB_RULES, SCRUBBER_GROUP, TRACEPARENT
from fairlead.runtime import metrics
from fairlead.runtime.bus import Bus, Message
from fairlead.runtime.lifecycle import Scope
from fairlead.scrubber.errors import CleanLogBusy


class JetStreamCleanLog:
    """The clean log as JetStream keeps it. The bridge owns the stream; here it is only written to."""

    def __init__(self, bus: Bus, *, timeout_s: float) -> None:
        self._jetstream = bus.jetstream
        self._timeout_s = timeout_s

    async def append(self, encoded: bytes, traceparent: str) -> None:
        """Publish a batch and wait for the acknowledgement that it is stored.

        Raises:
            CleanLogBusy: as the port says.

        """
        try:
            headers = {TRACEPARENT: traceparent} if traceparent else None
            await self._jetstream.publish(CLEAN_BATCH, encoded, timeout=self._timeout_s, headers=headers)
        except nats.js.errors.NoStreamResponseError as error:
            raise CleanLogBusy("there is no clean log; the bridge creates it: is it running?") from error
        except nats.js.errors.APIError as error:
            raise CleanLogBusy("the clean log refuses the batch") from error
        except (nats.errors.Error, TimeoutError) as error:
            raise CleanLogBusy(f"nats-server did not store the batch within {self._timeout_s:g} s") from error


async def serve(
    bus: Bus,
    scope: Scope,
    handle: Callable[[bytes], Awaitable[ScrubReply]],
    rules: Callable[[], ScrubReply],
    slots: int,
) -> None:
    """Answer raw batches, ``slots`` at once, and questions for the rules."""

    async def batch(message: Message) -> None:
        reply = await handle(message.data)
        await message.respond(reply.encode())

    async def question(message: Message) -> None:
        await message.respond(rules().encode())

    waiting = await bus.serve(scope, RAW_BATCH, batch, group=SCRUBBER_GROUP, concurrency=slots)
    metrics.SCRUBBER_BATCHES_WAITING.set_function(waiting)
    await bus.serve(scope, SCRUB_RULES, question, group=SCRUBBER_GROUP)
