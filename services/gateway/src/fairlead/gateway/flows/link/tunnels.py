"""The HTTP exchanges that one connection carries: its end of each tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fairlead.contracts.tunnels import WINDOW_BYTES, may_last
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.errors import TunnelLost, TunnelRefused, TunnelUnavailable
from fairlead.gateway.flows.link.outbox import Outbox
from fairlead.runtime import metrics
from fairlead.runtime.bodies import BodyBroken, Inlet, Outlet

End = pb.TunnelEnd
Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
LASTING_SHARE = 0.75
"""Of what a connection carries at once, for exchanges that may go on for ever: there is always room for short ones."""


class Exchange:
    """One exchange, from its opening to its end.

    Args:
        opened: what the agent is told.
        outbox: of the connection.
        start: starts a task that ends with the connection at the latest.

    """

    def __init__(self, opened: pb.TunnelOpen, outbox: Outbox, start: Start) -> None:
        self.opened = opened
        self._id = opened.id
        self._outbox = outbox
        self._start = start
        self._head: pb.TunnelHead | None = None
        self._failure: Exception | None = None
        self._moved = asyncio.Event()
        self._upload: asyncio.Task[None] | None = None
        self._sent = Outlet(self._send_piece, 0)
        self.body = Inlet(opened.window_bytes, self._grant)

    @property
    def ended(self) -> bool:
        """Whether the agent says no more about it."""
        return self._failure is not None or self.body.ended

    def upload(self, rest: AsyncIterator[bytes]) -> None:
        """Send what follows the beginning of the request's body."""
        self._upload = self._start(self._carry(rest))

    async def head(self) -> pb.TunnelHead:
        """Wait for the head of the answer; raises why none comes."""
        while self._head is None:
            if self._failure is not None:
                raise self._failure
            self._moved.clear()
            await self._moved.wait()
        return self._head

    def hear(self, frame: pb.AgentFrame) -> None:
        """Take a frame of the agent."""
        match frame.WhichOneof("body"):
            case "tunnel_head" if self._head is None and 200 <= frame.tunnel_head.status <= 599:
                self._head = frame.tunnel_head
                self._moved.set()
            case "tunnel_data" if self._head is not None:
                self._take(frame.tunnel_data)
            case "tunnel_credit":
                self._sent.grant(frame.tunnel_credit.bytes)
            case "tunnel_end":
                self._end(frame.tunnel_end)
            case _:
                self.break_off(TunnelLost("the agent broke the rules of the tunnel"))

    def fail(self, error: Exception) -> None:
        """Nothing more comes; whoever waits is told why."""
        if not self.ended:
            self._failure = error
            self.body.fail(error)
            self._moved.set()

    def break_off(self, error: Exception) -> None:
        """End it from here."""
        if not self.ended:
            self.fail(error)
            self.cancel(str(error))

    def lose(self, reason: str) -> Exception:
        """End it from here because no answer comes; what still waited to be written was certainly not sent."""
        error = TunnelLost(reason) if self.cancel(reason) else TunnelUnavailable(f"{reason}; it was not sent")
        self.fail(error)
        return error

    def cancel(self, reason: str) -> bool:
        """Tell the agent that nobody waits any more; False when it never heard of it."""
        end = End(id=self._id, code=End.CODE_CANCELLED, reason=reason[:200])
        return self._outbox.end_tunnel(self._id, pb.GatewayFrame(tunnel_end=end))

    async def leave(self) -> None:
        """End it, whatever its state; nothing of it is left when this returns."""
        if not self.ended:
            self.fail(TunnelLost("the exchange was left"))
            self.cancel("nobody waits for the answer any more")
        if self._upload is not None:
            self._upload.cancel()
            await asyncio.wait([self._upload])

    async def _carry(self, rest: AsyncIterator[bytes]) -> None:
        try:
            await self._sent.carry(rest)
        except Exception as error:  # noqa: BLE001 - of the caller's own body; it goes back to the caller
            self.break_off(error)

    def _take(self, data: pb.TunnelData) -> None:
        metrics.GATEWAY_TUNNEL_BYTES.labels("down").inc(len(data.content))
        try:
            self.body.put(data.sequence, data.content, last=data.last)
        except BodyBroken as error:
            self.break_off(TunnelLost(str(error)))

    def _end(self, end: End) -> None:
        if self._head is None and end.code == End.CODE_NOT_DISPATCHED:
            self.fail(TunnelUnavailable(end.reason))
        elif self._head is None and end.code == End.CODE_REFUSED:
            self.fail(TunnelRefused(end.reason))
        else:
            self.fail(TunnelLost(end.reason))

    async def _grant(self, size: int) -> None:
        self._outbox.push([pb.GatewayFrame(tunnel_credit=pb.TunnelCredit(id=self._id, bytes=size))])

    async def _send_piece(self, sequence: int, content: bytes, last: bool) -> None:
        metrics.GATEWAY_TUNNEL_BYTES.labels("up").inc(len(content))
        data = pb.TunnelData(id=self._id, sequence=sequence, content=content, last=last)
        self._outbox.push_tunnel(self._id, pb.GatewayFrame(tunnel_data=data))


