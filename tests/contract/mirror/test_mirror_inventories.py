"""What inventories remove, ask for and contradict, run over the twin in memory and over PostgreSQL."""

from __future__ import annotations

import pytest
from tests.support.mirror_data import (
    delete,
    inventory,
    key,
    part,
    upsert,
)
from tests.support.mirror_writer import Mirror, Writer, rows

from fairlead.gateway.core.sessions import CloseReason, Opened


async def test_an_inventory_removes_what_it_lacks_up_to_its_snapshot(mirror: Mirror) -> None:
    """Newer rows stay; removed rows leave tombstones at the snapshot's version (rule 10)."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("a", 10), upsert("b", 11), upsert("c", 30), upsert("d", 12, "u4"))
    committed = await writer.list_all(20, ("a", "u1", 10), ("d", "u9", None))
    assert (committed.counts.removed, committed.repairs, committed.closed) == (1, {}, {})
    assert await rows(mirror) == {"a": 10, "c": 30, "d": 12}
    await writer.send(upsert("b", 20))
    assert "b" not in await rows(mirror)
    await writer.send(upsert("b", 21))
    assert (await rows(mirror))["b"] == 21


async def test_an_inventory_chunk_speaks_for_its_range_only(mirror: Mirror) -> None:
    """The range is half open and bytewise; rows outside of it stay."""
    writer = await Writer.open(mirror)
    await writer.send(*(upsert(name, 10) for name in ("a", "b", "c", "d", "Z")))
    chunk = inventory(20, [("b", "u1", 10), ("zz", "u1", 15)], first=key("b"), until=key("d"))
    committed = await writer.commit(part(2, inventory=chunk))
    assert (await rows(mirror), committed.repairs) == ({"a": 10, "b": 10, "d": 10, "Z": 10}, {})


async def test_an_inventory_asks_for_what_lacks_once_nothing_is_under_way(mirror: Mirror) -> None:
    """Missing and older rows are asked for, but only when all parts before it are committed; deleted ones are not."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("old", 10), delete("gone", 18))
    listed = (("old", "u1", 12), ("lost", "u1", 11), ("gone", "u1", 17), ("sent", "u1", None))
    chunk = inventory(17, listed)
    early = await writer.commit(part(3, inventory=chunk))
    assert early.repairs == {}
    await writer.commit(part(2))
    committed = await writer.commit(part(4, inventory=chunk))
    assert committed.repairs[writer.opened.session].names == [key("old"), key("lost")]
    assert not committed.repairs[writer.opened.session].relist


async def test_too_much_that_lacks_means_a_relist(mirror: Mirror) -> None:
    """Past a bound of names the reflector lists again."""
    writer = await Writer.open(mirror)
    committed = await writer.list_all(20, *((f"pod-{number}", "u1", 10) for number in range(600)))
    repair = committed.repairs[writer.opened.session]
    assert (repair.relist, repair.names) == (True, [])


@pytest.mark.parametrize(
    "entry",
    [("web", "u1", 10), ("web", "u2", 15), ("dead", "u1", 16), ("dead", "u1", 15)],
    ids=["older", "other uid", "dead at its version", "dead before"],
)
async def test_an_inventory_that_contradicts_the_rows_begins_a_new_epoch(
    mirror: Mirror, entry: tuple[str, str, int]
) -> None:
    """Versions ran backwards: the session ends, nothing is removed, and the next one has a new epoch (rule 9)."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web", 15), upsert("spare", 3), delete("dead", 16), checkpoint=16)
    committed = await writer.list_all(20, entry)
    assert committed.closed == {writer.opened.session: CloseReason.CONTRADICTION}
    assert (committed.counts.removed, await rows(mirror)) == (0, {"web": 15, "spare": 3})
    assert (await writer.send(upsert("web", 99))).closed == {writer.opened.session: CloseReason.SUPERSEDED}
    following = await Writer.open(mirror)
    assert (following.opened.epoch, following.opened.checkpoint, following.opened.rows) == (2, None, 2)


async def test_a_new_epoch_replaces_rows_whatever_their_versions(mirror: Mirror) -> None:
    """Epoch before version: lower versions of a restored cluster are taken, and its list removes the rest (rule 9)."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web", 100), upsert("gone", 90), delete("dead", 95), checkpoint=100)
    restored = await Writer.open(mirror, ended_epoch=1)
    assert restored.opened == Opened("session-2", 2, None, 0, None, 2)
    await restored.send(upsert("web", 50), upsert("dead", 40))
    committed = await restored.list_all(60, ("web", "u1", 50), ("dead", "u1", 40))
    assert (committed.closed, committed.repairs) == ({}, {})
    assert await rows(mirror) == {"dead": 40, "web": 50}
