"""What only PostgreSQL can get wrong: concurrency, values that it cannot hold, and commits in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TypeVar

import psycopg
import pytest
from tests.support.mirror_data import (
    ACCOUNT,
    CLAIM,
    PODS,
    batch,
    body,
    delete,
    inventory,
    key,
    part,
    request,
    source,
    upsert,
)

from fairlead.contracts.identity import Resource
from fairlead.gateway.adapters.postgres import commits
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.commits import CHANNEL
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.reading import PostgresReader
from fairlead.gateway.core.sessions import Opened
from fairlead.gateway.core.views import ObjectQuery
from fairlead.gateway.errors import BatchRefused, DatabaseUnavailable

KINDS = [Resource("", "v1", plural, plural.title(), namespaced=True) for plural in ("pods", "services", "events")]


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Database]:
    """A prepared database with the account of the tests."""
    await prepare_schema(database)
    async with Database(database) as opened:
        await PostgresAccounts(opened).claim_account(CLAIM, zone="zone", agent="agent")
        yield opened


async def test_a_change_cursor_misses_nothing_under_concurrent_commits(pool: Database) -> None:
    """Readers that go on from their cursor all the while see the last state of everything."""
    mirror, reader = PostgresMirror(pool), PostgresReader(pool)
    opened = [await mirror.open_session(request(resource=kind)) for kind in KINDS]
    rounds = 30

    async def write(kind: Resource, session: Opened) -> None:
        for number in range(1, rounds + 1):
            events = [upsert(f"o{number % 5}", number * 10), delete(f"o{(number + 2) % 5}", number * 10 + 1)]
            await mirror.commit([batch(source(session, resource=kind), [part(number, *events)])])

    async def follow(kind: Resource) -> dict[str, int]:
        seen: dict[str, int] = {}
        cursor, done = 0, False
        while not done:
            done = writing.done()  # read once more after the last commit
            read = await reader.changes(ACCOUNT, kind, after=cursor, limit=4)
            done = done and not read.more
            assert all(cursor < change.change <= read.cursor for change in read.changes)
            cursor = read.cursor
            seen.update({change.key.name: change.version for change in read.changes})
        return seen

    async def write_all() -> None:
        async with asyncio.TaskGroup() as writers:
            for kind, session in zip(KINDS, opened, strict=True):
                writers.create_task(write(kind, session))

    async with asyncio.TaskGroup() as group:
        writing = group.create_task(write_all())
        followers = [group.create_task(follow(kind)) for kind in KINDS]
    for kind, session, follower in zip(KINDS, opened, followers, strict=True):
        stored, _ = await mirror.stored_versions(session.session, None, limit=99)
        assert follower.result() == {version.key.name: version.version for version in stored}, kind


async def test_a_session_that_opens_during_a_commit_waits_for_it(pool: Database) -> None:
    """Whatever the interleaving, the old session's part is either wholly there when the new one opens, or refused."""
    mirror = PostgresMirror(pool)
    for number in range(1, 20):
        old = await mirror.open_session(request())
        commit = batch(source(old), [part(1, upsert(f"web-{number}", number))])
        async with asyncio.TaskGroup() as group:
            committing = group.create_task(mirror.commit([commit]))
            opening = group.create_task(mirror.open_session(request()))
        stored, _ = await mirror.stored_versions(opening.result().session, None, limit=99)
        there = key(f"web-{number}") in [version.key for version in stored]
        assert there == (committing.result().closed == {})
        assert opening.result().rows == len(stored)


async def test_two_gateways_commit_the_same_batches_without_deadlock(pool: Database) -> None:
    """A bridge that changes gateways may have both commit its batches; each part is applied once."""
    mirror = PostgresMirror(pool)
    opened = [await mirror.open_session(request(resource=kind)) for kind in KINDS]
    batches = [
        batch(source(session, resource=kind), [part(number, upsert("web", number))])
        for number in range(1, 11)
        for kind, session in zip(KINDS, opened, strict=True)
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(mirror.commit(order)) for order in (batches, batches[::-1], batches)]
    applied = sum(task.result().counts.applied for task in tasks)
    assert (applied, [task.result().closed for task in tasks]) == (len(batches), [{}, {}, {}])


