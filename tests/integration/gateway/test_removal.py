"""Grace periods and removal on a real database, with the time in the test's hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.mirror_data import PODS, part, upsert
from tests.support.scripted_bridge import until

from fairlead.contracts.envelope import Batch, Source
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.links import PostgresLinks
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.reading import PostgresReader
from fairlead.gateway.adapters.postgres.registrations import PostgresRegistrations
from fairlead.gateway.adapters.postgres.removal import DUTY, PostgresRemoval
from fairlead.gateway.core.claims import AccountClaim, ClusterIdentity
from fairlead.gateway.core.registration.lifecycle import Record, State, Wanted
from fairlead.gateway.core.sessions import OpenRequest
from fairlead.gateway.errors import AccountServed, UnknownAccount
from fairlead.gateway.flows.removal import GRACE, Removal
from fairlead.gateway.ports.links import LinkRecord

CLUSTER = ClusterIdentity("uid-1", "10.0.0.1:6443", "ca")


@dataclass
class World:
    """A database, accounts and agents in it, and a clock."""

    database: Database
    now: datetime = field(default_factory=lambda: datetime(2031, 5, 1, tzinfo=UTC))

    def __post_init__(self) -> None:
        self.registrations = PostgresRegistrations(self.database)
        self.removal = self.gateway()

    def gateway(self, *, registered_too: bool = True) -> Removal:
        """Another gateway on the same database."""
        return Removal(PostgresRemoval(self.database), 600, 60, registered_too, lambda: self.now)

    async def account(self, name: str, *, mode: str = "agent", pods: int = 0) -> None:
        """Claim an account an hour ago, with some rows."""
        await PostgresAccounts(self.database).claim_account(AccountClaim(name, CLUSTER, mode), zone="z", agent="a")
        if pods:
            mirror = PostgresMirror(self.database)
            opened = await mirror.open_session(OpenRequest(name, CLUSTER, PODS, "", "all"))
            source = Source(name, CLUSTER.uid, PODS, "", opened.session, opened.epoch)
            events = [upsert(f"pod-{number}", number + 1) for number in range(pods)]
            await mirror.commit([Batch([source], [part(1, *events, checkpoint=pods)])])
            await PostgresLinks(self.database).put_document(name, "discovery", "", "00", b"{}")
        await self.execute("update accounts set claimed_at = now() - interval '1 hour' where name = %s", name)

    async def connect(self, *accounts: str) -> None:
        """An agent that serves these accounts."""
        await PostgresLinks(self.database).put(
            LinkRecord("l", "g", "agent-0", "z", "agent", "1", "c", accounts=accounts)
        )

    async def disconnect(self) -> None:
        """That agent has gone."""
        await PostgresLinks(self.database).remove("l", (), since=self.now, message="gone")

    async def pass_time(self, seconds: float, *, step_s: float = 30.0, removal: Removal | None = None) -> None:
        """Let time pass, with a look now and then."""
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            self.now = min(until, self.now + timedelta(seconds=step_s))
            await (removal or self.removal).step()

    async def names(self) -> list[str]:
        """The accounts that there are."""
        return [view.name for view in await PostgresReader(self.database).accounts()]

    async def execute(self, statement: str, *values: object) -> list[dict[str, object]]:
        """Run a statement."""
        async with self.database.transaction() as connection:
            cursor = await connection.execute(statement, list(values))
            return await cursor.fetchall() if cursor.description else []

    async def left_of(self, table: str) -> int:
        """Count rows."""
        return int(str((await self.execute(f"select count(*) as n from {table}"))[0]["n"]))  # noqa: S608 - tests' own names


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    """Three accounts in agent mode, of which `east` and `west` are served."""
    await prepare_schema(database)
    async with Database(database, size=3) as opened:
        world = World(opened)
        for name in ("east", "west", "gone"):
            await world.account(name, pods=3)
        await world.connect("east", "west")
        assert await world.registrations.hold(DUTY, "g", 3600)
        await world.removal.step()
        yield world


async def test_an_account_goes_after_its_grace_period(world: World) -> None:
    """As a whole, with rows, documents and sessions; the others keep theirs."""
    await world.pass_time(570)
    assert await world.names() == ["east", "gone", "west"]
    assert (await world.registrations.find("gone")).missing_s == 570
    await world.pass_time(30)
    assert await world.names() == ["east", "west"]
    await world.pass_time(30)
    assert await world.left_of("objects") == 6
    assert await world.left_of("documents") == 2
    assert await world.left_of("resources") == 2
    assert await world.left_of("abandoned_resources") == 0
    with pytest.raises(UnknownAccount):
        await world.registrations.find("gone")


async def test_other_modes_never(world: World) -> None:
    """Agents that keep clusters by kubeconfig give no account up by being away."""
    for mode in ("infrastructure", "spinnaker-service"):
        await world.account(mode, mode=mode)
    await world.pass_time(7200)
    assert await world.names() == ["east", "infrastructure", "spinnaker-service", "west"]


async def test_the_clock_outlasts_gateways_and_runs_with_them_only(world: World) -> None:
    """Each gateway goes on where the last one was; time in which none looked does not count."""
    await world.pass_time(300)
    world.now += timedelta(hours=5)
    other = world.gateway()
    await other.step()
    assert (await world.registrations.find("gone")).missing_s == 300
    await world.pass_time(270, removal=other)
    assert "gone" in await world.names()
    world.now -= timedelta(days=1)  # a gateway whose clock is slow
    await world.removal.step()
    assert (await world.registrations.find("gone")).missing_s == 570
    await world.pass_time(30)
    assert "gone" not in await world.names()


async def test_the_clock_stands_still_while_most_agents_are_missing(world: World) -> None:
    """Then the fault is more likely here; it goes on with what it had."""
    await world.pass_time(300)
    await world.disconnect()
    await world.pass_time(7200)
    assert (await world.registrations.find("gone")).missing_s == 300
    assert (await world.registrations.find("east")).missing_s == 0
    await world.connect("east", "west")
    await world.pass_time(300)
    assert await world.names() == ["east", "west"]


async def test_an_agent_that_returns_stops_the_clock(world: World) -> None:
    """And another absence begins anew."""
    await world.pass_time(570)
    await world.connect("east", "west", "gone")
    await world.pass_time(30)
    await world.connect("east", "west")
    await world.pass_time(570)
    assert "gone" in await world.names()
    await world.pass_time(60)
    assert "gone" not in await world.names()


async def test_rows_go_after_the_registration(world: World) -> None:
    """With a Clouddriver the rows stay until nothing of ours is there; an agent that returns meanwhile calls it off."""
    removal = world.gateway(registered_too=False)
    await world.registrations.save("gone", Record(server="https://x/accounts/gone"), wanted=Wanted.REGISTERED)
    await world.pass_time(630, removal=removal)
    waiting = await world.registrations.find("gone")
    assert (waiting.record.wanted, waiting.record.by) == (Wanted.REMOVED, GRACE)
    await world.connect("east", "west", "gone")
    await world.pass_time(30, removal=removal)
    back = await world.registrations.find("gone")
    assert (back.record.wanted, "came back" in back.record.message) == (Wanted.REGISTERED, True)

    await world.connect("east", "west")
    await world.pass_time(630, removal=removal)
    withdrawn = Record(wanted=Wanted.REMOVED, state=State.WITHDRAWN)
    assert await world.registrations.save("gone", withdrawn, wanted=Wanted.REMOVED)
    await world.pass_time(30, removal=removal)
    assert await world.names() == ["east", "west"]


async def test_a_claim_in_the_last_moment_wins(world: World) -> None:
    """An agent that just claimed the account keeps it, although its connection is not told of yet."""
    await world.registrations.remove("gone", by="ann")
    await world.execute("update accounts set claimed_at = now() where name = 'gone'")
    await world.removal.step()
    assert "gone" in await world.names()
    await world.execute("update accounts set claimed_at = now() - interval '1 minute' where name = 'gone'")
    await world.removal.step()
    assert "gone" not in await world.names()


async def test_an_agent_that_returns_while_its_grace_period_ends(world: World) -> None:
    """Its account is not given up, although it was missing when somebody looked."""
    store = PostgresRemoval(world.database)
    assert await store.give_up(["east", "gone"], by=GRACE) == ["gone"]
    await world.execute("delete from registrations")
    await world.execute("update accounts set claimed_at = now() where name = 'gone'")
    assert await store.give_up(["gone"], by=GRACE) == []


async def test_a_claim_in_the_middle_of_a_removal_begins_anew(world: World) -> None:
    """It waits for the removal, and then there is an account, of whichever cluster."""
    accounts = PostgresAccounts(world.database)
    other = AccountClaim("gone", ClusterIdentity("uid-2", "10.0.0.2:6443", "ca"))
    async with asyncio.TaskGroup() as group:
        async with world.database.transaction() as connection:
            await connection.execute("select from accounts where name = 'gone' for update")
            claiming = group.create_task(accounts.claim_account(other, zone="z", agent="a"))
            await until(lambda: _waits(world))
            await connection.execute("delete from accounts where name = 'gone'")
        assert (await claiming).granted
    assert "gone" in await world.names()


async def _waits(world: World) -> bool:
    """Whether a statement waits for a lock."""
    return bool(await world.execute("select 1 from pg_stat_activity where wait_event_type = 'Lock'"))


async def test_many_rows_go_in_slices(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account is gone at once; its rows follow, also after a restart in the middle."""
    monkeypatch.setattr("fairlead.gateway.flows.removal.SLICE", 2)
    monkeypatch.setattr("fairlead.gateway.flows.removal.SLICES", 1)
    await world.registrations.remove("gone", by="ann")
    await world.removal.step()
    assert await world.names() == ["east", "west"]
    assert await world.left_of("objects") == 7
    await world.pass_time(90, removal=world.gateway())
    assert await world.left_of("objects") == 6
    assert await world.left_of("abandoned_resources") == 0


async def test_nobody_removes_what_is_served(world: World) -> None:
    """By decision neither: it would be back at once."""
    with pytest.raises(AccountServed, match="agent-0"):
        await world.registrations.remove("east", by="ann")
    with pytest.raises(UnknownAccount):
        await world.registrations.remove("nobody", by="ann")


async def test_a_duty_is_held_by_one(world: World) -> None:
    """Until it lets go, or its time is over."""
    registrations = world.registrations
    assert await registrations.hold("duty", "one", 60)
    assert not await registrations.hold("duty", "two", 60)
    assert await registrations.hold("duty", "one", 60)
    await registrations.let_go("duty", "two")
    assert not await registrations.hold("duty", "two", 60)
    await registrations.let_go("duty", "one")
    assert await registrations.hold("duty", "two", -1)
    assert await registrations.hold("duty", "one", 60)
