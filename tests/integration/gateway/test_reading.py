"""LIST and WATCH over PostgreSQL, with its hints, its concurrency and its failures; and through the door."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx
import psycopg
import pytest
from tests.support.gateway import Authorities, RunningGateway, credentials, running_gateway
from tests.support.listing_clients import Desk, MirroringClient, desk
from tests.support.mirror_data import ACCOUNT, CLAIM, PODS, batch, delete, part, request, source, upsert

from fairlead.contracts.identity import Resource
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.commits import CHANNEL
from fairlead.gateway.adapters.postgres.listing import PostgresListing
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.notices import PostgresNotices
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.flows.facade import watches
from fairlead.gateway.flows.facade.feeds import ALL_BYTES, POLL_S
from fairlead.runtime import metrics

KINDS = [PODS, *(Resource("", "v1", plural, plural.title(), namespaced=True) for plural in ("services", "endpoints"))]
TOKEN = "flt_facade"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
PADDING = "x" * 4000


class Session:
    """A session of one kind that numbers its parts."""

    def __init__(self, mirror: PostgresMirror, kind: Resource, opened: Any) -> None:
        self.mirror, self.kind, self.opened, self.number = mirror, kind, opened, 0

    async def send(self, *events: Any, checkpoint: int) -> None:
        """Commit the next part."""
        self.number += 1
        committed = part(self.number, *events, checkpoint=checkpoint)
        await self.mirror.commit([batch(source(self.opened, resource=self.kind), [committed])])


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Database]:
    """A prepared database with the account of the tests."""
    await prepare_schema(database)
    async with Database(database) as opened:
        await PostgresAccounts(opened).claim_account(CLAIM, zone="zone", agent="agent")
        yield opened


async def session(pool: Database, kind: Resource = PODS) -> Session:
    """A session whose first list is complete."""
    mirror = PostgresMirror(pool)
    opened = Session(mirror, kind, await mirror.open_session(request(resource=kind)))
    await opened.send(checkpoint=1)
    return opened


@asynccontextmanager
async def reading(pool: Database, dsn: str) -> AsyncIterator[Desk]:
    """A desk as the gateway has it."""
    async with desk(PostgresListing(pool), notices=PostgresNotices(dsn, CHANNEL)) as opened:
        yield opened


async def test_clients_that_come_and_go_end_with_the_rows(
    pool: Database, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kinds are written at once, two gateways are asked in turn, connections break: nothing is missed, nothing is left over."""
    monkeypatch.setattr(watches, "BOOKMARK_S", 0.2)
    chance = random.Random(7)  # noqa: S311 - a test's choices
    sessions = [await session(pool, kind) for kind in KINDS]
    async with AsyncExitStack() as stack:
        desks = [await stack.enter_async_context(reading(pool, database)) for _ in range(2)]
        clients = [MirroringClient(desks[each % 2], random.Random(each), desks[(each + 1) % 2]) for each in range(8)]  # noqa: S311
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.follow())
            async with asyncio.TaskGroup() as writers:
                for each in sessions:
                    writers.create_task(_write(each, random.Random(each.kind.plural)))  # noqa: S311
                writers.create_task(_break_connections(database, chance))
            change = await _change(pool)
            for client in clients:
                client.stop_at = change
    async with pool.transaction() as connection:
        cursor = await connection.execute(
            "select name, version::text as version, labels from objects o join resources r on r.id = o.resource_id"
            " where r.plural = 'pods'"
        )
        rows = await cursor.fetchall()
    assert rows
    for client in clients:
        wanted = {row["name"]: row["version"] for row in rows if client.selects(row["labels"])}
        assert client.objects == wanted, client.query


async def _write(session: Session, chance: random.Random) -> None:
    version = 1
    for _ in range(50):
        events = []
        for name in chance.sample("abcdefgh", chance.randint(1, 3)):
            version += 1
            kept = upsert(name, version, labels={"app": chance.choice(["web", "db"])})
            events.append(delete(name, version) if chance.random() < 0.3 else kept)
        try:
            await session.send(*events, checkpoint=version)
        except Exception:  # noqa: BLE001 - a connection was cut: the same part again, as observation does
            session.number -= 1
            await session.send(*events, checkpoint=version)
        await asyncio.sleep(chance.choice([0, 0.002]))


