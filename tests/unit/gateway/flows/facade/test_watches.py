"""WATCH out of the mirror, as its clients see it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.listing_clients import Desk, MirroringClient, desk
from tests.support.mirror_data import ACCOUNT, CLAIM, PODS, batch, delete, part, request, source, upsert
from tests.support.mirror_store import MemoryMirror
from tests.support.mirror_writer import Writer
from tests.support.services import eventually

from fairlead.contracts.envelope import Batch
from fairlead.contracts.identity import Resource
from fairlead.gateway.core.commits import Committed
from fairlead.gateway.core.facade.cursors import Cursor
from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.core.states import ResourceState, StateReport
from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.flows.facade import feeds, watches
from fairlead.gateway.ports.listing import Room

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"
END = "k8s.io/initial-events-end"
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
MAPS_PATH = "/api/v1/configmaps"


class Speaking(MemoryMirror):
    """Gives a hint with each commit, and may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.desk: Desk | None = None
        self.away = False
        self.refused = 0

    async def commit(self, batches: Sequence[Batch]) -> Committed:
        """Commit, and say so."""
        committed = await super().commit(batches)
        if self.desk is not None:
            self.desk.board.say()
        return committed

    def look(self, account: str, group: str, plural: str):  # type: ignore[no-untyped-def] # noqa: ANN201 - as the twin
        """Look, or fail."""
        if self.away:
            self.refused += 1
            raise DatabaseUnavailable("away")
        return super().look(account, group, plural)


@pytest.fixture
async def mirror() -> Speaking:
    """A mirror in which the account is claimed."""
    memory = Speaking()
    await memory.claim_account(CLAIM, zone="zone", agent="agent")
    return memory


@pytest.fixture
async def reader(mirror: Speaking) -> AsyncIterator[Desk]:
    """A desk over it, which hears of commits."""
    async with desk(mirror) as opened:
        mirror.desk = opened
        yield opened


@pytest.fixture
async def writer(mirror: Speaking) -> Writer:
    """A reflector whose first list is complete: two pods."""
    opened = await Writer.open(mirror)
    await opened.send(upsert("a", 10), upsert("b", 11, labels={"app": "web"}), checkpoint=11)
    return opened


async def cursor(reader: Desk) -> str:
    """The version of a list."""
    version: str = (await reader.listed())["metadata"]["resourceVersion"]
    return version


async def refused(reader: Desk, **query: Any) -> int:
    """Code of a refusal."""
    with pytest.raises(Refusal) as refusal:
        await reader.ask(watch=True, **query)
    return refusal.value.status.code


async def test_a_watch_goes_on_from_a_list(reader: Desk, writer: Writer) -> None:
    """What comes is added, what changes modified, what goes deleted, each with its version of the cluster."""
    async with reader.watch(resourceVersion=await cursor(reader)) as watcher:
        await writer.send(upsert("c", 20), upsert("a", 21), delete("b", 22), checkpoint=22)
        assert await watcher.count(3) == [(ADDED, "c"), (MODIFIED, "a"), (DELETED, "b")]
        assert watcher.bookmarks() == []
        deleted = watcher.events[-1]["object"]
        assert deleted == {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": "b", "namespace": "shop", "uid": "u1", "resourceVersion": "22", "labels": {"app": "web"},
            },
        }  # fmt: skip


@pytest.mark.parametrize("version", [{}, {"resourceVersion": "0"}])
async def test_a_watch_without_a_version_begins_with_what_there_is(
    reader: Desk, writer: Writer, version: dict[str, str]
) -> None:
    """All of it is added; a write that passed through here is waited for."""
    async with reader.watch(**version) as watcher:
        assert await watcher.count(2) == [(ADDED, "a"), (ADDED, "b")]
        await writer.send(upsert("a", 20), checkpoint=20)
        assert (await watcher.count(3))[-1] == (MODIFIED, "a")
    assert len(reader.gate.asked) == 1


