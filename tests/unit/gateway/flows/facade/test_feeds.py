"""Feeds: read once for all, kept within limits, ended with what they read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.listing_clients import Board
from tests.support.mirror_data import ACCOUNT, CLAIM, PODS, delete, upsert
from tests.support.mirror_listing import MemoryLook
from tests.support.mirror_store import MemoryMirror
from tests.support.mirror_writer import Writer

from fairlead.gateway.core.facade.selection import Selection
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.core.states import ResourceState, StateReport
from fairlead.gateway.errors import CursorExpired, DatabaseUnavailable
from fairlead.gateway.flows.facade import feeds as module
from fairlead.gateway.flows.facade.feeds import Feed, Feeds, Source
from fairlead.gateway.flows.facade.reading import now_utc
from fairlead.gateway.ports.listing import Room

ALL = Selection("", "pods")


class Counting(MemoryMirror):
    """Counts what is read, and may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []
        self.away = False

    def look(self, account: str, group: str, plural: str):  # type: ignore[no-untyped-def] # noqa: ANN201 - as the twin
        """Look, or fail."""
        if self.away:
            raise DatabaseUnavailable("away")
        self.reads.append(1)
        return super().look(account, group, plural)


@pytest.fixture
async def mirror() -> Counting:
    """A mirror with a complete reflector."""
    memory = Counting()
    await memory.claim_account(CLAIM, zone="zone", agent="agent")
    return memory


@pytest.fixture
async def writer(mirror: Counting) -> Writer:
    """The reflector's session."""
    opened = await Writer.open(mirror)
    await opened.send(upsert("a", 10), checkpoint=10)
    return opened


@pytest.fixture
async def board() -> Board:
    """Where hints are written."""
    return Board()


@pytest.fixture
async def feeds(mirror: Counting, board: Board) -> AsyncIterator[Feeds]:
    """Feeds that hear hints."""
    opened = Feeds(mirror, board, now_utc)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(opened.listen())
        yield opened
        listening.cancel()


async def source(mirror: Counting) -> tuple[Source, int]:
    """The reflector as it is, and the account's change."""
    async with mirror.look(ACCOUNT, "", "pods") as look:
        assert isinstance(look, MemoryLook)
        return Source(ACCOUNT, look.coverage.nonce, look.coverage.standings[0], redacted=True), look.coverage.change


async def settled(feed: Feed) -> None:
    """Let a new feed look once: it does not know what happened before it was made."""
    assert await feed.after(feed.tip, ALL, 0.01) is None


async def test_many_watchers_cost_one_reading(mirror: Counting, writer: Writer, feeds: Feeds, board: Board) -> None:
    """Whoever wakes first reads for all, and all get the same."""
    of, change = await source(mirror)
    with feeds.joined(of, change) as feed:
        await settled(feed)
        mirror.reads.clear()
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(feed.after(change, ALL, 10)) for _ in range(50)]
            await asyncio.sleep(0)
            await writer.send(upsert("b", 11), delete("a", 12), checkpoint=12)
            board.say("changed", str(of.standing.id))
        chunks = [task.result() for task in waiting]
    assert all(chunk is chunks[0] for chunk in chunks)
    assert chunks[0] is not None
    assert ([event.key.name for event in chunks[0].events], chunks[0].settled) == (["b", "a"], True)
    assert len(mirror.reads) == 1


async def test_many_watchers_of_nothing_cost_one_reading(
    mirror: Counting, writer: Writer, feeds: Feeds, board: Board
) -> None:
    """A hint that came too late for what was read already wakes all; one of them finds that there is nothing more."""
    of, change = await source(mirror)
    with feeds.joined(of, change) as feed:
        await settled(feed)
        mirror.reads.clear()
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(feed.after(change, ALL, 10)) for _ in range(50)]
            await asyncio.sleep(0)
            board.say("changed", str(of.standing.id))
        assert all(task.result() is None for task in waiting)
    assert len(mirror.reads) == 1


async def test_hints_of_other_rows_wake_nobody(mirror: Counting, writer: Writer, feeds: Feeds, board: Board) -> None:
    """A busy neighbour costs nothing; a hint without ids means all."""
    of, change = await source(mirror)
    with feeds.joined(of, change) as feed:
        await settled(feed)
        await writer.send(upsert("b", 11), checkpoint=11)
        board.say("changed", "998 999")
        assert await feed.after(change, ALL, 0.05) is None
        board.say("changed", "")
        chunk = await feed.after(change, ALL, 5)
        assert chunk is not None
        assert [event.key.name for event in chunk.events] == ["b"]


