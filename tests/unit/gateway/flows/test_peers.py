"""Which gateway carries an exchange, and whom a gateway knows."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from tests.support.facade_doubles import ScriptedTunnel, a_request, answering

from fairlead.gateway.core import exchanges
from fairlead.gateway.core.keyring import Keyring
from fairlead.gateway.core.tokens import Kind
from fairlead.gateway.errors import DatabaseUnavailable, TunnelUnavailable
from fairlead.gateway.flows.link.connection import Connection
from fairlead.gateway.flows.peers import PeerDesk, PeerDoor, SharedTunnel
from fairlead.gateway.ports.tunnel import TunnelAnswer, TunnelRequest


@dataclass
class Remembering:
    """A tunnel that remembers; `Peers` too."""

    name: str = "own"
    used: list[str] = field(default_factory=list)
    error: Exception | None = None

    def tunnel(self, address: str) -> Remembering:
        """The one at an address."""
        return Remembering(address, self.used)

    @asynccontextmanager
    async def exchange(self, request: TunnelRequest) -> AsyncIterator[TunnelAnswer]:
        """Answer."""
        self.used.append(self.name)
        if self.error is not None:
            raise self.error
        yield TunnelAnswer(200, (), cast("Any", None))


@dataclass
class Known:
    """`Agents` and `Holders`."""

    here: bool = False
    there: str | None = None
    away: bool = False

    def link_of(self, account: str) -> Connection | None:
        """A connection."""
        return cast("Connection", object()) if self.here else None

    async def holder(self, account: str) -> str | None:
        """An address."""
        if self.away:
            raise DatabaseUnavailable("away")
        return self.there


@pytest.mark.parametrize(
    ("known", "carrier"),
    [
        (Known(here=True, there="https://there"), "own"),
        (Known(there="https://there"), "https://there"),
        (Known(), "own"),
        (Known(away=True), "own"),
    ],
    ids=["connected here", "connected there", "connected nowhere", "nobody knows"],
)
async def test_who_holds_the_connection_carries(known: Known, carrier: str) -> None:
    """The gateway's own tunnel says best that there is no agent."""
    own = Remembering()
    shared = SharedTunnel(own, known, known, own)
    async with shared.exchange(TunnelRequest("id", "shop", "GET", "/")):
        pass
    assert own.used == [carrier]


async def test_failures_pass_through() -> None:
    """They are the carrier's."""
    own = Remembering(error=TunnelUnavailable("no agent"))
    with pytest.raises(TunnelUnavailable, match="no agent"):
        async with SharedTunnel(own, Known(), Known(), own).exchange(TunnelRequest("id", "shop", "GET", "/")):
            pass


async def test_a_client_of_another_gateway_may_rest() -> None:
    """How long is for that gateway to say: it knows whether a log is read, or a list."""
    request = replace(a_request("GET", "/x"), headers=dict(exchanges.wrapped([], "id", 60.0, 0.0)))
    async with PeerDesk(ScriptedTunnel(answering(200, b"log"))).serve(request) as answer:
        assert (answer.status, answer.lasting) == (200, True)


async def test_gateways_know_each_other_while_a_key_is_replaced() -> None:
    """Each has the old key while the new one is rolled out; strangers have neither."""
    old, new = os.urandom(32), os.urandom(32)
    first, second, stranger = PeerDoor(Keyring([old])), PeerDoor(Keyring([new, old])), PeerDoor(Keyring([new]))

    assert await second.by_token(first.token, Kind.FACADE)
    assert await PeerDoor(Keyring([old, new])).by_token(second.token, Kind.FACADE)
    assert await first.by_token(stranger.token, Kind.FACADE) is None
    for wrong in ("", ".", first.token[:-1], first.token + "0", "é"):
        assert await first.by_token(wrong, Kind.FACADE) is None
    assert await first.by_token(first.token, Kind.API) is None
