"""PostgreSQL and the twin in memory agree, row for row, on whatever comes; and order, repetition and folding do not matter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from tests.support.mirror_data import ACCOUNT, CLAIM, PODS, batch, body, inventory, key, part, request, source
from tests.support.mirror_store import MemoryMirror, numbered_sessions

from fairlead.contracts.envelope import Batch, Change, Event, Part
from fairlead.contracts.identity import Resource
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.listing import PostgresListing
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.reading import PostgresReader
from fairlead.gateway.core.facade.selection import Selection
from fairlead.gateway.core.selectors import parse_selector
from fairlead.gateway.core.sessions import CloseReason, Opened
from fairlead.gateway.core.views import ObjectQuery
from fairlead.gateway.errors import CursorExpired, SessionClosed
from fairlead.gateway.ports.listing import Extent, ListingStore, Room
from fairlead.gateway.ports.mirror import AccountStore, MirrorReader, MirrorStore

NAMES = ("a", "b", "c", "d")
SERVICES = Resource("", "v1", "services", "Service", namespaced=True)
AHEAD_LIMIT = 3
RESTORED = CloseReason.RESTORED
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(days=1)
LABELLED = parse_selector("app=web")

names = st.sampled_from(NAMES)
versions = st.integers(1, 12)
uids = st.sampled_from(("u1", "u2"))


def an_event(change: Change, name: str, uid: str, version: int) -> Event:
    """An event; objects of the first names are labelled, and one version of an object is one state."""
    kind = ("plain", "plain", "redacted", "withheld")[version % 4]
    if change is Change.DELETE:
        return Event(change, key(name), uid, version, 0, b"")
    if kind == "withheld":
        return Event(change, key(name), uid, version, 0, b"", withheld=kind)
    content = body(name, labels={"app": "web"} if name < "c" else {})
    return Event(change, key(name), uid, version, 0, content, redacted=kind == "redacted")


events = st.builds(an_event, st.sampled_from(Change), names, uids, versions)
entries = st.lists(st.tuples(names, uids, st.none() | versions), max_size=4, unique_by=lambda entry: entry[0])
inventories = st.builds(
    lambda snapshot, listed, first, until: inventory(
        snapshot, listed, first=first and key(first), until=until and key(until)
    ),
    versions,
    entries,
    st.none() | names,
    st.none() | names,
)
parts = st.builds(
    lambda number, carried, checkpoint, chunk: replace(part(number, *carried, checkpoint=checkpoint), inventory=chunk),
    st.integers(1, 6),
    st.lists(events, max_size=4),
    st.none() | versions,
    st.none() | inventories,
)
opens = st.tuples(
    st.just("open"),
    st.sampled_from((PODS, SERVICES)),
    st.sampled_from(("all", "all", "all", "less")),
    st.sampled_from((0, 0, 0, 1, 2, 3)),
    st.sampled_from((0, 0, 0, 1, 2)),
)
commits = st.tuples(
    st.just("commit"),
    st.lists(st.tuples(st.integers(0, 2), st.lists(parts, min_size=1, max_size=3)), min_size=1, max_size=3),
)
others = st.sampled_from((("gaps",), ("close all",), ("relist",), ("garbage",)))
histories = st.lists(st.one_of(opens, commits, commits, commits, others), min_size=3, max_size=14)


class Ports:
    """The ports of one store, and the sessions opened in it."""

    def __init__(self, store: MirrorStore, accounts: AccountStore, reader: MirrorReader, listing: ListingStore) -> None:
        self.store, self.accounts, self.reader, self.listing = store, accounts, reader, listing
        self.opened: list[tuple[Opened, Resource]] = []

    async def play(self, step: tuple[Any, ...]) -> object:
        """Do one step and give back what can be seen of its outcome."""
        match step:
            case ("open", resource, scope, known, ended):
                wish = request(scope, known_epoch=known, ended_epoch=ended, resource=resource)
                opened = await self.store.open_session(wish)
                self.opened.append((opened, resource))
                return replace(opened, checkpoint_age_ms=0)
            case ("commit", carried):
                return await self.store.commit(self._batches(carried)) if self.opened else None
            case ("gaps",):
                return await self.store.close_gaps([ACCOUNT], older_than_s=0)
            case ("close all",):
                return len(await self.store.close_sessions(RESTORED))
            case ("relist",):
                return await self.store.relist(ACCOUNT, new_epoch=True)
            case _:
                return await self.store.collect_garbage(LATER)

    def _batches(self, carried: Sequence[tuple[int, list[Part]]]) -> list[Batch]:
        """Parts of the sessions opened last: number 0 is the last one."""
        batches = []
        for back, numbered in carried:
            opened, resource = self.opened[max(0, len(self.opened) - 1 - back)]
            batches.append(batch(source(opened, resource=resource), numbered))
        return batches

    async def contents(self) -> object:
        """Everything that readers and sessions see, without times."""
        seen: list[object] = []
        for view in await self.reader.resources(ACCOUNT):
            page = await self.reader.objects(ObjectQuery(ACCOUNT, view.resource))
            seen.append((view.resource, view.epoch, view.checkpoint, view.writing, view.rows, page.change))
            seen.append([replace(row, updated=EPOCH) for row in page.objects])
            seen.append(await self._changes(view.resource, page.change))
            seen.append(await self._look(view.resource))
        for opened, _ in self.opened[-2:]:
            seen.append(await self._versions(opened.session))
        return seen

    async def _changes(self, resource: Resource, cursor: int) -> object:
        try:
            read = await self.reader.changes(ACCOUNT, resource, after=max(0, cursor - 5), limit=99)
        except CursorExpired:
            return "expired"
        return [(type(change).__name__, change.key, change.version, change.change) for change in read.changes]

    async def _look(self, resource: Resource) -> object:
        """What LIST and WATCH read."""
        async with self.listing.look(ACCOUNT, resource.group, resource.plural) as look:
            standing, change = look.coverage.standings[0], look.coverage.change
            extent = Extent(standing.id, Selection(resource.group, resource.plural))
            seen: list[object] = [standing.epoch, standing.checkpoint, standing.outlived, look.coverage.floor]
            seen.append(await look.page(extent, None, Room(3, 150)))
            unredacted = Extent(
                standing.id, Selection(resource.group, resource.plural, labels=LABELLED), redacted=False
            )
            seen += [await look.hides(each, None) for each in (extent, unredacted)]
            seen.append(await look.page(unredacted, None, Room(3, 150)))
            seen += [
                await look.occurrences(each, change - 7, Room(2, 400), begun=begun)
                for each in (extent, unredacted)
                for begun in (None, change - 3)
            ]
            seen += [await look.place(extent, version) for version in range(1, 13)]
            seen += [await look.changed(extent, after) for after in range(change - 3, change + 1)]
        return seen

    async def _versions(self, session: str) -> object:
        try:
            return await self.store.stored_versions(session, None, limit=99)
        except SessionClosed:
            return "closed"


async def claimed(store: MirrorStore, accounts: AccountStore, reader: MirrorReader, listing: ListingStore) -> Ports:
    """Ports with the account of the tests."""
    await accounts.claim_account(CLAIM, zone="zone", agent="agent")
    return Ports(store, accounts, reader, listing)


def memory() -> MemoryMirror:
    """A twin."""
    return MemoryMirror(new_session=numbered_sessions(), ahead_limit=AHEAD_LIMIT)


async def postgres(database: Database) -> Ports:
    """PostgreSQL, emptied."""
    async with database.transaction() as connection:
        await connection.execute("truncate accounts, resources, objects, tombstones restart identity")
    mirror = PostgresMirror(database, new_session=numbered_sessions(), ahead_limit=AHEAD_LIMIT)
    return await claimed(mirror, PostgresAccounts(database), PostgresReader(database), PostgresListing(database))


def test_postgresql_and_its_twin_agree(database: str) -> None:
    """The same steps have the same outcomes and leave the same rows, whatever the steps are."""

    async def compare(steps: list[tuple[Any, ...]]) -> None:
        async with Database(database, size=2) as pool:
            twin = memory()
            pair = await claimed(twin, twin, twin, twin), await postgres(pool)
            for number, step in enumerate(steps):
                expected, real = [await ports.play(step) for ports in pair]
                assert real == expected, f"step {number}: {step}"
                assert await pair[1].contents() == await pair[0].contents(), f"after step {number}: {step}"

    asyncio.run(_prepared(database))

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors]
    )
    @given(histories)
    def check(steps: list[tuple[Any, ...]]) -> None:
        asyncio.run(compare([("open", PODS, "all", 0, 0), *steps]))

    check()


async def _prepared(dsn: str) -> None:
    await prepare_schema(dsn)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(events, max_size=4), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_order_repetition_and_batching_of_events_do_not_matter(
    carried: list[list[Event]], chance: random.Random
) -> None:
    """Parts shuffled, doubled and committed in other groups leave the rows that they leave one by one."""

    async def play(groups: list[list[Part]]) -> object:
        twin = memory()
        twin._ahead_limit = 100
        ports = await claimed(twin, twin, twin, twin)
        opened = await twin.open_session(request())
        for group in groups:
            await twin.commit([batch(source(opened), group)])
        del ports
        page = await twin.objects(ObjectQuery(ACCOUNT, PODS))
        stored, _ = await twin.stored_versions(opened.session, None, limit=99)
        return [replace(row, updated=EPOCH, change=0, uid="", body=b"") for row in page.objects], [
            version._replace(uid="") for version in stored
        ]

    numbered = [part(number, *group) for number, group in enumerate(carried, start=1)]
    doubled = numbered + numbered
    chance.shuffle(doubled)
    cut = chance.randrange(len(doubled) + 1)
    plainly = asyncio.run(play([[one] for one in numbered]))
    assert asyncio.run(play([doubled[:cut], doubled[cut:]])) == plainly