@pytest.mark.parametrize("name", ["nul\0", "\ud800"], ids=["NUL", "surrogate"])
async def test_what_the_database_cannot_hold_is_refused_whole(pool: Database, name: str) -> None:
    """Nothing of the transaction stands, the connection goes on, and the error tells no content."""
    mirror = PostgresMirror(pool)
    opened = await mirror.open_session(request())
    broken = upsert("web", 5)
    broken.key = key(name)
    with pytest.raises(BatchRefused) as refusal:
        await mirror.commit([batch(source(opened), [part(1, upsert("fine", 4)), part(2, broken)])])
    assert (refusal.value.__cause__, "nul" in str(refusal.value)) == (None, False)
    committed = await mirror.commit([batch(source(opened), [part(1, upsert("fine", 4), checkpoint=4)])])
    assert (committed.counts.applied, committed.counts.written) == (1, 1)


async def test_bodies_of_any_bytes_and_size_are_stored(pool: Database) -> None:
    """Megabytes, NUL and what is no JSON at all: bodies are bytes."""
    mirror, reader = PostgresMirror(pool), PostgresReader(pool)
    opened = await mirror.open_session(request())
    bodies = [body("big", blob="x" * 3_000_000), bytes(range(256)), b'{"metadata":{"labels":{"a":"\\u0000"}}}']
    events = [upsert(f"o{number}", 1) for number in range(len(bodies))]
    for event, content in zip(events, bodies, strict=True):
        event.object = content
    await mirror.commit([batch(source(opened), [part(1, *events)])])
    page = await reader.objects(ObjectQuery(ACCOUNT, PODS))
    assert [row.body for row in page.objects] == bodies


async def test_ranges_larger_than_a_page_are_judged_whole(pool: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty inventory removes every row and keeps the tombstones, however many fetches it takes."""
    monkeypatch.setattr(commits, "PAGE_ROWS", 3)
    mirror = PostgresMirror(pool)
    opened = await mirror.open_session(request())
    await mirror.commit([batch(source(opened), [part(1, *(upsert(f"o{each}", 1) for each in range(10)))])])
    committed = await mirror.commit([batch(source(opened), [part(2, inventory=inventory(9, [("o4", "u1", 1)]))])])
    stored, _ = await mirror.stored_versions(opened.session, None, limit=99)
    assert (committed.counts.removed, sum(version.tombstone for version in stored), len(stored)) == (9, 9, 10)


async def test_listeners_hear_of_a_commit_once(pool: Database, database: str) -> None:
    """A hint for each transaction that changed rows, and none for empty parts."""
    mirror = PostgresMirror(pool)
    opened = await mirror.open_session(request())
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as listener:
        await listener.execute(f"listen {CHANNEL}")
        await mirror.commit([batch(source(opened), [part(1, checkpoint=5)])])
        await mirror.commit([batch(source(opened), [part(2, upsert("a", 6), upsert("b", 7)), part(3, upsert("c", 8))])])
        notices = [notice async for notice in listener.notifies(timeout=5, stop_after=1)]
        notices += [notice async for notice in listener.notifies(timeout=0.1)]
    assert len(notices) == 1


async def test_a_connection_cut_during_commits_leaves_whole_transactions(pool: Database, database: str) -> None:
    """The same batch again, after whatever became of the first try, is applied exactly once."""
    mirror, reader = PostgresMirror(pool), PostgresReader(pool)
    opened = await mirror.open_session(request())
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as assassin:
        for number in range(1, 15):
            events = [upsert(f"o{each}", number) for each in range(50)]
            commit = batch(source(opened), [part(number, *events, checkpoint=number)])
            async with asyncio.TaskGroup() as group:
                committing = group.create_task(again_and_again(partial(mirror.commit, [commit])))
                await assassin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'fairlead-gateway' and datname = current_database()"
                )
            assert committing.result().closed == {}
            (view,) = await again_and_again(lambda: reader.resources(ACCOUNT))
            page = await again_and_again(lambda: reader.objects(ObjectQuery(ACCOUNT, PODS)))
            assert (view.checkpoint, {row.version for row in page.objects}, len(page.objects)) == (number, {number}, 50)


T = TypeVar("T")


async def again_and_again(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call until its connection holds."""
    for _ in range(20):
        try:
            return await call()
        except DatabaseUnavailable:
            continue
    raise AssertionError("the database stays away")
