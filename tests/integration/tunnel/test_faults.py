"""Exchanges while parts of their way die, are cut off, or come back: nothing is told wrongly, and nothing stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.services import eventually
from tests.support.streaming_api import StreamingApi
from tests.support.tcp_proxy import TcpProxy
from tests.support.tunnel_way import AT_ONCE_S, Way, as_process, executor_of, request, standing

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.cli.parts.processes import Process
from fairlead.gateway.errors import TunnelLost, TunnelUnavailable
from fairlead.gateway.ports.tunnel import TunnelAnswer

NOTICED_S = 8.0
"""How long the loss of a part may go unnoticed; leases last 4 s, and a connection is renewed after 1 s."""


class Watch:
    """A watch that is open, and what became of it."""

    def __init__(self, answer: TunnelAnswer) -> None:
        self._answer = answer

    async def broke(self) -> str:
        """Wait until it breaks; says why."""
        with pytest.raises(TunnelLost) as caught:
            async with asyncio.timeout(NOTICED_S):
                await anext(self._answer.body)
        return str(caught.value)


Watching = Callable[[Way], Awaitable[Watch]]
Start = Callable[[str, dict[str, Any]], Awaitable[Process]]


@pytest.fixture
async def watching(api: StreamingApi) -> AsyncIterator[Watching]:
    """Opens watches that have had an event."""
    async with AsyncExitStack() as stack:

        async def open_watch(way: Way) -> Watch:
            answer = await stack.enter_async_context(way.tunnel.exchange(request("GET", "/watch")))
            api.events.set()
            await anext(answer.body)
            return Watch(answer)

        yield open_watch


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts parts as processes; none outlives the test."""
    started: list[Process] = []

    async def start_one(part: str, document: dict[str, Any]) -> Process:
        started.append(await as_process(tmp_path, part, document))
        return started[-1]

    yield start_one
    for process in started:
        process.kill()


async def held_write(way: Way) -> str:
    """A write whose answer does not come; says how it ended."""
    with pytest.raises(TunnelLost) as caught:
        async with way.tunnel.exchange(request("POST", "/held")):
            pass
    return str(caught.value)


async def test_an_executor_is_killed(
    nats_server: NatsServer, kubeconfig: Path, api: StreamingApi, watching: Watching, start: Start
) -> None:
    """What it carried is lost within seconds; what comes after is refused before dispatch, until there is another."""
    async with standing(nats_server.url, kubeconfig, parts=["bridge"]) as way:
        executor = await start("executor", executor_of(nats_server.url, kubeconfig))
        watch = await watching(way)
        async with asyncio.TaskGroup() as tasks:
            write = tasks.create_task(held_write(way))
            await eventually(lambda: api.open == 2)
            executor.kill()
            assert await watch.broke() == "the executor died"
        assert write.result() == "the executor died"
        with pytest.raises(TunnelUnavailable, match="no executor"):
            async with way.tunnel.exchange(request("POST", "/after")):
                pass
        await start("executor", executor_of(nats_server.url, kubeconfig))
        async with way.tunnel.exchange(request("POST", "/after")) as answer:
            assert answer.status == 201

    assert len(api.audit_ids) == len(set(api.audit_ids)) == 2


async def test_a_bridge_is_killed(
    nats_server: NatsServer, kubeconfig: Path, api: StreamingApi, watching: Watching, start: Start
) -> None:
    """The gateway knows at once; the executor ends its exchanges when nobody renews their lease."""
    async with standing(nats_server.url, kubeconfig, parts=["executor"]) as way:
        bridge = await start("bridge", way.bridge())
        await way.claim()
        watch = await watching(way)
        bridge.kill()
        assert await watch.broke()
        with pytest.raises(TunnelUnavailable, match="agent"):
            async with way.tunnel.exchange(request("POST", "/after")):
                pass
        await eventually(lambda: api.open == 0, within_s=NOTICED_S)
        await start("bridge", way.bridge())
        await way.claim()
        await way.until_carried()


