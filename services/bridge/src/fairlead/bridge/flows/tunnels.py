"""Relays the frames of tunnels between the connections to the gateway and the executors of the zone.

An executor is found first and given the request then, so a request for which none was found in time has certainly not been
sent. Bodies pass through: credit is between gateway and executor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from fairlead.bridge.errors import LinkBusy, LinkLost, NoExecutor, ZoneUnavailable
from fairlead.bridge.flows.connection import Connection
from fairlead.bridge.flows.uplink import Spawn
from fairlead.bridge.ports import TunnelZone
from fairlead.contracts.tunnels import LEASE_EXPIRES_S, LEASE_S, may_last
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime import logfields, metrics
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
End = pb.TunnelEnd
TUNNELS_MAX = 1024
"""Tunnels at once; gateways open fewer on a connection."""


@dataclass(eq=False)
class _Tunnel:
    id: str
    connection: Connection
    lasts: bool
    """Whether it may go on for ever."""
    executor: str = ""
    """Empty until one was found."""


class TunnelRelay:
    """Every tunnel of this bridge.

    Args:
        zone: the executors.
        spawn: starts a task for each opening.

    """

    def __init__(self, zone: TunnelZone, spawn: Spawn) -> None:
        self._zone = zone
        self._spawn = spawn
        self._tunnels: dict[str, _Tunnel] = {}
        self._heard_s: dict[str, float] = {}
        """When executors that hold tunnels answered last."""
        self._stopping = False

    async def deliver(self, connection: Connection, frame: pb.GatewayFrame) -> None:
        """Take a frame of the gateway; never fails."""
        match frame.WhichOneof("body"):
            case "tunnel_open":
                self._begin(connection, frame)
            case "tunnel_data":
                await self._down(connection, frame.tunnel_data.id, frame)
            case "tunnel_credit":
                await self._down(connection, frame.tunnel_credit.id, frame)
            case "tunnel_end":
                await self._down(connection, frame.tunnel_end.id, frame)
                self._forget(frame.tunnel_end.id, connection)

    async def hear(self, frame: pb.AgentFrame) -> None:
        """Take a frame of an executor; never fails."""
        over = False
        match frame.WhichOneof("body"):
            case "tunnel_head":
                tunnel_id = frame.tunnel_head.id
            case "tunnel_data":
                tunnel_id, over = frame.tunnel_data.id, frame.tunnel_data.last
            case "tunnel_credit":
                tunnel_id = frame.tunnel_credit.id
            case "tunnel_end":
                tunnel_id, over = frame.tunnel_end.id, True
            case _:
                return
        tunnel = self._tunnels.get(tunnel_id)
        if tunnel is None:
            return
        try:
            tunnel.connection.send_tunnel(tunnel_id, frame)
        except LinkLost:
            return  # `connection_ended` ends the rest
        except LinkBusy as error:
            await self._end(tunnel, End.CODE_LOST, str(error))
        else:
            if over:
                self._forget(tunnel_id, tunnel.connection)

    def connection_ended(self, connection: Connection) -> None:
        """Nobody is there any more who reads the answers of its tunnels."""
        orphans = [each for each in self._tunnels.values() if each.connection is connection]
        if orphans:
            self._spawn("end tunnels of a connection", self._end_all(orphans, "the link broke"))

    def bus_broke(self) -> None:
        """Frames were lost with the connection to nats-server: every tunnel is over."""
        self._spawn(
            "end all tunnels", self._end_all(self._tunnels.values(), "the bridge's connection to nats-server broke")
        )

    async def end_lasting(self) -> None:
        """Begin nothing more and end what may go on for ever; the bridge stops, and what else is under way may finish."""
        self._stopping = True
        await self._end_all([each for each in self._tunnels.values() if each.lasts], "the bridge stops")

    async def keep(self) -> None:
        """Tell executors which tunnels stand, and find out which executors do; a task of the service."""
        while True:
            await asyncio.sleep(LEASE_S)
            held: dict[str, list[_Tunnel]] = {}
            for each in self._tunnels.values():
                if each.executor:
                    held.setdefault(each.executor, []).append(each)
            self._heard_s = {executor: self._heard_s.get(executor, _now_s()) for executor in held}
            async with asyncio.TaskGroup() as group:
                for executor, tunnels in held.items():
                    group.create_task(self._renew(executor, tunnels))

    def _begin(self, connection: Connection, frame: pb.GatewayFrame) -> None:
        opened = frame.tunnel_open
        if opened.id in self._tunnels:
            log.warning("a tunnel is opened twice", **{logfields.OPERATION: opened.id})
            return
        tunnel = _Tunnel(opened.id, connection, lasts=may_last(opened))
        if self._stopping or len(self._tunnels) >= TUNNELS_MAX:
            reason = "the bridge stops" if self._stopping else "the bridge carries too many exchanges"
            _tell(tunnel, End.CODE_NOT_DISPATCHED, reason)
            return
        self._tunnels[opened.id] = tunnel
        connection.hold_tunnel(opened.id)
        metrics.BRIDGE_TUNNELS.set(len(self._tunnels))
        self._spawn(f"open tunnel {opened.id}", self._open(tunnel, frame))

    async def _open(self, tunnel: _Tunnel, frame: pb.GatewayFrame) -> None:
        try:
            executor = await self._zone.find_executor(frame.tunnel_open.account)
            if self._tunnels.get(tunnel.id) is not tunnel:
                return  # called off meanwhile
            tunnel.executor = executor
            frame.tunnel_open.bridge = self._zone.id
            await self._zone.send(executor, frame)
        except (NoExecutor, ZoneUnavailable) as error:
            self._forget(tunnel.id, tunnel.connection)
            _tell(tunnel, End.CODE_NOT_DISPATCHED, str(error))

    async def _down(self, connection: Connection, tunnel_id: str, frame: pb.GatewayFrame) -> None:
        tunnel = self._tunnels.get(tunnel_id)
        if tunnel is None or tunnel.connection is not connection or not tunnel.executor:
            return
        try:
            await self._zone.send(tunnel.executor, frame)
        except ZoneUnavailable as error:
            await self._end(tunnel, End.CODE_LOST, str(error))

    async def _renew(self, executor: str, tunnels: list[_Tunnel]) -> None:
        lease = pb.TunnelLease(bridge=self._zone.id, ids=[each.id for each in tunnels])
        try:
            await self._zone.renew(executor, pb.GatewayFrame(tunnel_lease=lease))
        except NoExecutor:
            await self._end_all(tunnels, "the executor died")
        except ZoneUnavailable as error:
            log.debug("an executor does not answer", **{logfields.NAME: executor, logfields.ERROR: chain(error)})
            if _now_s() - self._heard_s.get(executor, 0.0) > LEASE_EXPIRES_S:
                await self._end_all(tunnels, "the executor fell silent")
        else:
            self._heard_s[executor] = _now_s()

    async def _end_all(self, tunnels: Iterable[_Tunnel], reason: str) -> None:
        for each in list(tunnels):
            await self._end(each, End.CODE_LOST, reason)

    async def _end(self, tunnel: _Tunnel, code: End.Code, reason: str) -> None:
        """End a tunnel at both of its ends."""
        if self._forget(tunnel.id, tunnel.connection) is None:
            return
        _tell(tunnel, code if tunnel.executor else End.CODE_NOT_DISPATCHED, reason)
        if tunnel.executor:
            end = End(id=tunnel.id, code=End.CODE_CANCELLED, reason=reason)
            try:
                await self._zone.send(tunnel.executor, pb.GatewayFrame(tunnel_end=end))
            except ZoneUnavailable as error:  # the next lease lacks it
                log.debug("the end of a tunnel is not told", **{logfields.ERROR: chain(error)})

    def _forget(self, tunnel_id: str, connection: Connection) -> _Tunnel | None:
        tunnel = self._tunnels.get(tunnel_id)
        if tunnel is None or tunnel.connection is not connection:
            return None
        del self._tunnels[tunnel_id]
        connection.let_go_tunnel(tunnel_id)
        metrics.BRIDGE_TUNNELS.set(len(self._tunnels))
        return tunnel


def _tell(tunnel: _Tunnel, code: End.Code, reason: str) -> None:
    try:
        tunnel.connection.post(pb.AgentFrame(tunnel_end=End(id=tunnel.id, code=code, reason=reason)))
    except (LinkLost, LinkBusy) as error:  # whoever waits learns it from the end of the connection
        log.debug("the end of a tunnel is not told", **{logfields.ERROR: chain(error)})


def _now_s() -> float:
    return asyncio.get_running_loop().time()