async def _break_connections(dsn: str, chance: random.Random) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as assassin:
        for _ in range(3):
            await asyncio.sleep(chance.uniform(0.05, 0.2))
            await assassin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'"
                " and datname = current_database()"
            )


async def _change(pool: Database) -> int:
    async with pool.transaction() as connection:
        row = await (await connection.execute("select change from accounts")).fetchone()
    assert row is not None
    return int(row["change"])


async def test_a_hint_tells_a_watch_at_once(pool: Database, database: str) -> None:
    """Long before anybody would look by himself."""
    pods = await session(pool)
    async with reading(pool, database) as reader, reader.watch() as watcher:
        await pods.send(upsert("first", 2), checkpoint=2)
        await watcher.count(1)
        slowest = 0.0
        for version in range(10, 20):
            began = time.monotonic()
            await pods.send(upsert(f"o{version}", version), checkpoint=version)
            await watcher.count(version - 8)
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < POLL_S / 2


async def test_no_transaction_is_open_while_a_client_does_not_read(pool: Database, database: str) -> None:
    """A slow reader keeps no snapshot alive, and no connection."""
    pods = await session(pool)
    for start in range(0, 3000, 500):
        await pods.send(*(upsert(f"o{start + each}", start + each + 2) for each in range(500)), checkpoint=start + 502)
    async with reading(pool, database) as reader:
        bodies = []
        queries: list[dict[str, Any]] = [{}, {"watch": True}]
        for query in queries:
            answer = await reader.ask("/api/v1/pods", **query)
            assert answer is not None
            assert not isinstance(answer.body, bytes)
            assert await anext(answer.body)
            bodies.append(answer.body)
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
            cursor = await other.execute(
                "select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null"
                " and pid <> pg_backend_pid() and backend_type = 'client backend'"
            )
            assert await cursor.fetchone() == (0,)
        for body in bodies:
            await body.aclose()  # type: ignore[attr-defined] # a generator


