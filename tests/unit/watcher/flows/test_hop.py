"""The raw hop: resends, back-pressure, rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY
from tests.support.watcher_doubles import DONE, FakeScrubber, until
from tests.support.watching import seen, session, source

from fairlead.contracts.scrubbing import ScrubReply, Verdict
from fairlead.watcher.core.batching import Stream
from fairlead.watcher.core.sampling import Sampler
from fairlead.watcher.errors import ScrubberUnavailable
from fairlead.watcher.flows import hop as module
from fairlead.watcher.flows.hop import RawHop


@asynccontextmanager
async def running(scrubber: FakeScrubber, limit: int = 10**6) -> AsyncIterator[RawHop]:
    """Run one lane."""
    hop = RawHop(scrubber, limit, Sampler(0))
    async with asyncio.TaskGroup() as group:
        lane = group.create_task(hop.lane())
        yield hop
        lane.cancel()


def stream(name: str = "s", events: int = 0) -> Stream:
    """A resumed session with changes to tell."""
    subject = session(checkpoint=1)
    subject.resume()
    for number in range(events):
        subject.changed(seen(f"{name}{number}", number + 2))
    return Stream(source(name), subject)


@pytest.mark.parametrize(
    "refusal",
    [ScrubberUnavailable("away"), ScrubReply(Verdict.BUSY, "rules", 1)],
    ids=["no answer", "busy"],
)
async def test_a_batch_that_was_not_taken_is_sent_again_unchanged(refusal: ScrubReply | Exception) -> None:
    """A resend has the same numbers and the same bytes; newer states wait for the next part."""
    scrubber = FakeScrubber([refusal])
    async with running(scrubber) as hop:
        subject = stream(events=1)
        hop.attach(subject, lambda _: None)
        hop.has_news(subject)
        await until(lambda: len(scrubber.batches) == 1)
        subject.session.changed(seen("s0", 9))
        hop.has_news(subject)
        await until(lambda: len(scrubber.batches) == 3)

    assert scrubber.batches[0] == scrubber.batches[1]
    assert [event.version for batch in scrubber.decoded()[1:] for part in batch.parts for event in part.events] == [
        2,
        9,
    ]


async def test_batches_of_dropped_sessions_are_not_resent() -> None:
    """When nobody needs a batch any more, the lane goes on."""
    scrubber = FakeScrubber([ScrubberUnavailable("away")] * 1000)
    async with running(scrubber) as hop:
        subject, other = stream(events=1), stream("o", events=1)
        hop.attach(subject, lambda _: None)
        hop.has_news(subject)
        await until(lambda: len(scrubber.batches) >= 1)
        hop.detach(subject)
        scrubber.replies.clear()
        hop.attach(other, lambda _: None)
        hop.has_news(other)
        await until(lambda: scrubber.names()[-1:] == ["o0"])


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(ScrubReply(Verdict.MALFORMED, "rules"), "malformed"), (ScrubReply(Verdict.DONE, "other rules"), "rules")],
)
async def test_sessions_end_when_their_batches_cannot_count(reply: ScrubReply, reason: str) -> None:
    """A batch that cannot be read, and rules that changed, both ask for a new list."""
    reasons: list[str] = []
    scrubber = FakeScrubber([reply])
    async with running(scrubber) as hop:
        await hop.wait_rules()
        subject = stream(events=1)
        hop.attach(subject, reasons.append)
        hop.has_news(subject)
        await until(lambda: reasons == [reason])


async def test_the_largest_session_pays_for_an_overload() -> None:
    """Beyond the bound the largest session is given up; the others keep what they have."""
    given_up: list[str] = []
    hop = RawHop(FakeScrubber(), 2000, Sampler(0))
    small, large = stream("small", 1), stream("large", 0)
    hop.attach(small, lambda reason: given_up.append(f"small {reason}"))
    hop.attach(large, lambda reason: given_up.append(f"large {reason}"))
    hop.has_news(small)
    for number in range(10):
        large.session.changed(seen(f"x{number}", number + 20, body=b"x" * 300))
    hop.has_news(large)

    assert given_up == ["large overload"]
    await hop.wait_room()


async def test_lists_wait_while_half_of_the_bound_is_used() -> None:
    """Room is for watches first."""
    hop = RawHop(FakeScrubber(), 2000, Sampler(0))
    subject = stream(events=0)
    hop.attach(subject, lambda _: None)
    subject.session.changed(seen("x", 20, body=b"x" * 1100))
    hop.has_news(subject)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await hop.wait_room()
    hop.detach(subject)
    await hop.wait_room()


async def test_rules_are_asked_for_until_a_scrubber_answers() -> None:
    """A watcher that starts before the scrubbers waits for them."""
    scrubber = FakeScrubber()
    scrubber.open.clear()
    hop = RawHop(scrubber, 1000, Sampler(0))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(hop.wait_rules())
        await asyncio.sleep(0)
        scrubber.open.set()

    assert waiting.result() == DONE.rules


async def test_changes_that_follow_each_other_closely_share_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first goes at once; the next ones, though they come one by one, wait for each other."""
    monkeypatch.setattr(module, "PAUSE_S", 1.0)
    scrubber = FakeScrubber([])
    async with running(scrubber) as hop:
        subject = stream(events=1)
        hop.attach(subject, lambda _: None)
        hop.has_news(subject)
        await until(lambda: scrubber.names() == ["s0"])
        for number in range(1, 5):
            subject.session.changed(seen(f"s{number}", number + 9))
            hop.has_news(subject)
            await asyncio.sleep(0)
        await until(lambda: len(scrubber.names()) == 5)

    assert len(scrubber.batches) == 2


async def test_what_is_sent_is_counted_once() -> None:
    """Events and bytes of a resource, whatever has to be sent again."""
    scrubber = FakeScrubber([ScrubberUnavailable("away")])
    subject = stream("counted", events=3)
    labels = {"account": subject.source.account, "resource": subject.source.resource.name}

    def sent(name: str) -> float:
        return REGISTRY.get_sample_value(f"fairlead_watcher_sent_{name}_total", labels) or 0.0

    before = sent("events"), sent("bytes")
    async with running(scrubber) as hop:
        hop.attach(subject, lambda _: None)
        hop.has_news(subject)
        await until(lambda: len(scrubber.batches) == 2)
    events = [event for part in scrubber.decoded()[0].parts for event in part.events]

    assert (sent("events") - before[0], sent("bytes") - before[1]) == (3, sum(len(each.object) for each in events))