async def test_lost_hints_cost_time_only(
    mirror: Counting, writer: Writer, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits looks by himself now and then."""
    monkeypatch.setattr(module, "POLL_S", 0.02)
    of, change = await source(mirror)
    with feeds.joined(of, change) as feed:
        await settled(feed)
        await writer.send(upsert("b", 11), checkpoint=11)
        async with asyncio.timeout(5):
            while (chunk := await feed.after(change, ALL, 1)) is None:
                pass
        assert [event.key.name for event in chunk.events] == ["b"]


async def test_who_has_fallen_behind_reads_by_himself(
    mirror: Counting, writer: Writer, feeds: Feeds, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept has a limit; beyond it rows are read again, page by page, until the feed is reached."""
    monkeypatch.setattr(module, "FEED_BYTES", 300)
    monkeypatch.setattr(module, "ROOM", Room(rows=2))
    of, change = await source(mirror)
    with feeds.joined(of, change) as feed:
        await settled(feed)
        position = change
        for version in range(20, 40):
            await writer.send(upsert(f"o{version}", version), checkpoint=version)
            board.say()
            chunk = await feed.after(position, ALL, 5)
            assert chunk is not None
            position = chunk.end
        assert 0 < feeds.size <= 400
        names, late = [], change
        while late < feed.tip:
            chunk = await feed.after(late, ALL, 5)
            assert chunk is not None
            names += [event.key.name for event in chunk.events if event.change > late]
            late = chunk.end
        assert names == [f"o{version}" for version in range(20, 40)]
    assert feeds.size == 0


async def test_what_is_kept_is_forgotten_soon(
    mirror: Counting, writer: Writer, feeds: Feeds, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quiet feed holds nothing."""
    monkeypatch.setattr(module, "KEPT_S", 0.0)
    of, change = await source(mirror)
    with feeds.joined(of, change) as feed:
        await writer.send(upsert("b", 11), checkpoint=11)
        board.say()
        assert await feed.after(change, ALL, 5) is not None
        assert feeds.size > 0
        await feed.after(feed.tip, ALL, 0.01)
        assert feeds.size == 0


async def test_a_reader_that_hangs_up_in_the_middle_leaves_the_reading_to_the_next(
    mirror: Counting, writer: Writer, feeds: Feeds, board: Board
) -> None:
    """A hint is not lost with the client that took it; nor with a database that was away."""
    of, change = await source(mirror)
    with feeds.joined(of, change) as feed:
        await settled(feed)
        await writer.send(upsert("b", 11), checkpoint=11)
        board.say()
        mirror.away = True
        with pytest.raises(DatabaseUnavailable):
            await feed.after(change, ALL, 5)
        mirror.away = False
        async with feed._reading, asyncio.TaskGroup() as group:
            first = group.create_task(feed.after(change, ALL, 5))
            await asyncio.sleep(0.01)
            first.cancel()
        chunk = await feed.after(change, ALL, 5)
        assert chunk is not None
        assert [event.key.name for event in chunk.events] == ["b"]


@pytest.mark.parametrize("what", ["refused", "gone", "epoch", "restored", "removed"])
async def test_a_feed_ends_with_its_rows(
    mirror: Counting, writer: Writer, feeds: Feeds, board: Board, what: str
) -> None:
    """All who watch are told to list again, and whoever comes later gets a feed of its own."""
    of, change = await source(mirror)
    with feeds.joined(of, change) as feed:
        await settled(feed)
        if what == "epoch":
            await Writer.open(mirror, "other scope")
        elif what == "restored":
            await mirror.close_sessions(CloseReason.RESTORED)
        elif what == "removed":
            mirror.tables.reflectors.clear()
        else:
            await mirror.record_states([StateReport(ACCOUNT, PODS, "", ResourceState(what), now_utc())])
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(_expires(feed, change)) for _ in range(3)]
            board.say()
        assert all(task.result() for task in waiting)
        with feeds.joined(of, change) as other:
            assert other is not feed


async def _expires(feed: Feed, position: int) -> bool:
    async with asyncio.timeout(5):
        while True:
            try:
                await feed.after(position, ALL, 1)
            except CursorExpired:
                return True


async def test_a_feed_goes_with_its_last_watcher(mirror: Counting, writer: Writer, feeds: Feeds) -> None:
    """Nobody watches, nothing is held."""
    of, change = await source(mirror)
    with feeds.joined(of, change) as feed, feeds.joined(of, change) as same:
        assert same is feed
    with feeds.joined(of, change) as later:
        assert later is not feed
