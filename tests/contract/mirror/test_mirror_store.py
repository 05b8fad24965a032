"""What every mirror store does, told once and run over the twin in memory and over PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from tests.support.mirror_data import (
    ACCOUNT,
    CLAIM,
    CLUSTER,
    OTHER_CLUSTER,
    PODS,
    batch,
    delete,
    inventory,
    key,
    part,
    request,
    source,
    upsert,
)
from tests.support.mirror_store import MemoryMirror, numbered_sessions

from fairlead.contracts.envelope import Batch, Event, Part
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.reading import PostgresReader
from fairlead.gateway.core.claims import AccountClaim, ClaimReason, ClusterIdentity
from fairlead.gateway.core.commits import Committed
from fairlead.gateway.core.inventory import StoredVersion
from fairlead.gateway.core.selectors import parse_selector
from fairlead.gateway.core.sessions import CloseReason, Opened
from fairlead.gateway.core.states import ResourceState, StateReport
from fairlead.gateway.core.views import Deletion, ObjectQuery, StoredObject
from fairlead.gateway.errors import AccountRefused, CursorExpired, SessionClosed, UnknownAccount
from fairlead.gateway.ports.mirror import AccountStore, MirrorReader, MirrorStore

AHEAD_LIMIT = 4


class Mirror(MirrorStore, AccountStore, MirrorReader, Protocol):
    """All three ports."""


class PostgresWhole(PostgresMirror, PostgresAccounts, PostgresReader):
    """All three ports over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        PostgresMirror.__init__(self, database, new_session=numbered_sessions(), ahead_limit=AHEAD_LIMIT)


@pytest.fixture(params=["memory", "postgres"])
async def mirror(request: pytest.FixtureRequest) -> AsyncIterator[Mirror]:
    """An empty mirror in which the account is claimed."""
    if request.param == "memory":
        memory = MemoryMirror(new_session=numbered_sessions(), ahead_limit=AHEAD_LIMIT)
        await memory.claim_account(CLAIM, zone="zone", agent="agent-0")
        yield memory
        return
    dsn = request.getfixturevalue("database")
    await prepare_schema(dsn)
    async with Database(dsn, size=3) as database:
        whole = PostgresWhole(database)
        await whole.claim_account(CLAIM, zone="zone", agent="agent-0")
        yield whole


class Writer:
    """A reflector's session, which numbers its parts."""

    def __init__(self, mirror: Mirror, opened: Opened) -> None:
        self.mirror = mirror
        self.opened = opened
        self.number = 0

    @classmethod
    async def open(cls, mirror: Mirror, scope: str = "all", *, known_epoch: int = 0, ended_epoch: int = 0) -> Writer:
        """Open a session."""
        wish = request(scope, known_epoch=known_epoch, ended_epoch=ended_epoch)
        return cls(mirror, await mirror.open_session(wish))

    async def send(self, *events: Event, checkpoint: int | None = None) -> Committed:
        """Commit the next part, of events."""
        self.number += 1
        return await self.commit(part(self.number, *events, checkpoint=checkpoint))

    async def list_all(self, snapshot: int, *entries: tuple[str, str, int | None]) -> Committed:
        """Commit the next part, an inventory of everything, with a checkpoint at its snapshot."""
        self.number += 1
        return await self.commit(part(self.number, inventory=inventory(snapshot, entries), checkpoint=snapshot))

    async def commit(self, *parts: Part) -> Committed:
        """Commit parts."""
        return await self.mirror.commit([batch(source(self.opened), parts)])

    async def checkpoint(self) -> int | None:
        """The stored checkpoint."""
        return (await self.mirror.resources(ACCOUNT))[0].checkpoint


async def rows(mirror: Mirror) -> dict[str, int]:
    """Name and version of each row."""
    page = await mirror.objects(ObjectQuery(ACCOUNT, PODS))
    return {row.key.name: row.version for row in page.objects}


async def row(mirror: Mirror, name: str) -> StoredObject:
    """One row."""
    page = await mirror.objects(ObjectQuery(ACCOUNT, PODS, "shop", name))
    return page.objects[0]


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


