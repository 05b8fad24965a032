"""Tunnels on the bus: finding executors, frames for them, and frames of theirs."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from google.protobuf.message import DecodeError

from fairlead.bridge.errors import NoExecutor, ZoneUnavailable
from fairlead.contracts.subjects import tunnel_subject, tunnels_down_subject, tunnels_up_subject
from fairlead.contracts.tunnels import LEASE_S
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime import logfields
from fairlead.runtime.bus import Bus, BusUnavailable, Message, NoResponder, PayloadTooLarge
from fairlead.runtime.logs import get_logger

log = get_logger()

ASKS_MAX = 3
"""An executor without room says so; the next one that is asked may have some."""


class BusTunnelZone:
    """The executors; see `ports.TunnelZone`."""

    def __init__(self, bus: Bus, *, take_timeout_s: float) -> None:
        self._bus = bus
        self._take_timeout_s = take_timeout_s
        self.id = secrets.token_hex(8)  # of this process: after a restart nobody holds its tunnels

    async def find_executor(self, account: str) -> str:
        """Ask who would carry an exchange."""
        self._check()
        try:
            for _ in range(ASKS_MAX):
                answer = await self._bus.request(tunnel_subject(account), b"", timeout_s=self._take_timeout_s)
                if answer:
                    return answer.decode()
        except NoResponder as error:
            raise NoExecutor("no executor of the agent serves the account") from error
        except (BusUnavailable, UnicodeDecodeError) as error:
            raise ZoneUnavailable("no executor answered in time") from error
        raise NoExecutor("the executors carry too many exchanges already")

    async def send(self, executor: str, frame: pb.GatewayFrame) -> None:
        """Send a frame; nothing is kept for later, for a connection that broke ends every tunnel."""
        self._check()
        try:
            await self._bus.publish(tunnels_down_subject(executor), frame.SerializeToString())
        except (BusUnavailable, PayloadTooLarge) as error:
            raise ZoneUnavailable("nats-server does not take a frame") from error

    async def renew(self, executor: str, frame: pb.GatewayFrame) -> None:
        """Send a lease."""
        self._check()
        try:
            await self._bus.request(tunnels_down_subject(executor), frame.SerializeToString(), timeout_s=LEASE_S)
        except NoResponder as error:
            raise NoExecutor("the executor is gone") from error
        except (BusUnavailable, PayloadTooLarge) as error:
            raise ZoneUnavailable("the executor did not answer in time") from error

    def _check(self) -> None:
        if not self._bus.connected:
            raise ZoneUnavailable("nats-server is away")


async def hear_tunnels(bus: Bus, bridge_id: str, hear: Callable[[pb.AgentFrame], Awaitable[None]]) -> None:
    """Pass on what executors send to this bridge, one after the other."""

    async def heard(message: Message) -> None:
        try:
            frame = pb.AgentFrame.FromString(message.data)
        except DecodeError:
            log.warning("a message that is no frame", **{logfields.SUBJECT: message.subject})
            return
        await hear(frame)

    await bus.subscribe(tunnels_up_subject(bridge_id), heard)
