"""Publishing, requests and serving on a real nats-server, with errors by meaning."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.support.services import eventually

from fairlead.cli.parts.ports import free_port
from fairlead.contracts.streams import MAX_PAYLOAD_BYTES
from fairlead.runtime import bus as bus_module
from fairlead.runtime.bus import Bus, BusUnavailable, Message, NoResponder, PayloadTooLarge, attach, connect
from fairlead.runtime.lifecycle import Scope
from fairlead.runtime.sections import NatsSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fairlead.cli.parts.nats_server import NatsServer


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A client of a server of its own."""
    async with connect(NatsSettings(url=nats_server.url), "caller") as bus:
        yield bus


@asynccontextmanager
async def served(nats_server: NatsServer) -> AsyncIterator[tuple[Scope, Bus]]:
    """A service with its own connection."""
    scope = Scope("sample")
    try:
        yield scope, await attach(scope, NatsSettings(url=nats_server.url))
    finally:
        await scope.close(5)


async def echo(message: Message) -> None:
    """Answer with what came."""
    await message.respond(message.data)


async def test_a_request_is_answered(bus: Bus, nats_server: NatsServer) -> None:
    """The answer's bytes come back, up to the largest message of the bus."""
    async with served(nats_server) as (scope, service):
        await service.serve(scope, "work", echo, concurrency=2)

        assert await bus.request("work", b"x", timeout_s=5) == b"x"
        assert len(await bus.request("work", b"x" * MAX_PAYLOAD_BYTES, timeout_s=10)) == MAX_PAYLOAD_BYTES


async def test_nobody_serves(bus: Bus) -> None:
    """A subject without a service is told at once, not after the timeout."""
    async with asyncio.timeout(20):
        with pytest.raises(NoResponder, match="nobody serves nowhere"):
            await bus.request("nowhere", b"", timeout_s=60)


async def test_no_answer_in_time(bus: Bus) -> None:
    """A service that does not answer is unavailable, with the time that was waited."""

    async def ignore(_: Message) -> None:
        """Answer nothing."""

    await bus.subscribe("slow", ignore)
    with pytest.raises(BusUnavailable, match=r"no answer on slow within 0\.05 s"):
        await bus.request("slow", b"", timeout_s=0.05)


async def ask_for_ever(bus: Bus) -> None:
    """Ask until there is no answer."""
    while True:
        await bus.request("work", b"", timeout_s=0.1)


async def test_a_frozen_server_is_no_answer(bus: Bus, nats_server: NatsServer) -> None:
    """A server that stands still looks like any service that does not answer."""
    await bus.subscribe("work", echo)
    nats_server.pause()
    try:
        with pytest.raises(BusUnavailable):
            await ask_for_ever(bus)  # its threads stop one by one
    finally:
        nats_server.resume()


async def test_requests_while_the_server_is_away(bus: Bus, nats_server: NatsServer) -> None:
    """When it is back it gets those that somebody still waits for, and no other."""
    heard: list[bytes] = []

    async def hear(message: Message) -> None:
        heard.append(message.data)
        await message.respond(b"")

    await bus.subscribe("work", hear)
    assert await bus.request("work", b"first", timeout_s=5) == b""
    await asyncio.to_thread(nats_server.kill)
    await eventually(lambda: not bus.connected)
    async with asyncio.TaskGroup() as group:
        patient = group.create_task(bus.request("work", b"patient", timeout_s=30))
        for _ in range(3):
            with pytest.raises(BusUnavailable, match=r"no answer on work within 0\.01 s"):
                await bus.request("work", b"given up", timeout_s=0.01)
        await asyncio.to_thread(nats_server.restart)
    assert patient.result() == b""
    assert await bus.request("work", b"last", timeout_s=5) == b""

    assert heard == [b"first", b"patient", b"last"]


