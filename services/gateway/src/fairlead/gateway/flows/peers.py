"""Several gateways of one database: an exchange is carried by the one that holds the agent's connection."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from fairlead.gateway.core import exchanges
from fairlead.gateway.core.exchanges import Outcome
from fairlead.gateway.core.facade import headers
from fairlead.gateway.core.keyring import Keyring
from fairlead.gateway.core.tokens import VERBS, Grant, Kind
from fairlead.gateway.errors import DatabaseUnavailable, SealBroken, TunnelLost, TunnelRefused, TunnelUnavailable
from fairlead.gateway.flows.link.connection import Connection
from fairlead.gateway.ports.facade import FacadeAnswer, FacadeRequest
from fairlead.gateway.ports.tunnel import Tunnel, TunnelAnswer, TunnelRequest

PEERS = Grant("gateways", Kind.FACADE, ("*",), VERBS[Kind.FACADE])


class Agents(Protocol):
    """What is known of connections to this gateway."""

    def link_of(self, account: str) -> Connection | None:
        """The connection that serves an account."""
        ...


class Holders(Protocol):
    """What the database knows of connections to the others."""

    async def holder(self, account: str) -> str | None:
        """Address of a gateway to which an agent of the account is connected; may raise `DatabaseUnavailable`."""
        ...


class Peers(Protocol):
    """The way to the other gateways."""

    def tunnel(self, address: str) -> Tunnel:
        """The tunnel that the gateway at this address offers."""
        ...


@dataclass(frozen=True, slots=True)
class SharedTunnel:
    """The tunnel of all gateways together.

    Args:
        own: through the agents that are connected here.
        agents: which those are.
        holders: where the others are connected.
        peers: the way there.

    """

    own: Tunnel
    agents: Agents
    holders: Holders
    peers: Peers

    @asynccontextmanager
    async def exchange(self, request: TunnelRequest) -> AsyncIterator[TunnelAnswer]:
        """Carry one exchange; see `Tunnel`."""
        tunnel = await self._tunnel(request.account)
        async with tunnel.exchange(request) as answer:
            yield answer

    async def _tunnel(self, account: str) -> Tunnel:
        if self.agents.link_of(account) is not None:
            return self.own
        try:
            address = await self.holders.holder(account)
        except DatabaseUnavailable:
            return self.own  # which says that no agent is connected
        return self.peers.tunnel(address) if address else self.own


@dataclass(frozen=True, slots=True)
class PeerDesk:
    """Carries exchanges for the other gateways; a `Facade` of the tunnel alone: who asks has looked at the request."""

    tunnel: Tunnel

    @asynccontextmanager
    async def serve(self, request: FacadeRequest) -> AsyncIterator[FacadeAnswer]:
        """Answer with what the API server says, or with why it could not be asked."""
        async with AsyncExitStack() as stack:
            try:
                answer = await stack.enter_async_context(self.tunnel.exchange(_asked(request)))
            except TunnelUnavailable as error:
                told = _failure(Outcome.UNAVAILABLE, error)
            except TunnelLost as error:
                told = _failure(Outcome.LOST, error)
            except (TunnelRefused, ValueError) as error:
                told = _failure(Outcome.REFUSED, error)
            else:
                returned = exchanges.marked(headers.returned(answer.headers), Outcome.ANSWERED)
                # The client is the other gateway's: that knows how long it may rest.
                told = FacadeAnswer(answer.status, returned, answer.body, lasting=True)
            yield told


@dataclass(frozen=True, slots=True)
class PeerDoor:
    """Knows the other gateways by the key that all of them share; a `Doorkeeper`."""

    keyring: Keyring

    @property
    def token(self) -> str:
        """What this gateway shows at the others' doors."""
        key_id, proof = self.keyring.fingerprint(exchanges.PROOF)
        return f"{key_id}.{proof.hex()}"

    async def by_token(self, token: str, kind: Kind) -> Grant | None:
        """Find whether a gateway asks."""
        key_id = token.partition(".")[0]
        try:
            _, proof = self.keyring.fingerprint(exchanges.PROOF, key_id or "none")
        except SealBroken:
            return None
        known = hmac.compare_digest(token.encode(), f"{key_id}.{proof.hex()}".encode())
        return PEERS if known and kind is Kind.FACADE else None

    def by_certificate(self, names: tuple[str, ...]) -> Grant | None:  # noqa: ARG002 - gateways show the key alone
        """Nobody is known by a certificate here."""
        return None

    def holds(self, grant: Grant) -> bool:  # noqa: ARG002 - a key is not taken back while a gateway runs
        """The gateway that its client asked looks after what that may."""
        return True


def _asked(request: FacadeRequest) -> TunnelRequest:
    kept, id_, answer_within_s, idle_s = exchanges.unwrapped(request.headers)
    return TunnelRequest(
        id=id_,
        account=request.account,
        method=request.method,
        target=request.target,
        headers=headers.sent(kept),
        body=request.body,
        answer_within_s=answer_within_s,
        idle_s=idle_s,
    )


def _failure(outcome: Outcome, error: Exception) -> FacadeAnswer:
    told = exchanges.marked([("Content-Type", "text/plain; charset=utf-8")], outcome)
    return FacadeAnswer(exchanges.STATUS[outcome], told, str(error).encode())
