"""The exchanges of one executor: room, leases, ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support.executor_doubles import MemoryClaims
from tests.support.services import eventually
from tests.support.tunnel_doubles import BRIDGE, ID, PassiveCluster, RememberingBridges, opening

from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.executor.flows import tunnels as module
from fairlead.executor.flows.tunnels import Tunnels


class Setting:
    """Tunnels between doubles."""

    def __init__(self, group: asyncio.TaskGroup, limit: int) -> None:
        self._group = group
        self.cluster = PassiveCluster()
        self.bridges = RememberingBridges()
        self.tunnels = Tunnels(
            executor_id="executor-1", clusters=self.cluster, claims=MemoryClaims(), bridges=self.bridges,
            start=self._start, limit=limit,
        )  # fmt: skip

    def _start(self, _: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._group.create_task(work)

    async def open(self, exchange_id: str = ID, **more: Any) -> None:
        """Open an exchange that waits for the rest of its body."""
        await self.tunnels.hear(opening("PUT", id=exchange_id, last=False, **more))

    async def lease(self, *ids: str) -> None:
        """Hear from the bridge."""
        await self.tunnels.hear(pb.GatewayFrame(tunnel_lease=pb.TunnelLease(bridge=BRIDGE, ids=ids)))


@asynccontextmanager
async def setting(limit: int = 4) -> AsyncIterator[Setting]:
    """Tunnels; what is open at the end is ended."""
    async with asyncio.TaskGroup() as group:
        made = Setting(group, limit)
        yield made
        made.tunnels.bus_broke()


async def test_an_exchange_from_its_opening_to_its_end() -> None:
    """Frames find their exchange; afterwards they concern nobody."""
    async with setting() as made:
        await made.open()
        for frame in (
            pb.GatewayFrame(tunnel_data=pb.TunnelData(id=ID, sequence=1, content=b"body", last=True)),
            pb.GatewayFrame(tunnel_credit=pb.TunnelCredit(id=ID, bytes=10)),
        ):
            await made.tunnels.hear(frame)
        await made.tunnels.finish()
        for frame in (
            pb.GatewayFrame(tunnel_data=pb.TunnelData(id=ID, sequence=9)),
            pb.GatewayFrame(tunnel_credit=pb.TunnelCredit(id=ID, bytes=10)),
            pb.GatewayFrame(tunnel_end=pb.TunnelEnd(id=ID)),
            pb.GatewayFrame(),
        ):
            await made.tunnels.hear(frame)

    assert made.cluster.bodies == [b"body"]
    assert made.bridges.answer == b"answer"
    assert not made.bridges.ends


async def test_room() -> None:
    """An exchange beyond the limit is not dispatched; one of an account that is not ours neither."""
    async with setting(limit=1) as made:
        await made.open("A")
        assert not made.tunnels.has_room
        await made.open("B")
        await made.tunnels.hear(pb.GatewayFrame(tunnel_end=pb.TunnelEnd(id="A")))
        await eventually(lambda: made.tunnels.has_room)
        await made.open("C", account="another")

    assert [code for code, _ in made.bridges.ends] == ["NOT_DISPATCHED"] * 2


async def test_an_opening_that_cannot_be() -> None:
    """One that stands already goes on, one that names no bridge could not be answered."""
    async with setting() as made:
        await made.open()
        await made.open()
        await made.open("B", bridge="")
        await eventually(lambda: made.cluster.open == 1)

    assert len(made.cluster.requests) == 1


async def test_leases() -> None:
    """What two leases lack ends, and what the bridge believes to stand and does not is told as lost."""
    async with setting() as made:
        await made.open("A")
        await made.open("B")
        await eventually(lambda: made.cluster.open == 2)
        await made.lease("B", "C")
        assert made.bridges.ends == [("LOST", "the executor knows nothing of it")]
        await made.lease("B")
        await eventually(lambda: made.cluster.open == 1)

    assert made.bridges.ends[1:] == [("LOST", "the executor's connection to nats-server broke")]


async def test_a_lease_that_was_made_out_before_the_opening() -> None:
    """An exchange that only one lease lacks goes on."""
    async with setting() as made:
        await made.open("A")
        await made.lease()
        await made.lease("A")
        await made.lease()
        await made.tunnels.hear(pb.GatewayFrame(tunnel_data=pb.TunnelData(id="A", sequence=1, last=True)))
        await made.tunnels.finish()

    assert made.bridges.answer == b"answer"


async def test_a_bridge_that_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exchanges end when no lease comes."""
    monkeypatch.setattr(module, "LEASE_S", 0.02)
    monkeypatch.setattr(module, "LEASE_EXPIRES_S", 0.1)
    async with setting() as made, asyncio.TaskGroup() as group:
        await made.open()
        await eventually(lambda: made.cluster.open == 1)
        expiring = group.create_task(made.tunnels.expire())
        await eventually(lambda: made.cluster.open == 0)
        expiring.cancel()

    assert made.bridges.ends == [("LOST", "the bridge fell silent")]


async def test_the_stop() -> None:
    """What may go on for ever ends at once, the rest has its time."""
    async with setting() as made:
        made.cluster.pieces = [bytes(65536)] * 100
        await made.tunnels.hear(opening("GET"))
        await made.open("B")
        await eventually(lambda: made.cluster.open == 2)
        async with asyncio.TaskGroup() as group:
            finishing = group.create_task(made.tunnels.finish())
            await eventually(lambda: made.bridges.ends == [("LOST", "the executor stops")])
            assert not finishing.done()
            await made.tunnels.hear(pb.GatewayFrame(tunnel_end=pb.TunnelEnd(id="B")))
