"""Clients of LIST and WATCH over `Reading`, without a door: they read what would go over the wire."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.support.facade_doubles import a_request
from tests.support.mirror_data import ACCOUNT

from fairlead.gateway.core.facade.cursors import Cursor, parse_position
from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.core.facade.targets import target_of
from fairlead.gateway.flows.facade.feeds import Feeds
from fairlead.gateway.flows.facade.reading import Reading, now_utc
from fairlead.gateway.ports.facade import FacadeAnswer
from fairlead.gateway.ports.listing import ListingStore, TableRenderer
from fairlead.gateway.ports.operations import Notice, NoticeBoard

PODS_PATH = "/api/v1/pods"
JsonObject = dict[str, Any]


class Board:
    """`NoticeBoard` on which a test writes."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Notice] = asyncio.Queue()

    def say(self, topic: str = "missed", key: str = "") -> None:
        """Write a hint."""
        self._queue.put_nowait(Notice(topic, key))

    async def stream(self) -> AsyncIterator[Notice]:
        """Every hint."""
        while True:
            yield await self._queue.get()


@dataclass
class Gate:
    """`WriteBarrier` that a test opens and closes."""

    open: bool = True
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)

    async def passed(self, account: str, group: str, plural: str, namespace: str) -> bool:
        """Whether it is open."""
        self.asked.append((account, group, plural, namespace))
        return self.open


@dataclass
class Desk:
    """`Reading` with what a test needs around it."""

    reading: Reading
    gate: Gate
    board: Board

    async def ask(self, path: str = PODS_PATH, accept: str = "application/json", **query: Any) -> FacadeAnswer | None:
        """Ask for something; a query's parameters by name, its values as text."""
        named = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}
        text = f"{path}?{urlencode(named)}"
        target = target_of("GET", path, watching="watch" in named)
        assert target is not None
        return await self.reading.answer(a_request("GET", text, account=ACCOUNT, accept=accept), target)

    async def listed(self, path: str = PODS_PATH, **query: Any) -> JsonObject:
        """List, and read all of it."""
        answer = await self.ask(path, **query)
        assert answer is not None
        return await document(answer)

    async def names(self, path: str = PODS_PATH, **query: Any) -> list[str]:
        """Names of what a list shows."""
        return [item["metadata"]["name"] for item in (await self.listed(path, **query))["items"]]

    @asynccontextmanager
    async def watch(self, path: str = PODS_PATH, **query: Any) -> AsyncIterator[Watcher]:
        """Watch until the context ends."""
        answer = await self.ask(path, watch=True, **query)
        assert answer is not None
        assert not isinstance(answer.body, bytes)
        watcher = Watcher()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(watcher.read(answer.body))
            yield watcher
            task.cancel()


@asynccontextmanager
async def desk(
    store: ListingStore,
    *,
    tables: TableRenderer | None = None,
    stale_s: float = 300,
    notices: NoticeBoard | None = None,
) -> AsyncIterator[Desk]:
    """A desk whose feeds hear what is said on its board, or on another one."""
    board, gate = Board(), Gate()
    feeds = Feeds(store, notices or board, now_utc)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(feeds.listen())
        yield Desk(Reading(store, gate, feeds, stale_s, tables), gate, board)
        listening.cancel()


async def document(answer: FacadeAnswer) -> JsonObject:
    """The whole body, as one document."""
    assert not isinstance(answer.body, bytes)
    found: JsonObject = json.loads(b"".join([piece async for piece in answer.body]))
    return found


class Watcher:
    """What came of a watch."""

    def __init__(self) -> None:
        self.events: list[JsonObject] = []
        self.ended = False
        self._came = asyncio.Condition()

    async def read(self, body: AsyncIterator[bytes]) -> None:
        """Read until the end."""
        try:
            async for piece in body:
                async with self._came:
                    self.events += [json.loads(line) for line in piece.splitlines()]
                    self._came.notify_all()
        finally:
            await body.aclose()  # type: ignore[attr-defined] # what the door does
            self.ended = True
        async with self._came:
            self._came.notify_all()

    async def until(self, question: Callable[[Watcher], bool], within_s: float = 10.0) -> None:
        """Wait for a state."""
        async with asyncio.timeout(within_s), self._came:
            await self._came.wait_for(lambda: question(self))

    async def count(self, number: int) -> list[tuple[str, str]]:
        """Wait for so many events that are no bookmarks; type and name of each."""
        await self.until(lambda watcher: len(watcher.told()) >= number)
        return self.told()

    def told(self) -> list[tuple[str, str]]:
        """Type and name of each event that is no bookmark."""
        return [
            (event["type"], event["object"].get("metadata", {}).get("name", ""))
            for event in self.events
            if event["type"] != "BOOKMARK"
        ]

    def bookmarks(self) -> list[JsonObject]:
        """Metadata of the bookmarks."""
        return [event["object"]["metadata"] for event in self.events if event["type"] == "BOOKMARK"]


class MirroringClient:
    """A client as client-go: lists, watches from there or from where it was, lists again when it is told to."""

    def __init__(self, reader: Desk, chance: random.Random, other: Desk | None = None) -> None:
        self.readers = [reader, other or reader]
        self.chance = chance
        self.objects: dict[str, str] = {}
        self.stop_at: int | None = None
        self.query = chance.choice([{}, {"labelSelector": "app=web"}, {"labelSelector": "app!=db"}])
        self.bookmarks = chance.random() < 0.7

    @property
    def reader(self) -> Desk:
        """Whom it asks next."""
        return self.chance.choice(self.readers)

    def selects(self, labels: dict[str, str]) -> bool:
        """Whether the client asked for an object."""
        return not self.query or labels.get("app") == "web"

    async def follow(self) -> None:
        """Mirror until everything is told."""
        version = ""
        while not self._done(version):
            if not version:
                listed = await self.reader.listed(limit=self.chance.choice([0, 0, 2]), **self.query)
                while token := listed["metadata"].get("continue"):
                    more = await self.reader.listed(**{"continue": token, **self.query})
                    listed["items"] += more["items"]
                    listed["metadata"] = more["metadata"]
                version = listed["metadata"]["resourceVersion"]
                self.objects = {
                    item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in listed["items"]
                }
            version = await self._watch(version)

    async def _watch(self, version: str) -> str:
        patience = self.chance.choice([1, 3, 20])
        try:
            answer = await self.reader.ask(
                watch=True, resourceVersion=version, allowWatchBookmarks=True, timeoutSeconds=1, **self.query
            )
        except Refusal as refusal:
            if refusal.status.code != 410:
                raise
            return ""
        assert answer is not None
        assert not isinstance(answer.body, bytes)
        try:
            async for piece in answer.body:
                for line in piece.splitlines():
                    version = self._take(json.loads(line), version)
                patience -= 1
                if (patience <= 0 and self.stop_at is None) or self._done(version):
                    break
        finally:
            await answer.body.aclose()  # type: ignore[attr-defined] # a generator
        return version

    def _take(self, event: dict[str, Any], version: str) -> str:
        metadata = event["object"]["metadata"]
        if event["type"] == "DELETED":
            self.objects.pop(metadata["name"], None)
        elif event["type"] in ("ADDED", "MODIFIED"):
            self.objects[metadata["name"]] = metadata["resourceVersion"]
        elif not self.bookmarks and self.stop_at is None:
            return version
        current: str = metadata["resourceVersion"]
        return current

    def _done(self, version: str) -> bool:
        if self.stop_at is None or not version:
            return False
        position = parse_position(version)
        return isinstance(position, Cursor) and position.change >= self.stop_at
