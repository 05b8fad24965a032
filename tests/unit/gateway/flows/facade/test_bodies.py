"""Bodies on their way."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from tests.support.facade_doubles import in_pieces

from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.flows.facade.bodies import Upload, chained, collect, plain, unpacked


async def test_an_upload_ends_at_its_limit() -> None:
    """The piece that exceeds it is not passed on, and the reason is kept for whoever sees only that reading failed."""
    subject = Upload(in_pieces(b"0123456789"), 9, 60.0)
    with pytest.raises(Refusal) as refused:
        [piece async for piece in subject]

    assert refused.value.status.code == 413
    assert subject.refusal is refused.value


async def test_an_upload_ends_in_time() -> None:
    """Also when the client neither goes on nor hangs up."""

    async def stalled() -> AsyncIterator[bytes]:
        yield b"0"
        await asyncio.Event().wait()

    subject = Upload(stalled(), 9, 0.01)
    assert await anext(subject) == b"0"
    with pytest.raises(Refusal) as refused:
        await anext(subject)

    assert refused.value.status.code == 408
    assert subject.refusal is refused.value


async def test_an_upload_of_just_the_limit_passes() -> None:
    """And what is overheard is no more than was asked for."""
    subject = Upload(in_pieces(b"0123456789"), 10, 60.0, overhear_bytes=6)

    assert b"".join([piece async for piece in subject]) == b"0123456789"
    assert (subject.refusal, subject.heard) == (None, b"012345")


async def test_collecting_stops_at_the_limit() -> None:
    """What is read is not lost: the rest follows it."""
    source = in_pieces(b"0123456789")
    head, complete = await collect(source, 5)

    assert (head, complete) == (b"01234567", False)
    assert b"".join([piece async for piece in chained(head, source)]) == b"0123456789"
    assert await collect(in_pieces(b"0123"), 5) == (b"0123", True)
    assert await collect(b"0123", 3) == (b"0123", False)


def test_packed_bodies_are_opened_within_bounds() -> None:
    """A small body that grows beyond the limit is not opened, nor what is no gzip."""
    body = b"0" * 1000

    assert plain(body, "", 10) == body
    assert plain(gzip.compress(body), "gzip", 1000) == body
    assert plain(gzip.compress(body), "gzip", 999) is None
    assert plain(b"no gzip", "gzip", 1000) is None
    assert plain(zlib.compress(body), "br", 1000) is None


async def test_packed_bodies_are_opened_in_pieces() -> None:
    """However large they get, little of them is in memory; one that was cut does not look whole."""
    body = bytes(1024 * 1024)
    pieces = [piece async for piece in unpacked(gzip.compress(body))]

    assert b"".join(pieces) == body
    assert len(pieces) > 1
    for broken in (gzip.compress(body)[:-100], b"", b"no gzip"):
        with pytest.raises(zlib.error):
            _ = [piece async for piece in unpacked(broken)]