async def test_initial_events_end_with_a_bookmark(reader: Desk, writer: Writer) -> None:
    """WatchList: what there is, the annotated bookmark, then what happens."""
    query: dict[str, Any] = {
        "sendInitialEvents": True,
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": True,
    }
    async with reader.watch(**query) as watcher:
        await watcher.until(lambda seen: bool(seen.bookmarks()))
        assert [event["type"] for event in watcher.events] == [ADDED, ADDED, "BOOKMARK"]
        assert watcher.bookmarks()[0]["annotations"] == {END: "true"}
        await writer.send(upsert("c", 20), checkpoint=20)
        assert (await watcher.count(3))[-1] == (ADDED, "c")
        await watcher.until(lambda seen: len(seen.bookmarks()) == 2)
        assert "annotations" not in watcher.bookmarks()[1]
    assert await refused(reader, sendInitialEvents=True) == 422


async def test_without_initial_events_a_watch_begins_now(reader: Desk, writer: Writer) -> None:
    """``sendInitialEvents=false`` and no version."""
    async with reader.watch(sendInitialEvents=False, resourceVersionMatch="NotOlderThan") as watcher:
        await writer.send(upsert("a", 20), checkpoint=20)
        assert await watcher.count(1) == [(MODIFIED, "a")]


async def test_bookmarks_lead_on(reader: Desk, writer: Writer) -> None:
    """One behind each batch of events; from the last one nothing is told twice and nothing is missed."""
    async with reader.watch(resourceVersion=await cursor(reader), allowWatchBookmarks=True) as watcher:
        await writer.send(upsert("c", 20), checkpoint=20)
        await watcher.until(lambda seen: bool(seen.bookmarks()))
        version = watcher.bookmarks()[-1]["resourceVersion"]
    await writer.send(delete("c", 21), checkpoint=21)
    async with reader.watch(resourceVersion=version) as watcher:
        assert await watcher.count(1) == [(DELETED, "c")]


