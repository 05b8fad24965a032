"""Lists: pages, limits, and when they break off."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator

import pytest
from tests.support.mirror_data import ACCOUNT, CLAIM, PODS, upsert
from tests.support.mirror_store import MemoryMirror
from tests.support.mirror_writer import Writer

from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core.facade.coverage import Coverage, Standing
from fairlead.gateway.core.facade.cursors import Cursor
from fairlead.gateway.core.facade.formats import Format
from fairlead.gateway.core.facade.selection import Selection
from fairlead.gateway.core.states import ResourceState
from fairlead.gateway.flows.facade import lists
from fairlead.gateway.flows.facade.lists import Listing, continues
from fairlead.gateway.ports.listing import Extent, Page, Room

NAMES = [f"web-{number}" for number in range(10)]
STANDING = Standing(4, PODS, "", ResourceState.LIVE, None, False, 1, 1, None, None, None)  # type: ignore[arg-type] # not read


@pytest.fixture
async def mirror() -> MemoryMirror:
    """A mirror with ten pods."""
    memory = MemoryMirror()
    await memory.claim_account(CLAIM, zone="zone", agent="agent")
    writer = await Writer.open(memory)
    await writer.send(*(upsert(name, number) for number, name in enumerate(NAMES, 1)), checkpoint=10)
    return memory


async def begun(mirror: MemoryMirror, limit: int = 0) -> AsyncIterator[bytes]:
    """The body of a list."""
    async with mirror.look(ACCOUNT, "", "pods") as look:
        extent = Extent(look.coverage.standings[0].id, Selection("", "pods"))
        cursor = Cursor(look.coverage.nonce, look.coverage.change)
        listing = Listing(mirror, ACCOUNT, PODS, extent, Format(), cursor, limit)
        page = await look.page(extent, None, listing.room())
    return listing.begin(page)


@pytest.mark.parametrize(
    "room", [Room(rows=1), Room(rows=3), Room(rows=10), Room(rows=100), Room(rows=100, size_bytes=1)]
)
@pytest.mark.parametrize("limit", [0, 1, 3, 9, 10, 11])
async def test_every_page_size_gives_the_same_list(
    mirror: MemoryMirror, room: Room, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items in order, none twice; a token exactly when something is left."""
    monkeypatch.setattr(lists, "ROOM", room)
    listed = json.loads(b"".join([piece async for piece in await begun(mirror, limit)]))
    assert [item["metadata"]["name"] for item in listed["items"]] == NAMES[: limit or 10]
    assert ("continue" in listed["metadata"]) == (0 < limit < 10)


async def test_a_page_is_read_when_the_one_before_is_taken(
    mirror: MemoryMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that does not read makes nobody read rows for it."""
    monkeypatch.setattr(lists, "ROOM", Room(rows=4))
    looks = 0
    look = mirror.look

    def counted(account: str, group: str, plural: str):  # type: ignore[no-untyped-def] # noqa: ANN202 - as the twin
        nonlocal looks
        looks += 1
        return look(account, group, plural)

    monkeypatch.setattr(mirror, "look", counted)
    body = await begun(mirror)
    assert [looks] + [looks async for _ in body] == [1, 1, 2, 3, 3]


async def test_a_client_that_takes_its_time_costs_a_piece_and_no_rows(mirror: MemoryMirror) -> None:
    """What was written into the piece is not held besides."""
    bodies = [row.body for held in mirror.tables.reflectors.values() for row in held.rows.values()]
    before = [sys.getrefcount(body) for body in bodies]
    listing = await begun(mirror)
    piece = await anext(listing)
    assert all(body in piece for body in bodies)
    assert [sys.getrefcount(body) for body in bodies] == before


async def test_an_empty_page_is_a_list_with_metadata(mirror: MemoryMirror) -> None:
    """The head is not forgotten."""
    listing = Listing(mirror, ACCOUNT, PODS, Extent(1, Selection("", "pods")), Format(), Cursor(1, 2))
    assert json.loads(b"".join([piece async for piece in listing.begin(Page([], more=False))]))["items"] == []


@pytest.mark.parametrize(("coverage", "goes_on"), [
    (Coverage(1, 10, 0, [STANDING]), True), (Coverage(1, 5, 5, [STANDING]), True), (Coverage(2, 10, 0, [STANDING]), False),
    (Coverage(1, 10, 6, [STANDING]), False), (Coverage(1, 4, 0, [STANDING]), False), (Coverage(1, 10, 0), False),
])  # fmt: skip
def test_what_began_goes_on_as_long_as_the_rows_are_the_same(coverage: Coverage, goes_on: bool) -> None:
    """Another account, forgotten deletions, a database gone back, a reflector retired: no."""
    extent = Extent(STANDING.id, Selection("", "pods", keys=()))
    assert continues(coverage, extent, Cursor(1, 5)) is goes_on
    assert extent.selection.covers(ObjectKey("", "x"))
