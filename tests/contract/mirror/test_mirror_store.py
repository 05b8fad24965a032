"""What every mirror store does with sessions, parts and epochs, run over the twin in memory and over PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.mirror_data import (
    ACCOUNT,
    batch,
    delete,
    key,
    part,
    request,
    source,
    upsert,
)
from tests.support.mirror_writer import AHEAD_LIMIT, Mirror, Writer, row, rows

from fairlead.contracts.envelope import Batch, Part
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.inventory import StoredVersion
from fairlead.gateway.core.sessions import CloseReason, Opened
from fairlead.gateway.errors import SessionClosed, UnknownAccount


async def test_a_session_starts_empty_and_its_events_become_rows(mirror: Mirror) -> None:
    """What was committed is read back, byte for byte, with the facts that queries need."""
    writer = await Writer.open(mirror)
    assert writer.opened == Opened("session-1", 1, None, 0, None, 0)
    event = upsert("web", 2**100, "u7", labels={"app": "shop"}, redacted=True)
    event.object = (
        b'{"metadata": {"labels": {"app":"shop"}, "creationTimestamp":"2024-05-01T10:00:00Z",'
        b' "ownerReferences":[{"uid":"owner-1"},{"uid":"owner-2"}]}, "spec":  {"x": 1.0}}'
    )
    committed = await writer.send(event)
    assert (committed.counts.written, committed.counts.applied, committed.closed) == (1, 1, {})
    stored = await row(mirror, "web")
    assert (stored.uid, stored.version, stored.epoch, stored.redacted) == ("u7", 2**100, 1, True)
    assert (stored.body, stored.labels, stored.owners) == (event.object, {"app": "shop"}, ("owner-1", "owner-2"))
    assert stored.created == datetime(2024, 5, 1, 10, tzinfo=UTC)


async def test_a_withheld_object_is_a_row_without_a_body(mirror: Mirror) -> None:
    """Identity and version stand, the reason too."""
    writer = await Writer.open(mirror)
    stub = upsert("huge", 5, withheld="too large")
    stub.object = b""
    await writer.send(stub)
    stored = await row(mirror, "huge")
    assert (stored.withheld, stored.body, stored.version) == ("too large", b"", 5)


async def test_only_the_last_opened_session_writes(mirror: Mirror) -> None:
    """Parts of any other session are refused, with their events, and the watcher is told (rule 2)."""
    old = await Writer.open(mirror)
    new = await Writer.open(mirror)
    committed = await old.send(upsert("web", 5), checkpoint=5)
    assert committed.closed == {old.opened.session: CloseReason.SUPERSEDED}
    assert (committed.counts.fenced, await rows(mirror), await new.checkpoint()) == (1, {}, None)
    stranger = batch(source(Opened("nobody", 1, None, 0, None, 0)), [part(1, upsert("web", 5))])
    assert (await mirror.commit([stranger])).closed == {"nobody": CloseReason.SUPERSEDED}


async def test_a_session_speaks_for_its_own_account_and_epoch_only(mirror: Mirror) -> None:
    """A session id under another account or epoch opens nothing."""
    writer = await Writer.open(mirror)
    other = source(writer.opened, account="someone-else")
    committed = await mirror.commit([batch(other, [part(1, upsert("web", 5))])])
    assert committed.closed == {writer.opened.session: CloseReason.SUPERSEDED}
    later = source(Opened(writer.opened.session, 2, None, 0, None, 0))
    await mirror.commit([batch(later, [part(1, upsert("web", 5))])])
    assert await rows(mirror) == {}


async def test_parts_are_applied_once_and_in_any_order(mirror: Mirror) -> None:
    """Duplicates are dropped by number; the checkpoint is that of the last part of the gapless prefix (rules 3, 4)."""
    writer = await Writer.open(mirror)
    await writer.commit(part(3, upsert("c", 13), checkpoint=13))
    assert (await rows(mirror), await writer.checkpoint()) == ({"c": 13}, None)
    await writer.commit(part(1, upsert("a", 11), checkpoint=11))
    assert await writer.checkpoint() == 11
    again = await writer.commit(part(3, upsert("c", 99)), part(1, upsert("a", 99)))
    assert (again.counts.duplicate, await rows(mirror)) == (2, {"a": 11, "c": 13})
    await writer.commit(part(2))
    assert await writer.checkpoint() == 13
    assert (await writer.commit(part(2))).counts.duplicate == 1


async def test_a_checkpoint_never_goes_back(mirror: Mirror) -> None:
    """A lower checkpoint of a later part is not stored."""
    writer = await Writer.open(mirror)
    await writer.send(checkpoint=20)
    await writer.send(checkpoint=10)
    assert await writer.checkpoint() == 20


async def test_too_many_parts_behind_a_hole_close_the_session(mirror: Mirror) -> None:
    """What is kept about parts that wait is bounded (rule 5)."""
    writer = await Writer.open(mirror)
    for number in range(2, 2 + AHEAD_LIMIT):
        assert (await writer.commit(part(number))).closed == {}
    committed = await writer.commit(part(90), part(91, upsert("late", 5)))
    assert committed.closed == {writer.opened.session: CloseReason.OVERFLOW}
    assert await rows(mirror) == {}


async def test_a_hole_that_lasts_closes_the_session(mirror: Mirror) -> None:
    """A hole is noticed only once it is old enough, and a filled one never."""
    writer = await Writer.open(mirror)
    await writer.commit(part(1), part(3))
    assert await mirror.close_gaps([ACCOUNT], older_than_s=3600) == {}
    assert await mirror.close_gaps(["another"], older_than_s=0) == {}
    await writer.commit(part(2))
    assert await mirror.close_gaps([ACCOUNT], older_than_s=0) == {}
    await writer.commit(part(5))
    assert await mirror.close_gaps([ACCOUNT], older_than_s=0) == {writer.opened.session: CloseReason.GAP}
    assert await mirror.close_gaps([ACCOUNT], older_than_s=0) == {}
    assert (await writer.commit(part(4))).closed == {writer.opened.session: CloseReason.SUPERSEDED}


async def test_newer_versions_win_whatever_the_order(mirror: Mirror) -> None:
    """Older states and repeated ones change nothing (rule 6)."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web", 10, "u2"))
    committed = await writer.send(upsert("web", 9, "u1"), upsert("web", 10, "other"), upsert("web", 8))
    assert committed.counts.superseded == 3
    assert (await row(mirror, "web")).uid == "u2"
    await writer.send(upsert("web", 13), delete("web", 12), upsert("web", 11))
    assert await rows(mirror) == {"web": 13}