async def test_quiet_watches_are_bookmarked(reader: Desk, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a client's cursor does not expire while nothing happens to what it watches."""
    monkeypatch.setattr(watches, "BOOKMARK_S", 0.02)
    async with reader.watch(resourceVersion=await cursor(reader), allowWatchBookmarks=True) as watcher:
        await watcher.until(lambda seen: len(seen.bookmarks()) >= 3)
        assert watcher.told() == []


async def test_a_version_of_an_event_leads_on(reader: Desk, writer: Writer) -> None:
    """Clients that take no bookmarks come back with the version of the last object they saw, or that of a deletion."""
    await writer.send(upsert("a", 20), checkpoint=20)
    await writer.send(upsert("b", 21), checkpoint=21)
    async with reader.watch(resourceVersion=20) as watcher:
        assert await watcher.count(1) == [(MODIFIED, "b")]
    await writer.send(delete("b", 30), checkpoint=30)
    await writer.send(upsert("c", 31), checkpoint=31)
    async with reader.watch(resourceVersion=30) as watcher:
        assert await watcher.count(1) == [(ADDED, "c")]
    assert await refused(reader, resourceVersion=21) == 410


async def test_versions_that_came_out_of_order_are_told_again(reader: Desk, writer: Writer) -> None:
    """A version says that all below it is known, not what came first here."""
    await writer.send(upsert("b", 25), checkpoint=None)
    await writer.send(upsert("a", 20), checkpoint=25)
    async with reader.watch(resourceVersion=20) as watcher:
        assert ("MODIFIED", "b") in await watcher.count(1)


async def test_versions_of_an_earlier_epoch_name_no_state(reader: Desk, mirror: Speaking, writer: Writer) -> None:
    """A cluster restored from a backup gives them out again."""
    await writer.send(upsert("a", 30), checkpoint=30)
    again = await Writer.open(mirror, ended_epoch=1)
    await again.send(upsert("a", 25), upsert("b", 28), checkpoint=28)
    assert await refused(reader, resourceVersion=28) == 410
    assert await refused(reader, resourceVersion=30) == 410
    await again.send(upsert("a", 31), checkpoint=31)
    async with reader.watch(resourceVersion=31) as watcher:
        await again.send(upsert("b", 32), checkpoint=32)
        assert await watcher.count(1) == [(MODIFIED, "b")]


async def test_cursors_that_lead_nowhere_are_refused(reader: Desk, mirror: Speaking, writer: Writer) -> None:
    """Forgotten deletions, another account, a database gone back: list again."""
    old = await cursor(reader)
    await writer.send(delete("a", 20), checkpoint=20)
    await mirror.collect_garbage(datetime.now(UTC) + timedelta(days=1))
    nonce = mirror.tables.nonces[ACCOUNT]
    for version in (old, Cursor(nonce, 10**6), Cursor(nonce ^ 1, 3), 5):
        assert await refused(reader, resourceVersion=version) == 410


async def test_a_version_that_the_mirror_has_not_reached_is_left_to_the_cluster(reader: Desk, writer: Writer) -> None:
    """A list that was read live has it: ``kubectl get --watch`` goes on from there and would take 410 for its end."""
    assert await reader.ask(watch=True, resourceVersion=999) is None
    await writer.send(upsert("a", 999), checkpoint=999)
    assert await reader.ask(watch=True, resourceVersion=999) is not None


async def test_a_selection_is_watched_as_objects_enter_and_leave_it(reader: Desk, writer: Writer) -> None:
    """What leaves is deleted for its watchers, what enters is added, all else is not told."""
    query: dict[str, Any] = {"labelSelector": "app=web", "resourceVersion": await cursor(reader)}
    async with reader.watch(**query) as watcher:
        await writer.send(upsert("c", 19, labels={"app": "web"}), checkpoint=19)
        assert await watcher.count(1) == [(ADDED, "c")]
        await writer.send(upsert("a", 20), checkpoint=20)
        await writer.send(upsert("a", 21, labels={"app": "web"}), checkpoint=21)
        assert (await watcher.count(2))[1:] == [(ADDED, "a")]
        await writer.send(upsert("b", 22), checkpoint=22)
        assert (await watcher.count(3))[2:] == [(DELETED, "b")]
        await writer.send(upsert("b", 23), delete("b", 24), checkpoint=24)
        await writer.send(delete("a", 25), checkpoint=25)
        assert (await watcher.count(4))[3:] == [(DELETED, "a")]


async def test_fields_are_watched(reader: Desk, writer: Writer) -> None:
    """By name, as kubectl waits for a deletion; and by what only bodies tell."""
    version = await cursor(reader)
    async with (
        reader.watch(fieldSelector="metadata.name=a", resourceVersion=version) as one,
        reader.watch("/api/v1/namespaces/other/pods", resourceVersion=version) as elsewhere,
        reader.watch(fieldSelector="status.phase!=Failed", resourceVersion=version) as phase,
    ):
        await writer.send(upsert("b", 20), delete("a", 21), checkpoint=21)
        assert await one.count(1) == [(DELETED, "a")]
        assert await phase.count(2) == [(MODIFIED, "b"), (DELETED, "a")]
        assert elsewhere.told() == []


async def test_metadata_is_watched(reader: Desk, writer: Writer) -> None:
    """Each event in the form that was asked for."""
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    async with reader.watch(accept=accept) as watcher:
        await watcher.count(2)
        await writer.send(delete("a", 20), checkpoint=20)
        await watcher.count(3)
        assert {event["object"]["kind"] for event in watcher.events} == {"PartialObjectMetadata"}


async def test_a_hidden_row_ends_a_watch(reader: Desk, writer: Writer) -> None:
    """The client lists again, live; of other rows it does not matter."""
    version = await cursor(reader)
    async with (
        reader.watch(resourceVersion=version) as watcher,
        reader.watch(resourceVersion=version, fieldSelector="metadata.name=a") as other,
    ):
        await writer.send(upsert("b", 20, object=b"", withheld="too large"), upsert("a", 21), checkpoint=21)
        await watcher.until(lambda seen: seen.ended)
        assert [(event["type"], event["object"]["code"]) for event in watcher.events] == [("ERROR", 410)]
        assert await other.count(1) == [(MODIFIED, "a")]
    assert await reader.ask(watch=True) is None


async def test_a_redacted_state_is_not_the_last_one_that_is_told(reader: Desk, mirror: Speaking) -> None:
    """Where redacted rows must not be shown, those that are gone are not either: their identity is told."""
    maps = await mirror.open_session(request(resource=CONFIG_MAPS))
    origin = source(maps, resource=CONFIG_MAPS)
    await mirror.commit([batch(origin, [part(1, upsert("plain", 10), checkpoint=10)])])
    version = (await reader.listed(MAPS_PATH))["metadata"]["resourceVersion"]
    gone = [part(2, upsert("secret", 11, redacted=True)), part(3, delete("secret", 12), checkpoint=12)]
    await mirror.commit([batch(origin, gone)])
    async with reader.watch(MAPS_PATH, resourceVersion=version) as watcher:
        assert await watcher.count(1) == [(DELETED, "secret")]
        assert "labels" not in watcher.events[0]["object"]["metadata"]


async def test_a_kind_that_is_refused_ends_its_watches(reader: Desk, mirror: Speaking, writer: Writer) -> None:
    """In the stream, as an API server says it."""
    async with reader.watch(resourceVersion=await cursor(reader)) as watcher:
        await mirror.record_states([StateReport(ACCOUNT, PODS, "", ResourceState.REFUSED, datetime.now(UTC))])
        reader.board.say()
        await watcher.until(lambda seen: seen.ended)
        assert [event["object"]["reason"] for event in watcher.events] == ["Expired"]


async def test_a_watch_ends_when_its_time_is_over(reader: Desk, writer: Writer) -> None:
    """Without a word, or with a last bookmark; the client comes back with what it has."""
    async with reader.watch(resourceVersion=await cursor(reader), timeoutSeconds=1) as watcher:
        await watcher.until(lambda seen: seen.ended)
        assert watcher.events == []
    async with reader.watch(
        resourceVersion=await cursor(reader), timeoutSeconds=1, allowWatchBookmarks=True
    ) as watcher:
        await watcher.until(lambda seen: seen.ended)
        assert len(watcher.bookmarks()) == 1


async def test_a_database_that_is_away_delays_a_watch(reader: Desk, mirror: Speaking, writer: Writer) -> None:
    """Nothing is told meanwhile, and nothing is missed."""
    async with reader.watch(resourceVersion=await cursor(reader)) as watcher:
        mirror.away = True
        await writer.send(upsert("a", 20), checkpoint=20)
        await eventually(lambda: mirror.refused > 0)
        assert watcher.told() == []
        mirror.away = False
        assert await watcher.count(1) == [(MODIFIED, "a")]


async def test_who_hangs_up_leaves_nothing_behind(reader: Desk, writer: Writer) -> None:
    """Neither in the middle of what there is nor while it waits."""
    answer = await reader.ask(watch=True)
    assert answer is not None
    assert not isinstance(answer.body, bytes)
    assert await anext(answer.body)
    await answer.body.aclose()  # type: ignore[attr-defined] # a generator
    async with reader.watch(resourceVersion=await cursor(reader)):
        pass
    assert reader.reading.feeds._feeds == {}


@pytest.mark.parametrize("seed", range(8))
async def test_clients_that_come_and_go_end_with_the_rows(
    reader: Desk, mirror: Speaking, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whatever is written meanwhile, however small the pages, and from wherever they go on."""
    chance = random.Random(seed)  # noqa: S311 - a test's choices
    monkeypatch.setattr(feeds, "ROOM", Room(rows=chance.choice([1, 2, 5, 500])))
    monkeypatch.setattr(watches, "ROOM", feeds.ROOM)
    monkeypatch.setattr(watches, "BOOKMARK_S", 0.05)
    monkeypatch.setattr(feeds, "FEED_BYTES", chance.choice([1, 300, 10**6]))
    writer = await Writer.open(mirror)
    await writer.send(checkpoint=1)
    clients = [MirroringClient(reader, random.Random(seed * 10 + each)) for each in range(6)]  # noqa: S311
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.follow())
        version = 1
        for _ in range(120):
            events = []
            for name in chance.sample("abcdefgh", chance.randint(1, 3)):
                version += 1
                wanted = upsert(name, version, labels={"app": chance.choice(["web", "db"])})
                events.append(delete(name, version) if chance.random() < 0.3 else wanted)
            await writer.send(*events, checkpoint=version)
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
        for client in clients:
            client.stop_at = mirror.tables.changes[ACCOUNT]
        reader.board.say()
    held = next(iter(mirror.tables.reflectors.values()))
    for client in clients:
        rows = {row.key.name: str(row.version) for row in held.rows.values() if client.selects(row.labels)}
        assert client.objects == rows, client.query
