"""Tunnels on the bus: offers to carry an exchange, the frames of one, and what goes back to bridges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from google.protobuf.message import DecodeError
from nats.aio.msg import Msg

from fairlead.contracts.subjects import tunnel_subject, tunnels_down_subject, tunnels_up_subject
from fairlead.contracts.v1.link_pb2 import AgentFrame, GatewayFrame
from fairlead.executor.adapters.subscriptions import SharedSubscriptions
from fairlead.executor.errors import Undelivered
from fairlead.runtime import logfields
from fairlead.runtime.bus import Bus, BusUnavailable, Message, PayloadTooLarge
from fairlead.runtime.logs import get_logger

log = get_logger()


class TunnelOffers:
    """The subscriptions on which one executor says that it would carry an exchange; another may be asked instead."""

    def __init__(self, bus: Bus, executor_id: str, has_room: Callable[[], bool]) -> None:
        self._executor_id = executor_id
        self._has_room = has_room
        self._subscriptions = SharedSubscriptions(bus)
        self.close = self._subscriptions.close

    async def open(self, accounts: list[str]) -> None:
        """Offer it for these accounts."""
        await self._subscriptions.open({tunnel_subject(account): self._offer for account in accounts})

    async def _offer(self, message: Msg) -> None:
        await message.respond(self._executor_id.encode() if self._has_room() else b"")


async def hear_tunnels(bus: Bus, executor_id: str, hear: Callable[[GatewayFrame], Awaitable[None]]) -> None:
    """Pass frames on, one after the other; a lease is answered, which shows that we live."""

    async def heard(message: Message) -> None:
        try:
            frame = GatewayFrame.FromString(message.data)
        except DecodeError:
            log.warning("a message that is no frame", **{logfields.SUBJECT: message.subject})
            return
        await hear(frame)
        if message.reply:
            await message.respond(b"")

    await bus.subscribe(tunnels_down_subject(executor_id), heard)


class BusBridges:
    """The bridges of the zone; see `ports.Bridges`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def send(self, bridge: str, frame: AgentFrame) -> None:
        """Send a frame; nothing is kept for later, for a connection that broke ends every exchange."""
        if not self._bus.connected:
            raise Undelivered("nats-server is away")
        try:
            await self._bus.publish(tunnels_up_subject(bridge), frame.SerializeToString())
        except (BusUnavailable, PayloadTooLarge) as error:
            raise Undelivered("nats-server does not take a frame") from error
