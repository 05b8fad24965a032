"""The tunnel: each exchange goes through the connection of the agent that serves its account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from fairlead.contracts.tunnels import FEATURE, PIECE_BYTES
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.errors import TunnelLost, TunnelRefused, TunnelUnavailable
from fairlead.gateway.flows.link.connection import Connection
from fairlead.gateway.flows.link.tunnels import Exchange
from fairlead.gateway.ports.tunnel import TunnelAnswer, TunnelRequest
from fairlead.runtime import metrics, tracing

PATIENCE_S = 5.0
"""The agent's end keeps the time; an answer that is later than this has been lost."""


class Agents(Protocol):
    """What the tunnel needs of the links."""

    def link_of(self, account: str) -> Connection | None:
        """The connection that serves an account."""
        ...


class AgentTunnel:
    """Carries exchanges through the agents that are connected to this gateway; see `ports.Tunnel`."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    @asynccontextmanager
    async def exchange(self, request: TunnelRequest) -> AsyncIterator[TunnelAnswer]:
        """Carry one exchange."""
        outcome = "cancelled"  # unless something else is known
        try:
            async with self._exchange(request) as answer:
                yield answer
            outcome = "done"
        except TunnelUnavailable:
            outcome = "unavailable"
            raise
        except TunnelRefused:
            outcome = "refused"
            raise
        except TunnelLost:
            outcome = "lost"
            raise
        finally:
            metrics.GATEWAY_TUNNELS_ENDED.labels(outcome).inc()

    @asynccontextmanager
    async def _exchange(self, request: TunnelRequest) -> AsyncIterator[TunnelAnswer]:
        beginning, rest = await _begun(request.body)
        tunnels = self._link_of(request.account).tunnels
        opened = _opening(request, beginning, whole=rest is None)
        try:
            # The span ends with the head: who reads the body may do so in another task, where a span cannot end.
            with tracing.span("gateway.tunnel", operation=request.id, account=request.account) as traceparent:
                exchange = tunnels.open(opened, traceparent)
                if rest is not None:
                    exchange.upload(rest)
                head = await _head_of(exchange, request.answer_within_s)
            headers = tuple((each.name, each.value) for each in head.headers)
            yield TunnelAnswer(head.status, headers, exchange.body, traceparent)
        finally:
            await tunnels.close(opened)

    def _link_of(self, account: str) -> Connection:
        connection = self._agents.link_of(account)
        if connection is None:
            raise TunnelUnavailable(f"no agent of account {account!r} is connected")
        if FEATURE not in connection.hello.features:
            raise TunnelUnavailable(
                f"agent {connection.agent} is of a release that carries no requests to API servers; upgrade it"
            )
        return connection


async def _head_of(exchange: Exchange, within_s: float) -> pb.TunnelHead:
    try:
        async with asyncio.timeout(within_s + PATIENCE_S):
            return await exchange.head()
    except TimeoutError:
        raise exchange.lose(f"no answer came within {within_s:g} s") from None


def _opening(request: TunnelRequest, beginning: bytes, *, whole: bool) -> pb.TunnelOpen:
    return pb.TunnelOpen(
        id=request.id,
        account=request.account,
        method=request.method,
        target=request.target,
        headers=[pb.HttpHeader(name=name, value=value) for name, value in request.headers],
        content=beginning,
        last=whole,
        answer_within_ms=int(request.answer_within_s * 1000),
        idle_ms=int(request.idle_s * 1000),
    )


async def _begun(body: AsyncIterator[bytes] | None) -> tuple[bytes, AsyncIterator[bytes] | None]:
    """Read the beginning of a body, and tell what follows; None when that is all of it.

    Most bodies are short: they travel with the opening, and their length is known to the API server.
    """
    beginning = b""
    if body is None:
        return beginning, None
    async for piece in body:
        beginning += piece
        if len(beginning) > PIECE_BYTES:
            return b"", _joined(beginning, body)
    return beginning, None


async def _joined(beginning: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield beginning
    async for piece in rest:
        yield piece
