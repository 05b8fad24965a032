"""The scrubber on a real nats-server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy, StreamConfig
from tests.support.services import ready, running
from tests.unit.scrubber.test_flows import raw

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.contracts.codec import Decoder
from fairlead.contracts.scrubbing import ScrubReply, Verdict
from fairlead.contracts.streams import CLEAN_LOG
from fairlead.contracts.subjects import RAW_BATCH, SCRUB_RULES
from fairlead.runtime.bus import Bus, connect
from fairlead.runtime.sections import NatsSettings
from fairlead.scrubber.service import build, shipped_rules
from fairlead.scrubber.settings import ScrubbingSettings, Settings


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A watcher's connection, with a scrubber at the other end."""
    nats = NatsSettings(url=nats_server.url)
    settings = Settings(nats=nats, scrubbing=ScrubbingSettings(publish_timeout_seconds=2))
    async with connect(nats, "test") as bus, running(build(settings)) as scopes:
        assert ready(scopes)
        yield bus


async def create_log(bus: Bus, max_bytes: int = CLEAN_LOG.max_bytes) -> None:
    """Create the clean log as the bridge does."""
    await bus.jetstream.add_stream(
        StreamConfig(
            name=CLEAN_LOG.name,
            subjects=[CLEAN_LOG.subject],
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            max_bytes=max_bytes,
        )
    )


async def scrub(bus: Bus, batch: bytes) -> ScrubReply:
    """Send a raw batch and wait for the verdict."""
    return ScrubReply.decode(await bus.request(RAW_BATCH, batch, timeout_s=3))


async def stored(bus: Bus) -> list[bytes]:
    """Read everything that stands in the clean log."""
    state = (await bus.jetstream.stream_info(CLEAN_LOG.name)).state
    numbers = range(state.first_seq, state.last_seq + 1)
    messages = [await bus.jetstream.get_msg(CLEAN_LOG.name, number) for number in numbers]
    return [message.data or b"" for message in messages]


async def test_what_is_acknowledged_stands_scrubbed_in_the_log(bus: Bus) -> None:
    """The reply "done" means that the scrubbed batch is stored."""
    await create_log(bus)

    assert await scrub(bus, raw()) == ScrubReply(Verdict.DONE, shipped_rules().hash)

    (batch,) = await stored(bus)
    event = Decoder(strict=True).decode(batch).parts[0].events[0]
    assert json.loads(event.object) == {"metadata": {"name": "a"}}


async def test_rules(bus: Bus) -> None:
    """A watcher learns the hash of the rules before it has anything to send."""
    reply = ScrubReply.decode(await bus.request(SCRUB_RULES, b"", timeout_s=5))

    assert reply.rules == shipped_rules().hash


async def test_no_log(bus: Bus) -> None:
    """Without a stream the scrubber is busy, and works again as soon as there is one."""
    assert (await scrub(bus, raw())).verdict is Verdict.BUSY

    await create_log(bus)
    assert (await scrub(bus, raw())).verdict is Verdict.DONE


async def test_full_log(bus: Bus) -> None:
    """A log at its byte limit refuses: the scrubber is busy until there is room."""
    await create_log(bus, max_bytes=3000)
    verdicts = [
        (await scrub(bus, raw(b'{"kind":"PartialObjectMetadata","x":"%s"}' % (b"x" * 900)))).verdict for _ in range(5)
    ]
    assert verdicts[0] is Verdict.DONE
    assert verdicts[-1] is Verdict.BUSY

    await bus.jetstream.purge_stream(CLEAN_LOG.name)
    assert (await scrub(bus, raw())).verdict is Verdict.DONE


async def test_malformed(bus: Bus) -> None:
    """Bytes that are no batch are answered as such, and the next batch is served."""
    await create_log(bus)

    assert (await scrub(bus, b"no batch")).verdict is Verdict.MALFORMED
    assert (await scrub(bus, raw())).verdict is Verdict.DONE


async def test_nats_restart(bus: Bus, nats_server: NatsServer) -> None:
    """After a restart of nats-server the scrubber serves on by itself."""
    await create_log(bus)
    nats_server.restart()

    reply = None
    for _ in range(20):
        try:
            reply = await scrub(bus, raw())
        except Exception:  # noqa: BLE001, S112 - the state that is waited for: both sides reconnected
            continue
        if reply.verdict is Verdict.DONE:
            break

    assert reply is not None
    assert reply.verdict is Verdict.DONE


async def test_large_object(bus: Bus) -> None:
    """An object near the bus's limit passes; rewriting does not push a batch over it."""
    await create_log(bus)
    body = b'{"kind":"PartialObjectMetadata","x":"%s"}' % (b"x" * (8 * 1024 * 1024 - 500))

    assert (await scrub(bus, raw(body))).verdict is Verdict.DONE