async def test_a_name_belongs_to_its_first_cluster_until_somebody_decides(mirror: Mirror) -> None:
    """A second cluster is refused visibly, again and again; accepting it drops the first one's rows."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web", 10), checkpoint=10)
    second = AccountClaim(ACCOUNT, OTHER_CLUSTER)
    for _ in range(2):
        outcome = await mirror.claim_account(second, zone="other", agent="agent-1")
        assert (outcome.granted, outcome.reason) == (False, ClaimReason.OTHER_CLUSTER)
        assert "fairlead accounts accept" in outcome.message
    (account,) = await mirror.accounts()
    assert (account.cluster, account.zone) == (CLUSTER, "zone")
    assert account.refusal is not None
    assert (account.refusal.cluster, account.refusal.zone) == (OTHER_CLUSTER, "other")
    with pytest.raises(AccountRefused):
        await mirror.open_session(request(cluster=OTHER_CLUSTER))
    assert await mirror.accept_cluster(ACCOUNT) == {writer.opened.session: CloseReason.SUPERSEDED}
    assert (await mirror.claim_account(second, zone="other", agent="agent-1")).granted
    assert not (await mirror.claim_account(CLAIM, zone="zone", agent="agent-0")).granted
    opened = await mirror.open_session(request(cluster=OTHER_CLUSTER))
    assert (opened.epoch, opened.checkpoint, opened.rows, await rows(mirror)) == (2, None, 0, {})
    with pytest.raises(UnknownAccount):
        await mirror.accept_cluster("nobody")


async def test_a_cluster_is_known_by_host_and_ca_when_its_uid_may_not_be_read(mirror: Mirror) -> None:
    """An agent that lost or gained the right to read the UID is still at the same cluster; the UID is kept."""
    blind = AccountClaim(ACCOUNT, ClusterIdentity("", CLUSTER.server, CLUSTER.ca_fingerprint), server_version="v1.31.2")
    assert (await mirror.claim_account(blind, zone="zone", agent="agent-0")).granted
    moved = AccountClaim(ACCOUNT, ClusterIdentity(CLUSTER.uid, "new-name:6443", "ca-9"))
    assert (await mirror.claim_account(moved, zone="zone", agent="agent-0")).granted
    (account,) = await mirror.accounts()
    assert (account.cluster.uid, account.cluster.server) == (CLUSTER.uid, "new-name:6443")


async def test_claims_carry_what_accounts_say_of_themselves(mirror: Mirror) -> None:
    """Mode, version, namespaces and roles are stored as claimed last."""
    claim = AccountClaim(ACCOUNT, CLUSTER, "infrastructure", "v1.30.1", ("shop",), ("readers",), ("writers", "admins"))
    await mirror.claim_account(claim, zone="zone-b", agent="agent-7")
    (account,) = await mirror.accounts()
    assert (account.mode, account.server_version, account.namespaces) == ("infrastructure", "v1.30.1", ("shop",))
    assert (account.read_roles, account.write_roles) == (("readers",), ("writers", "admins"))
    assert (account.zone, account.agent) == ("zone-b", "agent-7")


async def test_namespaces_that_an_account_no_longer_has_are_forgotten(mirror: Mirror) -> None:
    """Reflectors of other namespaces go with their rows; those that stay are left alone."""
    for namespace in ("shop", "bank"):
        opened = await mirror.open_session(request(namespace=namespace))
        origin = source(opened, namespace=namespace)
        await mirror.commit([batch(origin, [part(1, upsert("web", 5, namespace=namespace))])])
    page = await mirror.objects(ObjectQuery(ACCOUNT, PODS))
    assert [row.key.namespace for row in page.objects] == ["bank", "shop"]
    limited = await mirror.objects(ObjectQuery(ACCOUNT, PODS, limit=1, after=page.objects[0].key))
    assert [row.key.namespace for row in limited.objects] == ["shop"]
    await mirror.claim_account(AccountClaim(ACCOUNT, CLUSTER, namespaces=("shop",)), zone="zone", agent="agent-0")
    assert [view.namespace for view in await mirror.resources(ACCOUNT)] == ["shop"]
    page = await mirror.objects(ObjectQuery(ACCOUNT, PODS))
    assert [row.key.namespace for row in page.objects] == ["shop"]


async def test_sessions_need_a_claimed_account(mirror: Mirror) -> None:
    """Unknown accounts have no sessions, rows or changes."""
    unknown = request().__class__("nobody", CLUSTER, PODS, "", "all")
    with pytest.raises(UnknownAccount):
        await mirror.open_session(unknown)
    with pytest.raises(UnknownAccount):
        await mirror.resources("nobody")
    with pytest.raises(UnknownAccount):
        await mirror.objects(ObjectQuery("nobody", PODS))
    with pytest.raises(UnknownAccount):
        await mirror.changes("nobody", PODS, after=0, limit=1)


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