async def test_a_frozen_server_does_not_make_a_connection_deaf(
    bus: Bus, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription that nobody confirmed in time is made all the same, and late confirmations end nothing."""
    await bus.subscribe("work", echo)
    nats_server.pause()
    try:
        with pytest.raises(BusUnavailable):
            await ask_for_ever(bus)  # its threads stop one by one
        monkeypatch.setattr(bus_module, "SETTLE_S", 0.05)
        await bus.subscribe("more", echo)
    finally:
        nats_server.resume()

    assert await bus.request("more", b"x", timeout_s=10) == b"x"


async def test_too_large_messages(bus: Bus) -> None:
    """What nats-server would refuse is refused here, without the message, and the connection stands."""
    large = b"sentinel" * (MAX_PAYLOAD_BYTES // 8 + 1)
    for attempt in (bus.publish("work", large), bus.request("work", large, timeout_s=1)):
        with pytest.raises(PayloadTooLarge, match="a message of 8388616 bytes is over nats-server's max_payload"):
            await attempt

    assert bus.connected


async def test_after_the_end(nats_server: NatsServer) -> None:
    """A connection that was closed is unavailable, whatever is asked of it."""
    async with connect(NatsSettings(url=nats_server.url), "caller") as bus:
        pass

    with pytest.raises(BusUnavailable):
        await bus.publish("work", b"")
    with pytest.raises(BusUnavailable):
        await bus.request("work", b"", timeout_s=1)


async def test_one_failing_message_does_not_end_a_subscription(bus: Bus) -> None:
    """The error is logged with the subject, and the next message is handled."""
    handled = asyncio.Event()

    async def handle(message: Message) -> None:
        if message.data == b"bad":
            raise ValueError("no such thing")
        handled.set()

    await bus.subscribe("work", handle)
    with capture_logs() as logs:
        await bus.publish("work", b"bad")
        await bus.publish("work", b"good")
        async with asyncio.timeout(5):
            await handled.wait()

    assert logs == [
        {"event": "a message could not be handled", "log_level": "error", "subject": "work", "error": "no such thing"}
    ]


async def test_at_most_so_many_at_once(bus: Bus, nats_server: NatsServer) -> None:
    """Handlers run side by side up to the limit; what is more waits and is handled all the same."""
    running, most, release = 0, 0, asyncio.Event()

    async def handle(message: Message) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        await message.respond(b"")

    async with served(nats_server) as (scope, service), asyncio.TaskGroup() as group:
        await service.serve(scope, "work", handle, concurrency=3)
        calls = [group.create_task(bus.request("work", b"", timeout_s=10)) for _ in range(20)]
        await eventually(lambda: running == 3)
        release.set()
        await asyncio.wait(calls)

    assert most == 3


async def test_stopping_finishes_what_was_taken(bus: Bus, nats_server: NatsServer) -> None:
    """Messages that arrived before the stop are answered though the house is full; later ones find nobody."""
    release, first = asyncio.Event(), asyncio.Event()

    async def handle(message: Message) -> None:
        first.set()
        await release.wait()
        await message.respond(message.data)

    async with asyncio.TaskGroup() as group, served(nats_server) as (scope, service):
        await service.serve(scope, "work", handle, concurrency=2)
        calls = [group.create_task(bus.request("work", str(n).encode(), timeout_s=10)) for n in range(7)]
        await first.wait()
        await bus.client.flush()
        closing = group.create_task(scope.close(10))
        while await answered(bus):
            await bus.client.flush()
        release.set()
        assert await closing == []

    assert sorted(call.result() for call in calls) == [str(n).encode() for n in range(7)]


async def answered(bus: Bus) -> bool:
    """Whether somebody still takes messages."""
    try:
        await bus.request("work", b"", timeout_s=0.05)
    except NoResponder:
        return False
    except BusUnavailable:
        return True
    return True


async def test_stopping_while_the_server_is_away(nats_server: NatsServer) -> None:
    """Without nats-server there is nothing to drain: stopping does not wait for it."""
    async with served(nats_server) as (scope, service):
        await service.serve(scope, "work", echo)
        await asyncio.to_thread(nats_server.kill)
        await eventually(lambda: not service.connected)
        async with asyncio.timeout(20):
            assert await scope.close(30) == []


async def test_a_handler_that_never_ends_is_named(bus: Bus, nats_server: NatsServer) -> None:
    """The stop does not hang on a handler: at the deadline the steps that waited for it are named."""

    async def hang(_: Message) -> None:
        started.set()
        await asyncio.Event().wait()

    started = asyncio.Event()
    async with served(nats_server) as (scope, service):
        await service.serve(scope, "work", hang)
        for _ in range(3):
            await bus.publish("work", b"")
        await started.wait()
        left = await scope.close(0.3)

    assert left == ["unsubscribe work", "finish work"]


async def test_a_queue_group_shares_messages(bus: Bus, nats_server: NatsServer) -> None:
    """Each message of a group reaches one member."""
    seen: list[bytes] = []

    async def handle(message: Message) -> None:
        seen.append(message.data)
        await message.respond(b"")

    async with served(nats_server) as (one, first), served(nats_server) as (two, second):
        await first.serve(one, "work", handle, group="g")
        await second.serve(two, "work", handle, group="g")
        for n in range(20):
            await bus.request("work", str(n).encode(), timeout_s=5)

    assert sorted(seen) == sorted(str(n).encode() for n in range(20))


async def test_incarnations_of_a_stream(bus: Bus) -> None:
    """A stream made again under its name has another incarnation; one that is not there has none."""
    assert await bus.stream_created("letters") == ""
    await bus.jetstream.add_stream(name="letters", subjects=["letters"])
    first = await bus.stream_created("letters")
    await bus.jetstream.delete_stream("letters")
    await bus.jetstream.add_stream(name="letters", subjects=["letters"])

    assert first
    assert await bus.stream_created("letters") not in ("", first)


async def test_a_client_that_stops_reconnecting_ends_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nats-py does not expect ends its attempts without a word; a new process is the remedy."""
    monkeypatch.setattr(bus_module, "LOOK_S", 0.05)
    facts = {"version": "2.10.0", "max_payload": MAX_PAYLOAD_BYTES, "headers": True}
    greetings = [facts, "nonsense"]

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO " + json.dumps(greetings.pop(0)).encode() + b"\r\n")
        while greetings and (line := await reader.readline()):
            if line == b"PING\r\n":
                writer.write(b"PONG\r\n")
                break
        writer.close()

    port = free_port()
    settings = NatsSettings(url=f"nats://127.0.0.1:{port}")
    async with await asyncio.start_server(greet, "127.0.0.1", port), connect(settings, "sample") as bus:
        async with asyncio.timeout(20):
            with pytest.raises(BusUnavailable, match="given up reconnecting"):
                await bus.until_lost()
        assert not bus.connected
