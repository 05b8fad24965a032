"""One exchange: claimed, sent, answered, and how it is told when it fails."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.executor_doubles import MemoryClaims
from tests.support.services import eventually
from tests.support.tunnel_doubles import ID, PassiveCluster, RememberingBridges, opening

from fairlead.contracts.tunnels import PIECE_BYTES, WINDOW_BYTES
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.executor.core.claims import Claim
from fairlead.executor.errors import NoAnswer
from fairlead.executor.flows.exchange import Exchange

End = pb.TunnelEnd


class Setting:
    """An exchange between doubles."""

    def __init__(self, frame: pb.GatewayFrame, cluster: PassiveCluster | None = None) -> None:
        self.cluster = cluster or PassiveCluster()
        self.claims = MemoryClaims()
        self.bridges = RememberingBridges()
        self.exchange = Exchange(frame, self.cluster, self.claims, "executor-1", self.bridges)

    async def run(self) -> None:
        """Run it in a task of its own, as it does."""
        async with asyncio.TaskGroup() as group:
            self.exchange.task = group.create_task(self.exchange.run())


async def test_a_read() -> None:
    """Head, body, last piece; nothing is claimed."""
    setting = Setting(opening())
    await setting.run()

    head = setting.bridges.frames[0].tunnel_head
    assert (head.status, [each.name for each in head.headers]) == (200, ["Content-Type"])
    assert setting.bridges.bodies() == ["tunnel_head", "tunnel_data", "tunnel_data"]
    assert setting.bridges.answer == b"answer"
    assert setting.bridges.frames[-1].tunnel_data.last
    assert not setting.claims.stored


async def test_a_write() -> None:
    """It is claimed before it is sent, under its id; a short body is whole."""
    setting = Setting(opening("POST", content=b"body"))
    await setting.run()

    assert list(setting.claims.stored) == [ID]
    (request,) = setting.cluster.requests
    assert request.body == b"body"
    assert ("Audit-ID", f"{ID}.1") in request.headers


async def test_a_long_body() -> None:
    """Its beginning came with the opening; for the rest credit is given, more as it is read."""
    setting = Setting(opening("PUT", content=b"begun ", last=False))
    async with asyncio.TaskGroup() as group:
        setting.exchange.task = group.create_task(setting.exchange.run())
        await eventually(lambda: setting.bridges.bodies() == ["tunnel_credit"])
        assert setting.bridges.frames[0].tunnel_credit.bytes == WINDOW_BYTES
        for number in (1, 2):
            setting.exchange.take(pb.TunnelData(id=ID, sequence=number, content=bytes(PIECE_BYTES)))
        await eventually(lambda: setting.bridges.bodies().count("tunnel_credit") > 1)
        setting.exchange.take(pb.TunnelData(id=ID, sequence=3, last=True))

    assert setting.cluster.bodies == [b"begun " + bytes(2 * PIECE_BYTES)]


async def test_an_answer_waits_for_credit() -> None:
    """No more than the window goes out before its reader gives more."""
    setting = Setting(opening(window_bytes=2 * PIECE_BYTES), PassiveCluster(pieces=[bytes(PIECE_BYTES)] * 4))
    async with asyncio.TaskGroup() as group:
        setting.exchange.task = group.create_task(setting.exchange.run())
        await eventually(lambda: len(setting.bridges.answer) == PIECE_BYTES)
        setting.exchange.credit(8 * PIECE_BYTES)

    assert len(setting.bridges.answer) == 4 * PIECE_BYTES


FAILURES = [
    (NoAnswer("refused", maybe_sent=False), "NOT_DISPATCHED"),
    (NoAnswer("broke", maybe_sent=True), "LOST"),
]


@pytest.mark.parametrize(("error", "code"), FAILURES)
async def test_no_answer(error: NoAnswer, code: str) -> None:
    """Only what was certainly not sent is told so."""
    setting = Setting(opening("POST"), PassiveCluster(error=error))
    await setting.run()

    assert setting.bridges.ends == [(code, str(error))]


async def test_an_error_that_nobody_expected() -> None:
    """It ends this exchange, not the executor, and says nothing of the request."""
    setting = Setting(opening("POST"), PassiveCluster(error=ValueError("secret")))
    await setting.run()

    assert setting.bridges.ends == [("LOST", "the executor met an error; its log says which")]


async def test_an_answer_that_breaks_off() -> None:
    """What came is handed on before the end."""
    setting = Setting(opening(), PassiveCluster(breaks=NoAnswer("broke", maybe_sent=True)))
    await setting.run()

    assert setting.bridges.answer == b"answer"
    assert setting.bridges.ends == [("LOST", "broke")]


async def test_claims_are_away() -> None:
    """Then nothing is written; a read needs none."""
    setting = Setting(opening("POST"))
    setting.claims.away = True
    await setting.run()
    assert setting.bridges.ends[0][0] == "NOT_DISPATCHED"
    assert not setting.cluster.requests

    setting = Setting(opening())
    setting.claims.away = True
    await setting.run()
    assert setting.bridges.ends == []


async def test_an_id_that_is_claimed() -> None:
    """It is not sent again, whoever sent it."""
    setting = Setting(opening("POST"))
    await setting.claims.create(ID, Claim("another", "run", 1, 0, "tunnel"))
    await setting.run()

    assert setting.bridges.ends == [("REFUSED", "a request of this id was sent before")]
    assert not setting.cluster.requests


async def test_an_objection() -> None:
    """It is told, and nothing is claimed or sent."""
    setting = Setting(opening("CONNECT"))
    await setting.run()

    assert setting.bridges.ends[0][0] == "REFUSED"
    assert not setting.claims.stored


@pytest.mark.parametrize(
    "data",
    [
        pb.TunnelData(id=ID, sequence=2, content=b"x"),
        pb.TunnelData(id=ID, sequence=1, content=bytes(WINDOW_BYTES + 1)),
    ],
)
async def test_a_peer_that_breaks_the_rules(data: pb.TunnelData) -> None:
    """A hole, or more than the window, ends the exchange; nothing of it stays open."""
    setting = Setting(opening("PUT", last=False))
    async with asyncio.TaskGroup() as group:
        setting.exchange.task = group.create_task(setting.exchange.run())
        await eventually(lambda: setting.cluster.open == 1)
        setting.exchange.take(data)

    assert setting.bridges.ends[0][0] == "LOST"
    assert setting.cluster.open == 0


async def test_nobody_waits_any_more() -> None:
    """A cancellation ends it without a word; only the first reason counts."""
    setting = Setting(opening("PUT", last=False))
    async with asyncio.TaskGroup() as group:
        setting.exchange.task = group.create_task(setting.exchange.run())
        await eventually(lambda: setting.cluster.open == 1)
        setting.exchange.stop(End.CODE_CANCELLED, "the client left")
        setting.exchange.stop(End.CODE_LOST, "too late")

    assert setting.bridges.ends == []
    assert setting.cluster.open == 0


async def test_the_bridge_cannot_be_told() -> None:
    """It ends all the same."""
    setting = Setting(opening())
    setting.bridges.away = True
    await setting.run()

    assert setting.cluster.open == 0
