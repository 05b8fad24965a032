"""The journal of writes and the barrier in PostgreSQL, beside a mirror that catches up or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection
from tests.support.mirror_data import ACCOUNT, CLAIM, PODS, delete, upsert
from tests.support.mirror_writer import Writer
from tests.support.writes import PATCH, facade_request
from ulid import ULID

from fairlead.contracts.operations import Kind
from fairlead.gateway.adapters.postgres import writes
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.listing import PostgresListing
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.operations import PostgresOperations
from fairlead.gateway.adapters.postgres.pool import Database, fetch
from fairlead.gateway.adapters.postgres.reading import PostgresReader
from fairlead.gateway.adapters.postgres.writes import PostgresWrites
from fairlead.gateway.core.facade.answers import Written
from fairlead.gateway.core.facade.barrier import Outcome, Wait
from fairlead.gateway.core.facade.targets import Target, Verb
from fairlead.gateway.core.keyring import Keyring
from fairlead.gateway.core.operations import Outcome as Ended
from fairlead.gateway.core.operations import State, Subject, Timing
from fairlead.gateway.flows.facade.barrier import Barrier
from fairlead.gateway.flows.facade.writes import Journal
from fairlead.gateway.ports.facade import WriteTicket
from fairlead.gateway.ports.operations import NewOperation

NOTHING: frozenset[Wait] = frozenset()
DELETE = replace(PATCH, verb=Verb.DELETE)


class _Mirror(PostgresMirror, PostgresAccounts, PostgresReader, PostgresListing):
    """All ports over one database."""

    def __init__(self, database: Database) -> None:
        PostgresMirror.__init__(self, database)


@dataclass
class World:
    """A database with an account whose pods are mirrored, and two gateways' journals."""

    database: Database
    store: PostgresWrites
    journal: Journal
    other: Journal
    watcher: Writer

    async def write(self, target: Target, written: Written | None, *, journal: Journal | None = None) -> WriteTicket:
        """One whole write."""
        by = journal or self.journal
        ticket = await by.begin(facade_request(ACCOUNT), target)
        await by.finish(ticket, written, dispatched=True)
        return ticket

    async def behind(self, namespace: str = "shop", plural: str = "pods") -> frozenset[Wait]:
        """What lists wait for."""
        return await self.store.behind(ACCOUNT, "", plural, namespace)

    async def marks(self) -> int:
        """How many marks there are."""
        async with self.database.transaction() as connection:
            return int((await fetch(connection, "select count(*) from write_marks"))[0][0])

    async def age(self, seconds: float) -> None:
        """Let time pass for all rows and marks."""
        async with self.database.transaction() as connection:
            past = [timedelta(seconds=seconds)]
            await connection.execute("update write_marks set marked_at = marked_at - %s, until = until - %s", past * 2)
            await connection.execute("update facade_writes set seen_at = seen_at - %s", past)


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    """The mirror holds the pod ``web`` in version 10, and everything up to 12."""
    await prepare_schema(database, wait_s=30, change=True)
    async with Database(database, size=3) as pool:
        mirror = _Mirror(pool)
        await mirror.claim_account(CLAIM, zone="zone", agent="agent")
        watcher = await Writer.open(mirror)
        await watcher.list_all(12)
        await watcher.send(upsert("web", 10, "u1"), checkpoint=12)
        store = PostgresWrites(pool)
        yield World(pool, store, Journal(store, "gateway-1", 60.0), Journal(store, "gateway-2", 60.0), watcher)


async def test_lists_wait_for_a_version(world: World) -> None:
    """Until the row has it, whichever gateway carried the write; lists of other places do not."""
    ticket = await world.journal.begin(facade_request(ACCOUNT), PATCH)
    assert await world.behind() == {Wait.END}
    await world.journal.finish(ticket, Written(200, "shop", "web", "u1", 20), dispatched=True)
    assert await world.behind() == {Wait.VERSION}
    assert await world.behind("") == {Wait.VERSION}
    assert await world.behind("other") == NOTHING
    assert await world.behind(plural="services") == NOTHING
    await world.watcher.send(upsert("web", 19, "u1"))
    assert await world.behind() == {Wait.VERSION}
    await world.watcher.send(upsert("web", 20, "u1"))
    assert await world.behind() == NOTHING
    await world.store.sweep(20)
    assert await world.marks() == 0


@pytest.mark.parametrize("version", [10, 12])
async def test_what_the_mirror_holds_is_not_waited_for(world: World, version: int) -> None:
    """A patch that changed nothing answers with the version of before; a checkpoint covers what it has passed."""
    await world.write(PATCH, Written(200, "shop", "web", "u1", version))
    assert await world.behind() == NOTHING


