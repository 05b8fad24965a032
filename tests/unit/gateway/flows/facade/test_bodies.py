"""Bodies on their way."""

from __future__ import annotations

import gzip
import zlib

import pytest
from tests.support.facade_doubles import in_pieces

from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.flows.facade.bodies import Upload, chained, collect, plain


async def test_an_upload_ends_at_its_limit() -> None:
    """The piece that exceeds it is not passed on, and the reason is kept for whoever sees only that reading failed."""
    subject = Upload(in_pieces(b"0123456789"), 9)
    with pytest.raises(Refusal) as refused:
        [piece async for piece in subject]

    assert (refused.value.status.code, subject.exceeded) == (413, True)


async def test_an_upload_of_just_the_limit_passes() -> None:
    """And what is overheard is no more than was asked for."""
    subject = Upload(in_pieces(b"0123456789"), 10, overhear_bytes=6)

    assert b"".join([piece async for piece in subject]) == b"0123456789"
    assert (subject.exceeded, subject.heard) == (False, b"012345")


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
