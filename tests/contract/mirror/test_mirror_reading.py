"""What readers of the mirror see, run over the twin in memory and over PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.mirror_data import (
    ACCOUNT,
    PODS,
    delete,
    upsert,
)
from tests.support.mirror_writer import Mirror, Writer

from fairlead.contracts.identity import Resource
from fairlead.gateway.core.selectors import parse_selector
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.core.states import ResourceState, StateReport
from fairlead.gateway.core.views import Deletion, ObjectQuery
from fairlead.gateway.errors import CursorExpired


async def test_changes_are_read_behind_a_cursor(mirror: Mirror) -> None:
    """Newest states and deletions in the order of their commits; forgotten deletions expire older cursors."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("a", 10), upsert("b", 11), upsert("c", 12))
    start = (await mirror.objects(ObjectQuery(ACCOUNT, PODS))).change
    assert (await mirror.changes(ACCOUNT, PODS, after=start, limit=10)).changes == []
    await writer.send(upsert("b", 20, labels={"x": "y"}))
    await writer.send(delete("a", 21), checkpoint=21)
    await writer.send(delete("b", 22), upsert("a", 23), checkpoint=23)
    first = await mirror.changes(ACCOUNT, PODS, after=start, limit=1)
    rest = await mirror.changes(ACCOUNT, PODS, after=first.cursor, limit=10)
    assert (first.more, rest.more) == (True, False)
    seen = [(type(change).__name__, change.key.name, change.version) for change in first.changes + rest.changes]
    assert sorted(seen) == [("Deletion", "b", 22), ("StoredObject", "a", 23)]
    deletion = next(change for change in first.changes + rest.changes if isinstance(change, Deletion))
    assert (deletion.uid, deletion.labels) == ("u1", {"x": "y"})
    await mirror.collect_garbage(datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(CursorExpired):
        await mirror.changes(ACCOUNT, PODS, after=start, limit=10)
    assert (await mirror.changes(ACCOUNT, PODS, after=rest.cursor, limit=10)).changes == []
    with pytest.raises(CursorExpired):
        await mirror.changes(ACCOUNT, PODS, after=rest.cursor + 1, limit=10)


async def test_a_restored_database_closes_sessions_and_expires_cursors(mirror: Mirror) -> None:
    """Nobody writes on, and no change number comes twice (rule 13)."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web", 10), checkpoint=10)
    cursor = (await mirror.objects(ObjectQuery(ACCOUNT, PODS))).change
    assert await mirror.close_sessions(CloseReason.RESTORED) == {writer.opened.session: CloseReason.RESTORED}
    assert (await writer.send(upsert("web", 11))).closed == {writer.opened.session: CloseReason.SUPERSEDED}
    with pytest.raises(CursorExpired):
        await mirror.changes(ACCOUNT, PODS, after=cursor, limit=10)
    again = await Writer.open(mirror)
    assert again.opened.checkpoint == 10
    assert await mirror.close_sessions(CloseReason.REFUSED, sessions=["x", again.opened.session]) == {
        again.opened.session: CloseReason.REFUSED
    }


async def test_states_are_told_as_reported_and_as_lost(mirror: Mirror) -> None:
    """A lost agent makes heard states stale since then; whatever comes from a reflector makes it heard again."""
    since = datetime(2026, 1, 1, 12, tzinfo=UTC)
    await mirror.record_states(
        [
            StateReport(ACCOUNT, PODS, "", ResourceState.LIVE, since),
            StateReport("nobody", PODS, "", ResourceState.LIVE, since),
            StateReport(
                ACCOUNT, Resource("x.io", "v1", "things", "Thing", False), "", ResourceState.REFUSED, since, "403"
            ),
        ]
    )
    await mirror.mark_stale([ACCOUNT], since + timedelta(hours=1), "agent-0 is lost")
    await mirror.mark_stale([ACCOUNT], since + timedelta(hours=2), "again")
    pods, things = await mirror.resources(ACCOUNT)
    assert (pods.state, pods.since, pods.message) == (
        ResourceState.STALE,
        since + timedelta(hours=1),
        "agent-0 is lost",
    )
    assert (things.state, things.since, things.message) == (ResourceState.REFUSED, since, "403")
    writer = await Writer.open(mirror)
    await writer.send()
    pods, _ = await mirror.resources(ACCOUNT)
    assert (pods.state, pods.since, pods.writing) == (ResourceState.LIVE, since, True)
    assert pods.heard is not None
    assert [(view.rows, counted) for counted in (True, False) for view in await mirror.resources(ACCOUNT, counted=counted)] == [
        (0, True), (0, True), (None, False), (None, False),
    ]  # fmt: skip


SELECTORS = {
    "": {"a", "b", "c", "d"},
    "app=web": {"a"},
    "app==web,tier=1": {"a"},
    "app!=web": {"b", "c", "d"},
    "app in (web, db)": {"a", "b"},
    "app notin (web, db)": {"c", "d"},
    "tier": {"a", "b", "c"},
    "!tier": {"d"},
    "tier>1": {"b"},
    "tier<5,app": {"a"},
    "example.com/path=": {"d"},
}


@pytest.mark.parametrize("selector", SELECTORS)
async def test_objects_are_selected_by_labels(mirror: Mirror, selector: str) -> None:
    """Every operator of Kubernetes has its meaning, missing labels included."""
    writer = await Writer.open(mirror)
    await writer.send(
        upsert("a", 1, labels={"app": "web", "tier": "1"}),
        upsert("b", 2, labels={"app": "db", "tier": "10"}),
        upsert("c", 3, labels={"tier": "x", "app": "queue"}),
        upsert("d", 4, labels={"example.com/path": ""}),
    )
    page = await mirror.objects(ObjectQuery(ACCOUNT, PODS, labels=parse_selector(selector)))
    assert {stored.key.name for stored in page.objects} == SELECTORS[selector]


async def test_objects_are_paged_and_can_come_without_bodies(mirror: Mirror) -> None:
    """Pages follow each other without gaps; each says whether more follows."""
    writer = await Writer.open(mirror)
    await writer.send(*(upsert(name, 1, namespace=ns) for ns in ("x", "a") for name in ("two", "one", "three")))
    names = []
    after = None
    for expected_more in (True, True, False):
        page = await mirror.objects(ObjectQuery(ACCOUNT, PODS, limit=2, after=after, bodies=False))
        assert (page.more, {stored.body for stored in page.objects}) == (expected_more, {b""})
        names += [tuple(stored.key) for stored in page.objects]
        after = page.objects[-1].key
    assert names == [(ns, name) for ns in ("a", "x") for name in ("one", "three", "two")]
