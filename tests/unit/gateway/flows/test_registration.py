"""Keeping accounts registered, with Clouddriver and the database in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from tests.support.registration_doubles import MemoryClouddriver, MemoryRegistrations

from fairlead.gateway.core.registration.definition import Roles, Template
from fairlead.gateway.core.registration.lifecycle import Candidate, State, Wanted
from fairlead.gateway.errors import ClouddriverFailed, ClouddriverRefused, ClouddriverUnreachable
from fairlead.gateway.flows.registration import Registrar

READY = Candidate("shop", discovered=True, namespaces=True)


@dataclass
class World:
    """A registrar and what it acts on."""

    clouddriver: MemoryClouddriver = field(default_factory=MemoryClouddriver)
    store: MemoryRegistrations = field(default_factory=MemoryRegistrations)
    now: float = 1000.0
    ours: bool = True

    def __post_init__(self) -> None:
        async def ours() -> bool:
            return self.ours

        self.registrar = Registrar(
            self.store, self.clouddriver, Template("https://x"), ours, fiat=self.clouddriver, clock=lambda: self.now
        )

    async def steps(self, count: int = 3) -> list[str]:
        """Take some steps; returns the calls that were made."""
        self.clouddriver.calls.clear()
        for _ in range(count):
            await self.registrar.step()
        return self.clouddriver.calls

    def state(self, name: str = "shop") -> State:
        """How an account stands."""
        return self.store.accounts[name].record.state


@pytest.fixture
def world() -> World:
    """One account that can be used."""
    world = World()
    world.store.add(READY)
    return world


async def test_put_once_and_left_alone(world: World) -> None:
    """Looked up, put, confirmed; then nothing until the next comparison."""
    assert await world.steps() == ["list", "read shop", "put shop", "read shop"]
    assert world.state() is State.REGISTERED
    saves = world.store.saves
    assert await world.steps() == []
    world.now += 400
    assert await world.steps() == ["list"]
    assert world.store.saves == saves


async def test_it_is_remembered_before_it_is_there(world: World) -> None:
    """A gateway that dies in the middle leaves nothing behind that nobody would take out; nor does a change of mind."""
    world.clouddriver.errors["put shop"] = RuntimeError("killed")
    with pytest.raises(RuntimeError):
        await world.registrar.step()
    world.clouddriver.errors.clear()
    world.clouddriver.store["shop"] = {"kubeconfigContents": 'server: "https://x/accounts/shop"'}
    world.store.want("shop", Wanted.REMOVED)
    assert await world.steps() == ["list", "delete shop"]


@pytest.mark.parametrize("error", [ClouddriverFailed("500"), ClouddriverUnreachable("it did not answer in time")])
async def test_a_put_without_a_clear_answer_is_remembered(world: World, error: Exception) -> None:
    """It may have been stored all the same: then it is taken out when it has to go."""
    world.clouddriver.errors["put shop"] = error
    await world.steps(1)
    assert world.state() is State.RETRYING
    world.clouddriver.errors.clear()
    world.clouddriver.store["shop"] = {"kubeconfigContents": 'server: "https://x/accounts/shop"'}
    world.store.want("shop", Wanted.REMOVED)
    world.now += 1000
    assert await world.steps() == ["list", "delete shop"]


async def test_a_refused_put_leaves_the_name_to_others(world: World) -> None:
    """Nothing was stored: an account that somebody configures under the name then is his, and stays as it is."""
    world.clouddriver.errors["put shop"] = ClouddriverRefused("403")
    await world.steps(1)
    world.clouddriver.errors.clear()
    world.clouddriver.others.add("shop")
    world.store.wake()
    assert "put shop" not in await world.steps()
    assert world.state() is State.CONFLICT


async def test_what_is_not_loaded_is_looked_at_again(world: World) -> None:
    """The state says that it is not there yet."""
    world.clouddriver.loads = False
    await world.steps()
    assert world.state() is State.ACCEPTED
    world.clouddriver.loads = True
    world.store.wake()
    assert await world.steps() == ["read shop"]
    assert world.state() is State.REGISTERED


async def test_nothing_is_written_over_others(world: World) -> None:
    """Be they in the store or loaded from elsewhere; a pattern of the settings takes them over."""
    world.store.add(replace(READY, name="loaded"))
    world.clouddriver.store["shop"] = {"kubeconfigContents": "server: elsewhere"}
    world.clouddriver.others.add("loaded")
    assert "put" not in " ".join(await world.steps())
    assert (world.state(), world.state("loaded")) == (State.CONFLICT, State.CONFLICT)
    world.registrar.adopt = ("sho*",)
    world.store.wake()
    assert "put shop" in await world.steps()
    assert (world.state(), world.state("loaded")) == (State.REGISTERED, State.CONFLICT)


async def test_only_ours_are_taken_out(world: World) -> None:
    """What somebody put in their place stays."""
    await world.steps()
    world.clouddriver.store["shop"] = {"kubeconfigContents": "server: elsewhere"}
    world.store.want("shop", Wanted.WITHDRAWN)
    assert await world.steps() == ["list"]
    assert world.state() is State.WITHDRAWN
    assert "shop" in world.clouddriver.store

    other = World()
    other.store.add(READY)
    await other.steps()
    other.store.want("shop", Wanted.REMOVED)
    assert await other.steps() == ["list", "delete shop"]
    assert not other.store.accounts["shop"].record.server


async def test_missing_and_changed_are_put_again(world: World) -> None:
    """Found by the comparison."""
    await world.steps()
    for change in (
        world.clouddriver.store.clear,
        lambda: world.clouddriver.store["shop"].update(permissions={"READ": ["x"]}),
    ):
        change()
        world.now += 400
        assert "put shop" in await world.steps()
        assert world.clouddriver.store["shop"]["permissions"] == {}


async def test_nobody_there(world: World) -> None:
    """One call in a while however many accounts wait; each says so, and all is done when it is back."""
    world.store.add(replace(READY, name="web"))
    world.clouddriver.error = ClouddriverUnreachable("away")
    assert await world.steps(5) == ["list"]
    assert (world.state(), world.state("web")) == (State.RETRYING, State.RETRYING)
    assert 0 < world.store.pauses["web"] < 5
    world.now += 100
    world.store.wake()
    assert await world.steps(5) == ["list"]
    assert world.store.pauses["web"] > 2
    world.clouddriver.error = None
    world.now += 100
    world.store.wake()
    await world.steps()
    assert (world.state(), world.state("web")) == (State.REGISTERED, State.REGISTERED)


@pytest.mark.parametrize(
    ("error", "state"), [(ClouddriverFailed("500"), State.RETRYING), (ClouddriverRefused("403"), State.REFUSED)]
)
async def test_one_failure_is_one_accounts_own(world: World, error: Exception, state: State) -> None:
    """It is tried again with growing pauses, and the others go on."""
    world.store.add(replace(READY, name="web"))
    world.clouddriver.errors["shop"] = error
    await world.steps()
    assert (world.state(), world.state("web")) == (state, State.REGISTERED)
    first = world.store.pauses["shop"]
    world.store.wake()
    await world.steps()
    assert world.store.pauses["shop"] == 2 * first
    world.clouddriver.errors.clear()
    world.store.wake()
    await world.steps()
    assert world.store.accounts["shop"].record.attempts == 0


async def test_a_gateway_that_lost_its_duty_stops(world: World) -> None:
    """Before it writes anything."""
    world.ours = False
    assert await world.steps() == []
    assert world.state() is State.WAITING


async def test_what_cannot_be_registered_says_why(world: World) -> None:
    """Its roles, or its name."""
    world.store.add(replace(READY, roles=Roles(read=("",))))
    world.store.add(replace(READY, name="a/b"))
    assert await world.steps() == []
    assert (world.state(), world.state("a/b")) == (State.REFUSED, State.REFUSED)
    assert "slash" in world.store.accounts["a/b"].record.message


async def test_fiat_is_told_once_it_can_see_the_account(world: World) -> None:
    """Of all roles together, later than the account was loaded, and again when it fails; never without roles."""
    world.store.add(replace(READY, name="a", roles=Roles(("dev",), ("ops",))))
    world.store.add(replace(READY, name="b", roles=Roles(("dev",))))
    await world.steps()
    assert not world.clouddriver.synced
    world.now += 50
    world.clouddriver.errors[""] = ClouddriverFailed("503")
    await world.steps()
    world.clouddriver.errors.clear()
    assert await world.steps() == []
    world.now += 50
    assert await world.steps() == ["sync"]
    assert world.clouddriver.synced == [["dev", "ops"]]