async def test_the_link_is_cut(
    nats_server: NatsServer, kubeconfig: Path, api: StreamingApi, watching: Watching
) -> None:
    """Both ends end at once, also for a write whose answer was under way; with the link exchanges come back."""
    with ExitStack() as stack:
        proxies: list[TcpProxy] = []

        def before(port: int) -> int:
            proxies.append(stack.enter_context(TcpProxy(port)))
            return proxies[0].port

        async with standing(nats_server.url, kubeconfig, link_port=before) as way:
            watch = await watching(way)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(held_write(way))
                await eventually(lambda: api.open == 2)
                proxies[0].cut()
                assert await watch.broke()
            await eventually(lambda: api.open == 0, within_s=AT_ONCE_S)
            proxies[0].mend()
            await way.claim()
            await way.until_carried()


async def test_nats_server_restarts(
    nats_server: NatsServer, kubeconfig: Path, api: StreamingApi, watching: Watching
) -> None:
    """While it is away nothing is sent; what was open is lost; afterwards exchanges get through."""
    async with standing(nats_server.url, kubeconfig) as way:
        watch = await watching(way)
        await asyncio.to_thread(nats_server.kill)
        with pytest.raises(TunnelUnavailable):
            async with way.tunnel.exchange(request("POST", "/meanwhile")):
                pass
        await asyncio.to_thread(nats_server.start)
        assert "nats-server" in await watch.broke()
        await eventually(lambda: api.open == 0, within_s=NOTICED_S)
        await way.until_carried()

    assert not api.audit_ids


@pytest.mark.parametrize("part", ["bridge", "executor"])
async def test_one_part_loses_the_bus(
    nats_server: NatsServer, kubeconfig: Path, api: StreamingApi, watching: Watching, part: str
) -> None:
    """A part that is cut off from nats-server for a moment loses its exchanges, and no other moment's."""
    with TcpProxy(nats_server.port) as proxy:
        async with standing(nats_server.url, kubeconfig, bus_urls={part: f"nats://127.0.0.1:{proxy.port}"}) as way:
            watch = await watching(way)
            proxy.cut()
            proxy.mend()
            assert await watch.broke()
            await eventually(lambda: api.open == 0, within_s=NOTICED_S)
            await way.until_carried()


async def test_an_executor_freezes(
    nats_server: NatsServer, kubeconfig: Path, api: StreamingApi, watching: Watching
) -> None:
    """An executor whose network lets nothing through is given up; when it wakes it finds that it was."""
    with TcpProxy(nats_server.port) as proxy:
        async with standing(
            nats_server.url, kubeconfig, bus_urls={"executor": f"nats://127.0.0.1:{proxy.port}"}
        ) as way:
            watch = await watching(way)
            proxy.freeze()
            assert await watch.broke() == "the executor fell silent"
            with pytest.raises(TunnelUnavailable, match="in time"):
                async with way.tunnel.exchange(request("POST", "/meanwhile")):
                    pass
            await eventually(lambda: api.open == 0, within_s=NOTICED_S)
            proxy.thaw()
            await way.until_carried()

    assert not api.audit_ids


async def test_the_api_server_is_away(way: Way, api: StreamingApi) -> None:
    """Nothing was sent, so it may be sent again; when the API server is back it takes it."""
    await api.__aexit__()
    with pytest.raises(TunnelUnavailable, match="cannot connect"):
        async with way.tunnel.exchange(request("POST", "/x")):
            pass
    await api.__aenter__()
    async with way.tunnel.exchange(request("POST", "/x")) as answer:
        assert answer.status == 201


async def test_the_api_server_breaks_off(way: Way) -> None:
    """What came is read, and then it is told that the rest is missing."""
    async with way.tunnel.exchange(request("GET", "/cut")) as answer:
        assert await anext(answer.body) == b"half"
        with pytest.raises(TunnelLost, match="broke"):
            await anext(answer.body)
