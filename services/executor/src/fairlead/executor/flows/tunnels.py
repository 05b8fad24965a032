"""The exchanges of this executor: taken while there is room, ended when nobody relays them any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fairlead.contracts.tunnels import LEASE_EXPIRES_S, LEASE_S
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.executor.errors import Undelivered
from fairlead.executor.flows.exchange import Exchange
from fairlead.executor.ports import Bridges, Claims, RawClusters
from fairlead.runtime import logfields, metrics
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
End = pb.TunnelEnd
Start = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]


class Tunnels:
    """What bridges ask of this executor.

    Args:
        executor_id: owner of its claims.
        clusters: the accounts.
        claims: for writes; a read claims nothing.
        bridges: the way back.
        start: starts a task.
        limit: exchanges at once.

    """

    def __init__(  # noqa: PLR0913 - by name, from one place
        self, *, executor_id: str, clusters: RawClusters, claims: Claims, bridges: Bridges, start: Start, limit: int
    ) -> None:
        self._executor_id = executor_id
        self._clusters = clusters
        self._claims = claims
        self._bridges = bridges
        self._start = start
        self._limit = limit
        self._open: dict[str, Exchange] = {}
        self._heard_s: dict[str, float] = {}
        self._doubted: dict[str, frozenset[str]] = {}
        """By bridge: exchanges that its last lease lacked."""
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def has_room(self) -> bool:
        """Whether another exchange would be taken."""
        return len(self._open) < self._limit

    async def hear(self, frame: pb.GatewayFrame) -> None:
        """Take a frame of a bridge. What concerns an exchange that has ended is of no interest."""
        match frame.WhichOneof("body"):
            case "tunnel_open":
                await self._take(frame)
            case "tunnel_data":
                if frame.tunnel_data.id in self._open:
                    self._open[frame.tunnel_data.id].take(frame.tunnel_data)
            case "tunnel_credit":
                if frame.tunnel_credit.id in self._open:
                    self._open[frame.tunnel_credit.id].credit(frame.tunnel_credit.bytes)
            case "tunnel_end":
                if frame.tunnel_end.id in self._open:
                    self._open[frame.tunnel_end.id].stop(End.CODE_CANCELLED, frame.tunnel_end.reason)
            case "tunnel_lease":
                await self._renew(frame.tunnel_lease)

    async def expire(self) -> None:
        """End the exchanges of bridges that have fallen silent; a task of the service."""
        while True:
            await asyncio.sleep(LEASE_S)
            silent_since_s = _now_s() - LEASE_EXPIRES_S
            for bridge in [each for each, heard_s in self._heard_s.items() if heard_s < silent_since_s]:
                del self._heard_s[bridge]
                self._doubted.pop(bridge, None)
                self._stop(lambda each, bridge=bridge: each.opened.bridge == bridge, "the bridge fell silent")  # type: ignore[misc]

    def bus_broke(self) -> None:
        """End every exchange: frames were lost with the connection."""
        self._stop(lambda _: True, "the executor's connection to nats-server broke")

    async def finish(self) -> None:
        """Let exchanges end, but those that may go on for ever."""
        self._stop(lambda each: each.lasts, "the executor stops")
        await self._idle.wait()

    async def _take(self, frame: pb.GatewayFrame) -> None:
        opened = frame.tunnel_open
        cluster = self._clusters.cluster(opened.account)
        if opened.id in self._open or not opened.bridge:
            log.warning("an exchange that cannot be is ignored", **{logfields.OPERATION: opened.id})
            return
        if cluster is None or not self.has_room:
            reason = "the executor has no room" if cluster else "the executor does not serve the account"
            await self._tell(opened.bridge, End(id=opened.id, code=End.CODE_NOT_DISPATCHED, reason=reason))
            return
        exchange = Exchange(frame, cluster, self._claims, self._executor_id, self._bridges)
        self._open[opened.id] = exchange
        self._heard_s[opened.bridge] = _now_s()
        self._idle.clear()
        metrics.EXECUTOR_TUNNELS.set(len(self._open))
        exchange.task = self._start(f"exchange {opened.id}", exchange.run())
        exchange.task.add_done_callback(lambda _: self._ended(opened.id))

    def _ended(self, exchange_id: str) -> None:
        del self._open[exchange_id]
        metrics.EXECUTOR_TUNNELS.set(len(self._open))
        if not self._open:
            self._idle.set()

    async def _renew(self, lease: pb.TunnelLease) -> None:
        """Compare what stands here and there. A frame about the end may have been lost, or the other's beginning.

        An exchange may have been opened while its bridge made out the lease, so it has to be missing twice.
        """
        self._heard_s[lease.bridge] = _now_s()
        relayed = frozenset(lease.ids)
        lacking = {
            each.opened.id: each
            for each in self._open.values()
            if each.opened.bridge == lease.bridge and each.opened.id not in relayed
        }
        for exchange_id in self._doubted.pop(lease.bridge, frozenset()).intersection(lacking):
            lacking.pop(exchange_id).stop(End.CODE_CANCELLED, "the bridge does not relay it any more")
        if lacking:
            self._doubted[lease.bridge] = frozenset(lacking)
        for missing in relayed.difference(self._open):
            await self._tell(
                lease.bridge, End(id=missing, code=End.CODE_LOST, reason="the executor knows nothing of it")
            )

    async def _tell(self, bridge: str, end: End) -> None:
        try:
            await self._bridges.send(bridge, pb.AgentFrame(tunnel_end=end))
        except Undelivered as error:  # the next lease shows it
            log.debug("the end of an exchange is not told", **{logfields.ERROR: chain(error)})

    def _stop(self, concerns: Callable[[Exchange], bool], reason: str) -> None:
        for each in list(self._open.values()):
            if concerns(each):
                each.stop(End.CODE_LOST, reason)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