async def test_a_checkpoint_catches_up(world: World) -> None:
    """An object that the watch does not see, for its labels say, holds lists until the checkpoint passes its version."""
    await world.write(replace(PATCH, name="unseen"), Written(200, "shop", "unseen", "u9", 20))
    assert await world.behind() == {Wait.VERSION}
    await world.watcher.send(checkpoint=21)
    assert await world.behind() == NOTHING


async def test_a_deleted_object_has_its_version(world: World) -> None:
    """What was written and then deleted by somebody else is known by its tombstone."""
    await world.write(PATCH, Written(200, "shop", "web", "u1", 20))
    await world.watcher.send(delete("web", 25, "u1"))
    assert await world.behind() == NOTHING


@pytest.mark.parametrize("version", [None, 10, 20])
async def test_lists_wait_for_a_deletion(world: World, version: int | None) -> None:
    """Whether its answer told no version, the last one, or that of the deletion, as API servers of different age do."""
    await world.write(DELETE, Written(200, "", "", "u1", version, deleted=True))
    assert await world.behind() == {Wait.GONE}
    await world.age(31)
    assert await world.behind() == {Wait.GONE}
    await world.watcher.send(delete("web", 20, "u1"))
    assert await world.behind() == NOTHING


async def test_a_name_taken_anew(world: World) -> None:
    """Another object of the name, of a later version, shows that the deleted one is gone."""
    await world.write(DELETE, Written(200, "", "", "u1", 20, deleted=True))
    await world.watcher.send(upsert("web", 22, "u2"))
    assert await world.behind() == NOTHING


async def test_a_deletion_of_what_the_mirror_never_saw(world: World) -> None:
    """Made and deleted between two lists: nothing in the mirror will ever tell, so that time has to."""
    await world.write(replace(DELETE, name="brief"), Written(200, "", "brief", "u7", None, deleted=True))
    assert await world.behind() == {Wait.GONE}
    await world.age(31)
    assert await world.behind() == NOTHING


@pytest.mark.parametrize("written", [None, Written(500), Written(200)])
async def test_unknown_effects_hold_for_a_time(world: World, written: Written | None) -> None:
    """Lists of the place are live, others are not."""
    await world.write(PATCH, written)
    assert await world.behind() == {Wait.TIME}
    assert await world.behind("other") == NOTHING
    await world.age(31)
    assert await world.behind() == NOTHING


async def test_collections_hold_for_a_time(world: World) -> None:
    """In their namespace, or everywhere."""
    collection = replace(PATCH, verb=Verb.DELETE_COLLECTION, name="")
    await world.write(collection, Written(200))
    assert await world.behind() == {Wait.TIME}
    assert await world.behind("other") == NOTHING
    await world.write(replace(collection, namespace=""), Written(200))
    assert await world.behind("other") == {Wait.TIME}


async def test_what_changed_nothing_holds_nothing(world: World) -> None:
    """Refused writes leave no mark; nor do writes to kinds that are not mirrored, whose lists are live in any case."""
    await world.write(PATCH, Written(422))
    await world.write(replace(PATCH, plural="secrets"), Written(200, "shop", "web", "u1", 99))
    assert await world.marks() == 0


async def test_a_new_epoch_has_passed_everything(world: World) -> None:
    """A cluster restored from a backup counts from below; its next full list holds what is there."""
    await world.write(PATCH, Written(200, "shop", "web", "u1", 10_000))
    assert await world.behind() == {Wait.VERSION}
    anew = await Writer.open(world.watcher.mirror, known_epoch=1, ended_epoch=1)
    assert await world.behind() == {Wait.VERSION}
    await anew.list_all(5, ("web", "u1", 4))
    await anew.send(upsert("web", 4, "u1"), checkpoint=5)
    assert await world.behind() == NOTHING


async def test_marks_have_an_end(world: World) -> None:
    """Whatever the mirror does, nothing holds lists for ever."""
    await world.write(PATCH, Written(200, "shop", "web", "u1", 20))
    await world.write(DELETE, Written(200, "", "", "u1", None, deleted=True))
    await world.age(901)
    assert await world.behind() == NOTHING
    await world.store.sweep(20)
    assert await world.marks() == 0


async def test_the_journal_is_read(world: World) -> None:
    """Newest first, page by page, of one account; nothing of a body is in it."""
    first = await world.write(PATCH, Written(200, "shop", "web", "u1", 2**70))
    second = await world.write(
        replace(PATCH, verb=Verb.CREATE, name=""), Written(201, "shop", "web-x7", "u2", 21), journal=world.other
    )
    page = await world.store.read(ACCOUNT, before="", limit=1)
    assert [record.write.id for record in page] == [second.id]
    assert (page[0].write.gateway, page[0].write.target.name, page[0].status) == ("gateway-2", "web-x7", 201)
    (record,) = await world.store.read(ACCOUNT, before=second.id, limit=5)
    assert (record.write.id, record.outcome, record.version) == (first.id, Outcome.DONE, 2**70)
    assert record.write.target == PATCH
    assert record.finished is not None
    assert await world.store.read("other", before="", limit=5) == []