class LinkTunnels:
    """Every exchange of one connection.

    Args:
        outbox: of the connection.
        start: starts a task that ends with the connection at the latest.
        limit: exchanges at once.

    """

    def __init__(self, outbox: Outbox, start: Start, limit: int) -> None:
        self._outbox = outbox
        self._start = start
        self._limit = limit
        self._exchanges: dict[str, Exchange] = {}
        self._closed = False

    def open(self, opened: pb.TunnelOpen, traceparent: str) -> Exchange:
        """Begin an exchange; `close` it in any case.

        Raises:
            TunnelUnavailable: the connection has ended, or carries too many.
            TunnelRefused: there is one of this id.

        """
        if self._closed:
            raise TunnelUnavailable("the agent's connection has ended")
        if opened.id in self._exchanges:
            raise TunnelRefused("an exchange of this id is under way")
        if len(self._exchanges) >= self._limit:
            raise TunnelUnavailable("the agent's connection carries too many exchanges")
        if may_last(opened) and self._lasting >= self._limit * LASTING_SHARE:
            raise TunnelUnavailable("the agent's connection carries too many watches and followed logs")
        opened.window_bytes = WINDOW_BYTES
        exchange = Exchange(opened, self._outbox, self._start)
        self._exchanges[opened.id] = exchange
        metrics.GATEWAY_TUNNELS.inc()
        # In the lane of its pieces: one that is left while it waits there is never sent, and takes no more room.
        self._outbox.push_tunnel(opened.id, pb.GatewayFrame(traceparent=traceparent, tunnel_open=opened))
        return exchange

    @property
    def _lasting(self) -> int:
        return sum(may_last(each.opened) for each in self._exchanges.values())

    async def close(self, opened: pb.TunnelOpen) -> None:
        """End an exchange and forget it; one that was not begun is none."""
        exchange = self._exchanges.get(opened.id)
        if exchange is None or exchange.opened is not opened:
            return
        del self._exchanges[opened.id]
        metrics.GATEWAY_TUNNELS.dec()
        await exchange.leave()

    def hear(self, frame: pb.AgentFrame) -> None:
        """Take a frame of the agent; what concerns an exchange that was left is of no interest."""
        kind = frame.WhichOneof("body")
        exchange = self._exchanges.get(getattr(frame, kind).id) if kind else None
        if exchange is not None and not exchange.ended:
            exchange.hear(frame)

    def end_all(self, reason: str) -> None:
        """The connection ends: nothing is heard of any exchange any more."""
        self._closed = True
        for exchange in self._exchanges.values():
            if not exchange.ended:
                exchange.lose(reason)
