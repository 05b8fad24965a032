"""The bucket of claims on a real nats-server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.support.services import eventually

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.contracts.streams import CLAIMS
from fairlead.executor.adapters import claims as adapter
from fairlead.executor.adapters.claims import BucketClaims
from fairlead.executor.core.claims import Claim
from fairlead.executor.core.outcome import Outcome, Verdict
from fairlead.executor.errors import ClaimExists, ClaimMoved, ClaimsUnavailable
from fairlead.executor.ports import Held
from fairlead.runtime.bus import Bus, connect
from fairlead.runtime.lifecycle import Scope
from fairlead.runtime.sections import NatsSettings

OURS = Claim("one", "run-1", 1, 5, "digest")
ENDED = Claim("one", "run-1", 1, 5, "digest", Outcome(Verdict.SUCCEEDED, 201, name="cargo"))
THEIRS = Claim("two", "run-2", 1, 5, "digest")
ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection."""
    async with connect(NatsSettings(url=nats_server.url), "test") as bus:
        yield bus


async def test_one_of_two_claims(bus: Bus) -> None:
    """A claim is made when there is none, changed at its revision, and read as it stands."""
    claims = BucketClaims(bus)
    assert await claims.read(ID) is None
    revision = await claims.create(ID, OURS)

    with pytest.raises(ClaimExists):
        await BucketClaims(bus).create(ID, THEIRS)
    later = await claims.update(ID, ENDED, revision)
    with pytest.raises(ClaimMoved):
        await claims.update(ID, THEIRS, revision)
    assert await claims.read(ID) == Held(ENDED, later)


async def test_a_change_whose_answer_was_lost_is_recognised(bus: Bus) -> None:
    """The very same claim standing there means that our change took effect."""
    claims = BucketClaims(bus)
    revision = await claims.create(ID, OURS)

    assert await claims.create(ID, OURS) == revision
    later = await claims.update(ID, ENDED, revision)
    assert await claims.update(ID, ENDED, revision) == later


async def test_the_bucket_is_made_as_the_table_says(bus: Bus) -> None:
    """Bounded in age and bytes, on disk; a deleted one is made again, as another incarnation."""
    claims = BucketClaims(bus)
    await claims.create(ID, OURS)
    config = (await bus.jetstream.stream_info(f"KV_{CLAIMS.name}")).config
    assert (config.max_age, config.max_bytes, config.storage) == (CLAIMS.ttl_s, CLAIMS.max_bytes, "file")
    first = await claims.incarnation()
    assert first == await bus.stream_created(f"KV_{CLAIMS.name}")

    await bus.jetstream.delete_key_value(CLAIMS.name)
    with pytest.raises(ClaimMoved):
        await claims.update(ID, ENDED, 1)
    assert await claims.create(ID, OURS) == 1
    assert await claims.incarnation() != first


async def test_the_bucket_is_tended(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made before anybody needs it, and again when it was deleted; readiness waits for it."""
    monkeypatch.setattr(adapter, "CHECK_INTERVAL_S", 0.05)
    claims = BucketClaims(bus)
    scope = Scope("test")
    assert claims.not_ready()
    scope.start("claims", claims.tend())
    await eventually(lambda: claims.not_ready() is None)
    first = await claims.incarnation()
    await bus.jetstream.delete_key_value(CLAIMS.name)
    await eventually_another(claims, first)
    await scope.close(5)


async def eventually_another(claims: BucketClaims, first: str) -> None:
    """Wait for another incarnation; while nats-server takes the old one away it may not tell of any."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(ClaimsUnavailable):
                if await claims.incarnation() != first:
                    return


async def test_without_a_server(bus: Bus, nats_server: NatsServer) -> None:
    """Every call says that the bucket is away, in a bounded time, and works again afterwards."""
    claims = BucketClaims(bus)
    revision = await claims.create(ID, OURS)
    nats_server.stop()
    await eventually(lambda: not bus.connected)

    for call in (claims.create(ID, THEIRS), claims.update(ID, ENDED, revision), claims.read(ID), claims.incarnation()):
        with pytest.raises(ClaimsUnavailable):
            await call
    nats_server.start()
    await eventually(lambda: bus.connected)
    assert await claims.read(ID) == Held(OURS, revision)


async def test_a_claim_that_cannot_be_read(bus: Bus) -> None:
    """What another release may have written is not guessed at."""
    claims = BucketClaims(bus)
    await claims.create(ID, OURS)
    await bus.jetstream.publish(f"$KV.{CLAIMS.name}.{ID}", b"?")

    with pytest.raises(ClaimsUnavailable):
        await claims.read(ID)
