"""The journal of writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.support.services import eventually
from tests.support.writes import CALLER, PATCH, MemoryWrites, facade_request

from fairlead.gateway.core.facade.answers import Written
from fairlead.gateway.core.facade.barrier import Outcome, Wait
from fairlead.gateway.core.facade.targets import Verb
from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.flows.facade import writes
from fairlead.gateway.flows.facade.writes import Journal

WEB = Written(200, "shop", "web", "u1", 42)


@pytest.fixture
def store() -> MemoryWrites:
    """Rows in memory."""
    return MemoryWrites()


@pytest.fixture
def journal(store: MemoryWrites) -> Journal:
    """A journal over it."""
    return Journal(store, "gateway-1", 60.0)


async def test_a_write_from_begin_to_end(journal: Journal, store: MemoryWrites) -> None:
    """The row says who, by which command, to what; then what became of it."""
    ticket = await journal.begin(facade_request(), PATCH)
    begun = store.begun[ticket.id]
    assert (begun.account, begun.gateway, begun.caller) == ("production", "gateway-1", CALLER.name)
    assert (begun.command, begun.user_agent, begun.target) == ("kubectl apply", "kubectl/v1.32.0", PATCH)
    mark = store.marks[ticket.id]
    assert mark is not None
    assert mark.wait is Wait.END
    await journal.finish(ticket, WEB, dispatched=True)
    ending = store.ended[ticket.id]
    assert (ending.outcome, ending.status, ending.uid, ending.version) == (Outcome.DONE, 200, "u1", 42)
    assert ending.mark == replace(mark, wait=Wait.VERSION, uid="u1", version=42)


async def test_endings_without_effect(journal: Journal, store: MemoryWrites) -> None:
    """Nothing waits for what was refused, not sent, or a dry run."""
    refused = await journal.begin(facade_request(), PATCH)
    await journal.finish(refused, Written(409), dispatched=True)
    unsent = await journal.begin(facade_request(), PATCH)
    await journal.finish(unsent, None, dispatched=False)
    tried = await journal.begin(facade_request(dry_run="All"), PATCH)
    await journal.finish(tried, WEB, dispatched=True)
    assert store.outcomes() == [Outcome.REFUSED, Outcome.UNSENT, Outcome.DONE]
    assert [ending.mark for ending in store.ended.values()] == [None, None, None]
    assert store.begun[tried.id].dry_run
    assert store.marks[tried.id] is None


async def test_a_dry_run_in_the_body(journal: Journal, store: MemoryWrites) -> None:
    """It is known only at the end, and is noted then."""
    target = replace(PATCH, verb=Verb.DELETE)
    ticket = await journal.begin(facade_request(), target)
    await journal.finish(ticket, replace(WEB, deleted=True, dry_run=True), dispatched=True)
    assert store.ended[ticket.id].dry_run
    assert store.ended[ticket.id].mark is None


async def test_a_lost_answer(journal: Journal, store: MemoryWrites) -> None:
    """The effect is unknown, and lists are live for a while."""
    ticket = await journal.begin(facade_request(), PATCH)
    await journal.finish(ticket, None, dispatched=True)
    ending = store.ended[ticket.id]
    assert ending.outcome is Outcome.LOST
    assert ending.mark is not None
    assert ending.mark.wait is Wait.TIME


async def test_nothing_is_sent_without_a_row(journal: Journal, store: MemoryWrites) -> None:
    """The caller learns that the database is away before anything goes out."""
    store.outage.away = True
    with pytest.raises(DatabaseUnavailable):
        await journal.begin(facade_request(), PATCH)


async def test_texts_of_clients_can_be_stored(journal: Journal, store: MemoryWrites) -> None:
    """Whatever they hold, and however long they are; so can names of the answer."""
    target = replace(PATCH, name="a\0b\udc80" + "x" * 10_000)
    ticket = await journal.begin(facade_request(command="k\0" + "c" * 10_000), target)
    begun = store.begun[ticket.id]
    for text in (begun.command, begun.target.name):
        assert len(text) <= 512
        assert "\0" not in text
        text.encode()
    await journal.finish(ticket, replace(WEB, uid="u\0", name="n\0"), dispatched=True)
    assert "\0" not in store.ended[ticket.id].uid + store.ended[ticket.id].name


@asynccontextmanager
async def _kept(journal: Journal) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(journal.keep())
        yield
        task.cancel()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause to speak of between rounds."""
    monkeypatch.setattr(writes, "KEEP_S", 0.01)


@pytest.mark.usefixtures("quick")
async def test_an_outage_at_the_end_is_made_up_for(journal: Journal, store: MemoryWrites) -> None:
    """The row is completed once the database is back; the client is not troubled."""
    ticket = await journal.begin(facade_request(), PATCH)
    store.outage.away = True
    async with _kept(journal):
        await journal.finish(ticket, WEB, dispatched=True)
        assert not store.ended
        store.outage.away = False
        await eventually(lambda: ticket.id in store.ended)
        assert store.ended[ticket.id].outcome is Outcome.DONE


@pytest.mark.usefixtures("quick")
async def test_a_client_hangs_up_at_the_end(
    journal: Journal, store: MemoryWrites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its write stands, and so does the row in the end."""
    ticket = await journal.begin(facade_request(), PATCH)
    finish: Callable[..., object] = store.finish

    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(store, "finish", hang)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(journal.finish(ticket, WEB, dispatched=True))
        await asyncio.sleep(0)
        task.cancel()
    monkeypatch.setattr(store, "finish", finish)
    async with _kept(journal):
        await eventually(lambda: ticket.id in store.ended)


@pytest.mark.usefixtures("quick")
async def test_open_writes_are_touched(journal: Journal, store: MemoryWrites) -> None:
    """So that no other gateway takes them for abandoned; and old rows go."""
    ticket = await journal.begin(facade_request(), PATCH)
    store.abandoned = 2
    async with _kept(journal):
        await eventually(lambda: ticket.id in store.touched and store.sweeps > 1 and bool(store.purges))
        await journal.finish(ticket, WEB, dispatched=True)
        await eventually(lambda: store.sweeps > 3)
        store.touched.clear()
        rounds = store.sweeps
        await eventually(lambda: store.sweeps > rounds + 2)
        assert not store.touched
    assert store.purges == [60.0]


async def test_what_waits_for_the_database_is_bounded(
    journal: Journal, store: MemoryWrites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest endings are left to the sweep."""
    monkeypatch.setattr(writes, "LATE_LIMIT", 3)
    tickets = [await journal.begin(facade_request(), PATCH) for _ in range(5)]
    store.outage.away = True
    for ticket in tickets:
        await journal.finish(ticket, WEB, dispatched=True)
    store.outage.away = False
    monkeypatch.setattr(writes, "KEEP_S", 0.01)
    async with _kept(journal):
        await eventually(lambda: len(store.ended) == 3)
    assert set(store.ended) == {ticket.id for ticket in tickets[2:]}
