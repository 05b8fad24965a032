"""Lanes for one writer."""

from __future__ import annotations

import asyncio

from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.flows.link.outbox import Outbox


def _bulk(number: int, size: int = 10) -> pb.GatewayFrame:
    return pb.GatewayFrame(call=number, operation=pb.Operation(request=b"x" * size))


def _control(number: int) -> pb.GatewayFrame:
    return pb.GatewayFrame(call=number, done=pb.Done())


async def test_control_overtakes_bulk() -> None:
    """Control frames go first; within a lane the order holds, and everything queued is written before the end."""
    outbox = Outbox()
    outbox.push([_bulk(1), _bulk(2)], bulk=True)
    outbox.push([_control(3)])
    await outbox.put(_control(4))
    outbox.close()
    outbox.push([_control(5)])
    assert [frame.call async for frame in outbox.frames()] == [3, 4, 1, 2]


async def test_a_slow_reader_holds_producers_back() -> None:
    """Past the limit a producer waits until frames were written; a closed outbox lets everybody go."""
    outbox = Outbox(limit_bytes=100)
    outbox.push([_bulk(1, 200)], bulk=True)
    assert not outbox.has_room
    async with asyncio.TaskGroup() as group:
        producer = group.create_task(outbox.put(_control(2)))
        await asyncio.sleep(0)
        assert not producer.done()
        frames = outbox.frames()
        assert (await anext(frames)).call == 1
        await producer
        assert (await anext(frames)).call == 2
    outbox.push([_bulk(3, 200)], bulk=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(outbox.put(_control(4)))
        await asyncio.sleep(0)
        outbox.close()
    assert [frame.call async for frame in frames] == [3]


def _piece(tunnel: str, number: int) -> pb.GatewayFrame:
    return pb.GatewayFrame(call=number, tunnel_data=pb.TunnelData(id=tunnel))


async def test_tunnels_take_turns() -> None:
    """With each other and with bulk; control overtakes them all."""
    outbox = Outbox()
    outbox.push([_bulk(1), _bulk(2)], bulk=True)
    for number in (11, 12, 13):
        outbox.push_tunnel("a", _piece("a", number))
    outbox.push_tunnel("b", _piece("b", 21))
    outbox.push([_control(3)])
    outbox.close()
    outbox.push_tunnel("a", _piece("a", 14))

    assert [frame.call async for frame in outbox.frames()] == [3, 11, 1, 21, 2, 12, 13]


async def test_the_end_of_a_tunnel() -> None:
    """It goes at once, and what waited of the tunnel not at all."""
    outbox = Outbox()
    outbox.push_tunnel("a", _piece("a", 1))
    outbox.push_tunnel("b", _piece("b", 2))
    outbox.end_tunnel("a", pb.GatewayFrame(call=3, tunnel_end=pb.TunnelEnd(id="a")))
    outbox.close()

    assert [frame.call async for frame in outbox.frames()] == [3, 2]


async def test_a_tunnel_that_ends_before_it_was_sent() -> None:
    """Nothing of it is: clients that come and go while an agent reads nothing take no room."""
    outbox = Outbox()
    outbox.push_tunnel("a", pb.GatewayFrame(call=1, tunnel_open=pb.TunnelOpen(id="a")))
    assert not outbox.end_tunnel("a", pb.GatewayFrame(call=2, tunnel_end=pb.TunnelEnd(id="a")))
    outbox.close()

    assert [frame.call async for frame in outbox.frames()] == []