async def test_readers_leave_connections_to_those_who_write(
    pool: Database, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many look at once: commits go on, and who looks waits for a bounded time."""
    monkeypatch.setattr("fairlead.gateway.adapters.postgres.listing.WAIT_TIMEOUT_S", 0.2)
    pods, store = await session(pool), PostgresListing(pool)
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(store.look(ACCOUNT, "", "pods"))
        with pytest.raises(DatabaseUnavailable):
            await stack.enter_async_context(store.look(ACCOUNT, "", "pods"))
        await pods.send(upsert("web", 2), checkpoint=2)
    async with store.look(ACCOUNT, "", "pods") as look:
        assert look.coverage.standings[0].checkpoint == 2


async def test_a_row_that_is_hidden_is_found_by_its_index(pool: Database) -> None:
    """A list looks for hidden rows before it begins; that must not cost a look at all of them."""
    pods = await session(pool)
    await pods.send(*(upsert(f"o{each}", each) for each in range(2, 500)), checkpoint=500)
    await pods.send(upsert("hidden", 501, object=b"", withheld="too large"), checkpoint=501)
    async with pool.transaction() as connection:
        await connection.execute("analyze objects")
        cursor = await connection.execute(
            "explain (format json) select exists (select from objects where resource_id = 1 and withheld <> '')"
        )
        plan = json.dumps(await cursor.fetchone())
    assert "objects_hidden" in plan


@pytest.fixture
async def door(pool: Database, database: str, authorities: Authorities) -> AsyncIterator[RunningGateway]:
    """A running gateway whose facade may be read with a token."""
    facade = {"name": "facade", "kind": "facade", "accounts": ["*"], "verbs": ["read"]}
    facade["sha256"] = sha256(TOKEN.encode()).hexdigest()
    async with running_gateway(database, authorities, credentials=[*credentials(), facade]) as started:
        yield started


@asynccontextmanager
async def client(door: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the account's facade."""
    context = ssl.create_default_context(cafile=door.authorities.directory / "ca.crt")
    base = f"https://{door.https}/accounts/{ACCOUNT}"
    async with httpx.AsyncClient(base_url=base, headers=HEADERS, verify=context, trust_env=False, timeout=30) as opened:
        yield opened


async def test_lists_and_watches_go_through_the_door(pool: Database, door: RunningGateway) -> None:
    """Chunked, with the header that tells their age; and a client that hangs up leaves no watch behind."""
    pods = await session(pool)
    await pods.send(*(upsert(f"o{each}", each) for each in range(2, 1202)), checkpoint=1202)
    async with client(door) as http:
        answer = await http.get("/api/v1/namespaces/shop/pods", params={"limit": 1000})
        assert (answer.status_code, answer.headers["Fairlead-Freshness"][:12]) == (200, "source=store")
        page = answer.json()
        rest = (
            await http.get("/api/v1/namespaces/shop/pods", params={"continue": page["metadata"]["continue"]})
        ).json()
        assert len(page["items"]) + len(rest["items"]) == 1200
        query = {"watch": "true", "resourceVersion": page["metadata"]["resourceVersion"], "allowWatchBookmarks": "true"}
        async with http.stream("GET", "/api/v1/pods", params=query) as watch:
            assert watch.headers["Transfer-Encoding"] == "chunked"
            await pods.send(upsert("new", 2000), delete("o2", 2001), checkpoint=2001)
            seen = []
            async for line in watch.aiter_lines():
                event = json.loads(line)
                seen.append((event["type"], event["object"]["metadata"].get("name", "")))
                if event["type"] == "DELETED":  # in its last state, and in the version of its end
                    assert event["object"]["metadata"].keys() >= {"labels", "uid"}
                    assert event["object"]["metadata"]["resourceVersion"] == "2001"
                if event["type"] == "BOOKMARK":
                    break
        assert seen == [("ADDED", "new"), ("DELETED", "o2"), ("BOOKMARK", "")]
        expired = await http.get("/api/v1/pods", params={"watch": "true", "resourceVersion": "1"})
        assert (expired.status_code, expired.json()["reason"]) == (410, "Expired")
    await _until(lambda: metrics.GATEWAY_WATCHES._value.get() == 0)


async def test_a_client_that_does_not_read_delays_nobody(pool: Database, door: RunningGateway) -> None:
    """It holds a little and is told the rest when it reads; the others are told at once."""
    pods = await session(pool)
    async with client(door) as http:
        stalled = await _stalled_watch(door)
        async with http.stream("GET", "/api/v1/pods", params={"watch": "true"}) as watch:
            lines = watch.aiter_lines()
            for start in range(2, 6002, 100):
                events = [
                    upsert(f"o{start + each}", start + each, labels={"padding": PADDING[:63]}) for each in range(100)
                ]
                for event in events:
                    event.object = event.object[:-1] + b',"x":"%b"}' % PADDING.encode()
                await pods.send(*events, checkpoint=start + 99)
                for _ in range(100):
                    await asyncio.wait_for(anext(lines), 10)
        assert metrics.GATEWAY_WATCH_BYTES._value.get() < ALL_BYTES
        reader, writer = stalled
        names: set[str] = set()
        async with asyncio.timeout(30):
            while len(names) < 6000:
                line = await reader.readline()
                if line.startswith(b'{"type"'):
                    names.add(json.loads(line)["object"]["metadata"]["name"])
        writer.close()
    await _until(lambda: metrics.GATEWAY_WATCHES._value.get() == 0)


async def _stalled_watch(door: RunningGateway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A watch of which only the head is read."""
    host, _, port = door.https.rpartition(":")
    context = ssl.create_default_context(cafile=door.authorities.directory / "ca.crt")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context, limit=1024 * 1024)
    asked = f"GET /accounts/{ACCOUNT}/api/v1/pods?watch=true HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    writer.write(asked.encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def _until(question: Any) -> None:
    async with asyncio.timeout(10):
        while not question():  # noqa: ASYNC110 - a metric tells nobody that it changed
            await asyncio.sleep(0.02)
