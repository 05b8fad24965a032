"""Exchanges through the whole tunnel, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.streaming_api import CONTENT, GZIPPED, StreamingApi
from tests.support.tunnel_way import Way, request


async def whole(body: AsyncIterator[bytes]) -> bytes:
    """Read a body."""
    return b"".join([piece async for piece in body])


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    """A request's body."""
    for content in contents:
        yield content


async def test_a_get(way: Way, api: StreamingApi) -> None:
    """Method, target and headers arrive as they were sent; the answer comes back with its own."""
    target = "/api/v1/namespaces/a%2Fb/pods?labelSelector=app%3Dx,tier%20in%20(a,b)&limit=500&watch="
    headers = (("Accept", "application/json;as=Table"), ("X-Two", "1"), ("X-Two", "2"), ("User-Agent", "kubectl/v1.30"))
    async with way.tunnel.exchange(request("GET", target, headers=headers)) as answer:
        assert answer.status == 200
        assert dict(answer.headers)["X-Seen"] == "GET"
        assert await whole(answer.body) == b""

    (seen,) = api.requests
    assert seen.raw_path == target
    assert seen.headers.getall("X-Two") == ["1", "2"]
    assert seen.headers["User-Agent"] == "kubectl/v1.30"
    assert seen.headers["Authorization"] == "Bearer sesame"
    assert seen.headers["Accept-Encoding"] == "identity"


async def test_compressed_bodies_stay_so(way: Way) -> None:
    """Nothing is unpacked on the way."""
    sent = request("GET", "/gzip", headers=(("Accept-Encoding", "gzip"),))
    async with way.tunnel.exchange(sent) as answer:
        assert dict(answer.headers)["Content-Encoding"] == "gzip"
        assert dict(answer.headers)["Content-Length"] == str(len(GZIPPED))
        assert await whole(answer.body) == GZIPPED


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("size", [0, 20, 60_000, 3_000_000])
async def test_a_write(way: Way, api: StreamingApi, method: str, size: int) -> None:
    """Bodies of any size arrive whole, once, under the id of the exchange; short ones with their length."""
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sent = request(
        method, "/apis/apps/v1/x", headers=(("Content-Type", "application/merge-patch+json"),), body=pieces(body)
    )
    async with way.tunnel.exchange(sent) as answer:
        assert answer.status == (201 if method == "POST" else 200)
        assert await whole(answer.body) == body

    assert api.bodies == [body]
    assert api.audit_ids == [f"{sent.id}.1"]
    assert api.requests[0].headers["Content-Type"] == "application/merge-patch+json"
    assert ("Content-Length" in api.requests[0].headers) == (size < 65536)


async def test_a_large_body(way: Way) -> None:
    """Far more than a window."""
    async with way.tunnel.exchange(request("GET", "/bytes/64")) as answer:
        assert await whole(answer.body) == CONTENT * 64


async def test_a_watch(way: Way, api: StreamingApi) -> None:
    """Events come one by one, while the stream stays open; leaving it ends it at the far end."""
    async with way.tunnel.exchange(request("GET", "/watch")) as answer:
        for _ in range(3):
            api.events.set()
            assert await anext(answer.body) == b'{"type":"ADDED"}\n'
        assert api.open == 1