async def test_a_delete_wins_at_equal_version_and_whatever_the_uid(mirror: Mirror) -> None:
    """UIDs do not decide; a late state of a deleted object does not bring it back (rules 6, 7)."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web", 10, "u2"))
    assert (await writer.send(delete("web", 9))).counts.deleted == 0
    assert (await writer.send(delete("web", 10, "u1"))).counts.deleted == 1
    assert (await writer.send(upsert("web", 10), upsert("web", 9))).counts.superseded == 2
    assert await rows(mirror) == {}
    await writer.send(upsert("web", 11, "u3"))
    assert await rows(mirror) == {"web": 11}
    versions, last = await mirror.stored_versions(writer.opened.session, None, limit=10)
    assert (versions, last) == ([StoredVersion(key("web"), "u3", 11, 1, tombstone=False)], True)


async def test_a_delete_of_an_unknown_object_is_remembered(mirror: Mirror) -> None:
    """The creation that it overtook must not show the object again."""
    writer = await Writer.open(mirror)
    await writer.send(delete("web", 10))
    await writer.send(delete("web", 7))
    await writer.send(upsert("web", 8))
    assert await rows(mirror) == {}
    versions, _ = await mirror.stored_versions(writer.opened.session, None, limit=10)
    assert versions == [StoredVersion(key("web"), "", 10, 1, tombstone=True)]


async def test_an_epoch_ends_once_and_a_watcher_may_know_a_later_one(mirror: Mirror) -> None:
    """A second report of the same end begins nothing; a database that was restored takes the watcher's epoch (rule 9)."""
    assert (await Writer.open(mirror)).opened.epoch == 1
    assert (await Writer.open(mirror, known_epoch=1, ended_epoch=1)).opened.epoch == 2
    assert (await Writer.open(mirror, ended_epoch=1)).opened.epoch == 2
    assert (await Writer.open(mirror, known_epoch=7)).opened.epoch == 7
    assert (await Writer.open(mirror, known_epoch=3)).opened.epoch == 7


