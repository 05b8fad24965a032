"""Bodies in pieces: whole and in order, bounded by credit, broken when a piece is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.executor_zone import settled

from fairlead.contracts.tunnels import PIECE_BYTES, WINDOW_BYTES, cost_of
from fairlead.runtime.bodies import BodyBroken, Inlet, Outlet


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    """A body."""
    for content in contents:
        yield content


class Way:
    """Carries pieces from an outlet to an inlet and credit back; counts what is between them."""

    def __init__(self) -> None:
        self.inlet = Inlet(WINDOW_BYTES, self._grant)
        self.outlet = Outlet(self._send, WINDOW_BYTES)
        self.sent = 0

    async def _send(self, sequence: int, content: bytes, last: bool) -> None:
        self.sent += cost_of(content)
        self.inlet.put(sequence, content, last=last)

    async def _grant(self, size: int) -> None:
        self.outlet.grant(size)


@given(st.lists(st.binary(max_size=3 * PIECE_BYTES), max_size=12))
async def test_a_body_arrives_whole(contents: list[bytes]) -> None:
    """Whatever pieces a body comes in, and however much larger than the window it is."""
    way = Way()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(way.outlet.carry(pieces(*contents)))
        received = b"".join([piece async for piece in way.inlet])

    assert received == b"".join(contents)
    assert way.inlet.ended


async def test_a_reader_that_stalls() -> None:
    """No more than a window is under way until it reads again."""
    way = Way()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(way.outlet.carry(pieces(bytes(10 * WINDOW_BYTES))))
        await settled()
        assert WINDOW_BYTES // 2 < way.sent <= WINDOW_BYTES

        assert sum([len(piece) async for piece in way.inlet]) == 10 * WINDOW_BYTES


async def test_small_pieces_are_bounded_too() -> None:
    """Many tiny pieces that nobody reads stop long before their number hurts."""
    way = Way()
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(way.outlet.carry(pieces(*[b"x"] * 100_000)))
        await settled()
        assert way.sent <= WINDOW_BYTES
        sending.cancel()


def inlet() -> Inlet:
    """One that gives credit to nobody."""

    async def grant(_: int) -> None:
        return

    return Inlet(WINDOW_BYTES, grant)


@pytest.mark.parametrize("sequence", [0, 1, 3])
async def test_a_missing_piece(sequence: int) -> None:
    """A hole, or a number that comes twice, is noticed with the piece after it."""
    body = inlet()
    body.put(1, b"one", last=False)

    with pytest.raises(BodyBroken, match="lost"):
        body.put(sequence, b"three", last=True)


async def test_more_than_the_window() -> None:
    """A sender that does not wait for credit is found out."""
    body = inlet()
    fitting = WINDOW_BYTES // cost_of(bytes(PIECE_BYTES))
    for number in range(1, fitting + 1):
        body.put(number, bytes(PIECE_BYTES), last=False)

    with pytest.raises(BodyBroken, match="credit"):
        body.put(fitting + 1, bytes(PIECE_BYTES), last=False)


async def test_what_came_before_a_failure_is_read() -> None:
    """A body that breaks off gives what it has, then the reason."""
    body = inlet()
    body.put(1, b"begun", last=False)
    body.fail(BodyBroken("the link broke"))

    assert await anext(body) == b"begun"
    with pytest.raises(BodyBroken, match="the link broke"):
        await anext(body)


async def test_a_whole_body_does_not_break() -> None:
    """What fails after the last piece concerns nobody, nor does a piece after it."""
    body = inlet()
    body.put(1, b"all", last=True)
    body.fail(BodyBroken("too late"))
    body.put(7, b"more", last=False)

    assert [piece async for piece in body] == [b"all"]


async def test_a_reader_that_waits_hears_of_a_failure() -> None:
    """Also when nothing has come yet."""
    body = inlet()

    async def fail() -> None:
        await settled()
        body.fail(ConnectionError("gone"))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fail())
        with pytest.raises(ConnectionError):
            await anext(body)


async def test_a_source_that_fails_ends_the_sending() -> None:
    """And no last piece is sent, which would make it look whole."""
    way = Way()

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await way.outlet.carry(broken())
    assert not way.inlet.ended