async def test_writes_of_a_gateway_that_died(world: World) -> None:
    """End as unknown, and lists of their place are live for a while; those that are carried on stay open."""
    dead = await world.journal.begin(facade_request(ACCOUNT), PATCH)
    alive = await world.other.begin(facade_request(ACCOUNT), replace(PATCH, name="other", namespace="other"))
    await world.age(21)
    await world.store.touch([alive.id])
    assert await world.store.sweep(20) == 1
    outcomes = {record.write.id: record.outcome for record in await world.store.read(ACCOUNT, before="", limit=5)}
    assert outcomes == {dead.id: Outcome.UNKNOWN, alive.id: Outcome.OPEN}
    assert await world.behind() == {Wait.TIME}
    assert await world.behind("other") == {Wait.END}


async def test_a_gateway_that_was_only_slow(world: World) -> None:
    """What it says in the end replaces the guess, once."""
    ticket = await world.journal.begin(facade_request(ACCOUNT), PATCH)
    await world.age(21)
    await world.store.sweep(20)
    await world.journal.finish(ticket, Written(200, "shop", "web", "u1", 20), dispatched=True)
    (record,) = await world.store.read(ACCOUNT, before="", limit=5)
    assert (record.outcome, record.version) == (Outcome.DONE, 20)
    assert await world.behind() == {Wait.VERSION}


async def test_old_rows_are_erased(world: World) -> None:
    """By the time in their ids."""
    ticket = await world.write(PATCH, Written(409))
    assert await world.store.purge(3600) == 0
    async with world.database.transaction() as connection:
        await connection.execute("update facade_writes set id = %s", [str(ULID.from_timestamp(1_600_000_000.0))])
    assert await world.store.purge(3600) == 1
    assert ticket.id not in [record.write.id for record in await world.store.read(ACCOUNT, before="", limit=5)]


async def test_the_barrier_waits_for_the_mirror(world: World) -> None:
    """It passes once the mirror has caught up, and gives up when it does not."""
    await world.write(PATCH, Written(200, "shop", "web", "u1", 20))
    assert not await Barrier(world.store, 0.1).passed(ACCOUNT, "", "pods", "shop")
    await world.watcher.send(upsert("web", 20, "u1"))
    assert await Barrier(world.store, 0.1).passed(ACCOUNT, "", "pods", "shop")


@pytest.mark.parametrize(
    ("outcome", "waits"),
    [
        (Ended(State.SUCCEEDED, resource=PODS, namespace="shop", name="web", uid="u1", version="20"), Wait.VERSION),
        (Ended(State.UNKNOWN), Wait.TIME),
    ],
)
async def test_operations_are_waited_for(world: World, outcome: Ended, waits: Wait, keyring: Keyring) -> None:
    """Operations through REST enter the barrier as they end; one of unknown outcome by its kind."""
    operations = PostgresOperations(world.database, keyring, Timing(), history_s=60)
    subject = Subject("v1", "Pod", "shop", "web")
    new = NewOperation(str(ULID()), ACCOUNT, Kind.APPLY, "ci", subject, False, b"{}", 60.0)
    await operations.submit(new)
    await operations.take(ACCOUNT, link="l", agent="a", incarnation="i", limit=1)
    assert await world.behind() == NOTHING
    await operations.finish(new.id, ACCOUNT, outcome, b"")
    assert await world.behind() == {waits}


@pytest.fixture
def keyring() -> Keyring:
    """A key of the test's own."""
    return Keyring([bytes(32)])


async def test_the_common_case_reads_one_index(world: World, database: str) -> None:
    """Without a recent write the question touches the index of marks and nothing else."""
    values: dict[str, Any] = {"account": ACCOUNT, "group": "", "plural": "pods", "namespace": "shop", "unknown_s": 30}
    async with await AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute("set search_path = fairlead; set enable_seqscan = off")
        statement = "explain (analyze, format json) " + writes._BEHIND
        cursor = await connection.execute(statement, values)
        row = await cursor.fetchone()
    assert row is not None
    ran = [node["Node Type"] for node in _nodes(row[0][0]["Plan"]) if node["Actual Loops"] > 0]
    assert set(ran) <= {"Unique", "Sort", "Index Scan", "Bitmap Heap Scan", "Bitmap Index Scan", "HashAggregate"}
    assert len([kind for kind in ran if "Scan" in kind]) <= 2


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for each in plan.get("Plans", []) for node in _nodes(each))]
