"""The bridge's subjects: calls of the zone, notices, operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fairlead.bridge.core.calls import BODIES
from fairlead.bridge.errors import NoExecutor, ZoneUnavailable
from fairlead.contracts.streams import CLAIMS
from fairlead.contracts.subjects import BRIDGE_GROUP, CANCEL, NOTICE, operation_subject
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime.bus import Bus, BusUnavailable, Message, NoResponder, PayloadTooLarge
from fairlead.runtime.lifecycle import Scope

CALLS_AT_ONCE = 64
"""Calls of one subject that are under way; the next ones wait in the connection's buffer."""


class BusZone:
    """The zone's bus as the flows see it."""

    def __init__(self, bus: Bus, *, take_timeout_s: float) -> None:
        self._bus = bus
        self._take_timeout_s = take_timeout_s

    async def notify(self, frame: pb.GatewayFrame) -> None:
        """Publish a notice."""
        await self._publish(NOTICE, frame)

    async def cancel(self, frame: pb.GatewayFrame) -> None:
        """Publish a cancellation."""
        await self._publish(CANCEL, frame)

    async def hand_over(self, frame: pb.GatewayFrame) -> None:
        """Request that an executor takes an operation."""
        subject = operation_subject(frame.operation.account)
        try:
            await self._bus.request(subject, frame.SerializeToString(), timeout_s=self._take_timeout_s)
        except NoResponder as error:
            raise NoExecutor("no executor serves the account") from error
        except (BusUnavailable, PayloadTooLarge) as error:
            raise ZoneUnavailable("the operation was not taken") from error

    async def incarnation(self) -> str:
        """Read when the bucket's stream was created."""
        try:
            return await self._bus.stream_created(f"KV_{CLAIMS.name}")
        except (BusUnavailable, NoResponder) as error:
            raise ZoneUnavailable("JetStream does not answer") from error

    async def _publish(self, subject: str, frame: pb.GatewayFrame) -> None:
        try:
            await self._bus.publish(subject, frame.SerializeToString())
        except (BusUnavailable, PayloadTooLarge) as error:
            raise ZoneUnavailable("nats-server does not take the message") from error


async def serve_calls(bus: Bus, scope: Scope, answer: Callable[[str, bytes], Awaitable[bytes]]) -> None:
    """Answer the calls of watchers and executors on every subject that carries them."""

    def handler(subject: str) -> Callable[[Message], Awaitable[None]]:
        async def handle(message: Message) -> None:
            await message.respond(await answer(subject, message.data))

        return handle

    for subject in BODIES:
        await bus.serve(scope, subject, handler(subject), group=BRIDGE_GROUP, concurrency=CALLS_AT_ONCE)