async def test_a_session_resumes_from_the_checkpoint(mirror: Mirror) -> None:
    """Checkpoint, its age and the highest version of the epoch survive the session; parts begin anew."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web", 30), delete("x", 41))
    await writer.list_all(35, ("web", "u1", 30))
    resumed = await Writer.open(mirror)
    assert (resumed.opened.checkpoint, resumed.opened.highest, resumed.opened.rows) == (35, 41, 1)
    assert resumed.opened.checkpoint_age_ms < 60_000
    assert (await resumed.send(upsert("web", 42), checkpoint=42)).counts.written == 1
    assert await resumed.checkpoint() == 42


async def test_another_scope_clears_the_checkpoint_and_makes_rows_replaceable(mirror: Mirror) -> None:
    """Rows of equal version are replaced, and what had left the scope may come back as it was (rule 12)."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web", 10), upsert("out", 11), delete("out", 12), checkpoint=12)
    changed = await Writer.open(mirror, "other rules")
    assert (changed.opened.checkpoint, changed.opened.rows) == (None, 1)
    rewritten = upsert("web", 10, redacted=True)
    await changed.send(rewritten, upsert("out", 11))
    assert (await row(mirror, "web")).redacted
    assert await rows(mirror) == {"out": 11, "web": 10}
    assert (await Writer.open(mirror, "other rules")).opened.epoch == changed.opened.epoch


async def test_stored_versions_come_in_bytewise_pages(mirror: Mirror) -> None:
    """Rows and tombstones of the epoch, each once, in the order of bytes; only for the current session."""
    writer = await Writer.open(mirror)
    names = ["a", "B", "a-b", "ab", "é", "z", "Z"]
    await writer.send(*(upsert(name, 10 + number) for number, name in enumerate(names)), delete("m", 40))
    found: list[StoredVersion] = []
    after: ObjectKey | None = None
    last = False
    while not last:
        page, last = await mirror.stored_versions(writer.opened.session, after, limit=3)
        found += page
        after = page[-1].key
    assert [version.key.name for version in found] == sorted([*names, "m"], key=str.encode)
    assert [version.key.name for version in found if version.tombstone] == ["m"]
    await Writer.open(mirror)
    with pytest.raises(SessionClosed):
        await mirror.stored_versions(writer.opened.session, None, limit=3)


async def test_one_transaction_takes_batches_of_many_sessions(mirror: Mirror) -> None:
    """Parts of sessions are independent: one refused or closed session does not disturb another."""
    services = Resource("", "v1", "services", "Service", namespaced=True)
    pods = await Writer.open(mirror)
    other = await mirror.open_session(request(resource=services))
    stale = source(Opened("stale", 1, None, 0, None, 0))
    mixed = Batch(
        [source(pods.opened), stale, source(other, resource=services)],
        [Part(0, 1, 5, [upsert("web", 5)]), Part(1, 1, 9, [upsert("web", 9)]), Part(2, 1, 7, [upsert("web", 7)])],
    )
    second = batch(source(pods.opened), [part(2, upsert("api", 6), upsert("web", 6), checkpoint=6)])
    committed = await mirror.commit([mixed, second, second])
    assert committed.closed == {"stale": CloseReason.SUPERSEDED}
    assert (committed.counts.applied, committed.counts.duplicate, committed.counts.fenced) == (3, 1, 1)
    assert await rows(mirror) == {"api": 6, "web": 6}
    states = {view.resource.plural: (view.checkpoint, view.rows) for view in await mirror.resources(ACCOUNT)}
    assert states == {"pods": (6, 2), "services": (7, 1)}


async def test_tombstones_stay_until_checkpoint_and_readers_passed_them(mirror: Mirror) -> None:
    """Never dropped by time alone (rule 7), and never before readers had an hour."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web", 10), delete("web", 20), checkpoint=19)
    late = datetime.now(UTC) + timedelta(days=30)
    assert await mirror.collect_garbage(late) == 0
    await writer.send(checkpoint=20)
    assert await mirror.collect_garbage(datetime.now(UTC)) == 0
    assert await mirror.collect_garbage(late) == 1
    assert (await mirror.stored_versions(writer.opened.session, None, limit=5))[0] == []


async def test_an_account_can_be_made_to_list_again(mirror: Mirror) -> None:
    """Without its checkpoints, and in a new epoch when a person asks for it."""
    writer = await Writer.open(mirror)
    await writer.send(checkpoint=10)
    assert await mirror.relist(ACCOUNT, new_epoch=False) == {writer.opened.session: CloseReason.RELIST}
    again = await Writer.open(mirror)
    assert (again.opened.checkpoint, again.opened.epoch) == (None, 1)
    await mirror.relist(ACCOUNT, new_epoch=True)
    assert (await Writer.open(mirror)).opened.epoch == 2
    with pytest.raises(UnknownAccount):
        await mirror.relist("nobody", new_epoch=False)
