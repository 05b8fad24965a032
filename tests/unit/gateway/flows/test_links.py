"""The connections of a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.gateway_doubles import MemoryLinks, RememberingMirror
from tests.support.services import eventually

from fairlead.contracts.codec import Decoder
from fairlead.contracts.link import PROTOCOL_VERSION
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.core.tokens import Grant, Kind
from fairlead.gateway.errors import LinkViolation, UnknownAccount, UnsupportedProtocol
from fairlead.gateway.flows import links as module
from fairlead.gateway.flows.link.connection import LinkTiming
from fairlead.gateway.flows.links import Gateway, Links
from fairlead.gateway.ports.links import LinkRecord

GRANT = Grant("token", Kind.AGENT, ("*",))
PODS = pb.Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)


class Attempts:
    """What operations are told of links."""

    def __init__(self) -> None:
        self.claimed: list[tuple[str, str]] = []
        self.lost: list[str] = []

    async def report(self, report: pb.OperationReport) -> None:
        """Take every report."""

    async def account_claimed(self, account: str, link: str) -> None:
        """Remember a claim."""
        self.claimed.append((account, link))

    async def link_lost(self, link: str) -> None:
        """Remember an end."""
        self.lost.append(link)


class Agent:
    """The far end of a connection."""

    def __init__(self, name: str = "agent-0", version: int = PROTOCOL_VERSION) -> None:
        self.inbound: asyncio.Queue[pb.AgentFrame | None] = asyncio.Queue()
        self.heard: list[pb.GatewayFrame] = []
        self.say(hello=pb.Hello(protocol_version=version, agent_id=name))

    def say(self, **body: object) -> None:
        """Send a frame."""
        self.inbound.put_nowait(pb.AgentFrame(**body))  # type: ignore[arg-type]

    def claim(self, name: str, call: int = 1) -> None:
        """Claim an account."""
        self.say(call=call, claim_accounts=pb.ClaimAccounts(accounts=[pb.AccountClaim(name=name)]))

    async def beat(self) -> None:
        """Show signs of life."""
        while True:
            self.say(heartbeat=pb.Heartbeat())
            await asyncio.sleep(0.1)

    def leave(self) -> None:
        """End the stream."""
        self.inbound.put_nowait(None)

    async def frames(self) -> AsyncIterator[pb.AgentFrame]:
        """What it says."""
        while (frame := await self.inbound.get()) is not None:
            yield frame

    async def hear(self, frame: pb.GatewayFrame) -> None:
        """What it is told."""
        self.heard.append(frame)

    def was_told(self, body: str) -> bool:
        """Whether such a frame came."""
        return any(frame.WhichOneof("body") == body for frame in self.heard)


class Gate:
    """Holds who comes while it is closed; nobody waits at an open one."""

    def __init__(self) -> None:
        self.closed: asyncio.Event | None = None
        self.waiting = 0

    def close(self) -> asyncio.Event:
        """Close it; the event lets those go on who came meanwhile."""
        self.closed = asyncio.Event()
        return self.closed

    async def pass_through(self) -> None:
        """Wait while it is closed."""
        if self.closed is not None:
            self.waiting += 1
            await self.closed.wait()
            self.waiting -= 1


class SlowLinks(MemoryLinks):
    """A store whose answers wait at gates."""

    def __init__(self) -> None:
        super().__init__()
        self.puts, self.touches = Gate(), Gate()

    async def put(self, record: LinkRecord) -> None:
        """Store it late."""
        await self.puts.pass_through()
        await super().put(record)

    async def touch(self, gateway: str) -> int:
        """Count now, and say so late."""
        found = await super().touch(gateway)
        await self.touches.pass_through()
        return found


class House:
    """Links with doubles around them."""

    def __init__(self) -> None:
        self.mirror, self.store, self.attempts = RememberingMirror(), SlowLinks(), Attempts()
        self.revoked = False
        self.links = Links(
            Gateway("gateway-1", "0.1"), LinkTiming(), self.mirror, self.store, self.store, Decoder(strict=True),
            lambda _: not self.revoked, self.attempts,
        )  # fmt: skip

    @asynccontextmanager
    async def open(self) -> AsyncIterator[asyncio.TaskGroup]:
        """Let the tasks of the links run."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.links.watch()), group.create_task(self.links.reap())]
            yield group
            for task in tasks:
                task.cancel()

    def serve(self, group: asyncio.TaskGroup, agent: Agent) -> asyncio.Task[str]:
        """Serve an agent; the task's result says why it ended."""

        async def served() -> str:
            try:
                await self.links.serve(GRANT, agent.frames(), agent.hear)
            except LinkViolation as violation:
                return str(violation)
            return "in order"

        return group.create_task(served())


@asynccontextmanager
async def beating(group: asyncio.TaskGroup, *agents: Agent) -> AsyncIterator[None]:
    """Let agents show signs of life."""
    tasks = [group.create_task(agent.beat()) for agent in agents]
    yield
    for task in tasks:
        task.cancel()


async def test_the_latest_claim_is_the_route() -> None:
    """Operations go to the connection that claimed the account last and stays; when it ends, to the one before."""
    house, first, second = House(), Agent("a"), Agent("b")
    async with house.open() as group:
        house.serve(group, first)
        first.claim("shop")
        await eventually(lambda: first.was_told("claim_verdicts"))
        house.serve(group, second)
        second.claim("shop")
        await eventually(lambda: second.was_told("claim_verdicts"))
        route = house.links.link_of("shop")
        assert route is not None
        assert route.agent == "b"
        assert [account for account, _ in house.attempts.claimed] == ["shop", "shop"]
        route.drain("test")
        other = house.links.link_of("shop")
        assert other is not None
        assert other.agent == "a"
        second.leave()
        await eventually(lambda: house.attempts.lost == [route.id])
        assert house.store.stale == []
        first.leave()
        await eventually(lambda: house.store.stale == ["shop"])
        assert house.links.link_of("shop") is None
        assert not house.store.records


async def test_no_route_outlives_its_connection() -> None:
    """Also not that of an account which was removed, so that the connection does not hold it any more."""
    house, agent = House(), Agent()
    async with house.open() as group:
        house.serve(group, agent)
        agent.claim("shop")
        await eventually(lambda: agent.was_told("claim_verdicts"))
        house.mirror.error = UnknownAccount("removed")
        agent.say(call=2, open_session=pb.OpenSession(account="shop", resource=PODS, scope="x"))
        await eventually(lambda: agent.was_told("call_failed"))
        agent.leave()
        await eventually(lambda: bool(house.attempts.lost))
        assert house.links.link_of("shop") is None


async def test_revoked_credentials_end_connections() -> None:
    """A grant that holds no longer ends its connections."""
    house, agent = House(), Agent()
    async with house.open() as group:
        served = house.serve(group, agent)
        await eventually(lambda: agent.was_told("welcome"))
        house.revoked = True
        house.links.end_revoked()
        assert "revoked" in await served


async def test_gaps_are_told_to_whom_they_concern() -> None:
    """The end of a session goes to the connection that opened it; of an unknown one, to all."""
    house, first, second = House(), Agent("a"), Agent("b")
    async with house.open() as group:
        for agent, account in ((first, "one"), (second, "two")):
            house.serve(group, agent)
            agent.claim(account)
            await eventually(lambda agent=agent: agent.was_told("claim_verdicts"))  # type: ignore[misc]
        first.say(call=2, open_session=pb.OpenSession(account="one", resource=PODS, scope="x"))
        await eventually(lambda: first.was_told("session_opened"))
        house.links.tell_closed("session-1", CloseReason.GAP)
        await eventually(lambda: first.was_told("session_closed"))
        assert not second.was_told("session_closed")
        house.mirror.gaps = {"unheard-of": CloseReason.GAP}
        await eventually(lambda: second.was_told("session_closed"))
        first.leave()
        second.leave()


async def test_accounts_of_a_dead_gateway_become_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sweep finds without an agent is stale."""
    monkeypatch.setattr(module, "WATCH_S", 0.05)
    house, agent = House(), Agent()
    house.links.timing = LinkTiming(heartbeat_s=1)
    async with house.open() as group, beating(group, agent):
        house.serve(group, agent)
        agent.claim("shop")
        await eventually(lambda: agent.was_told("claim_verdicts"))
        house.store.dead = ["shop", "orphan"]
        await eventually(lambda: bool(house.store.stale))
        assert house.store.stale == ["orphan"]
        agent.leave()


async def test_an_outage_while_connections_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their accounts become stale as soon as that can be said, also where others have swept the connection meanwhile."""
    monkeypatch.setattr(module, "WATCH_S", 0.05)
    house, agent = House(), Agent()
    async with house.open() as group:
        house.serve(group, agent)
        agent.claim("shop")
        await eventually(lambda: agent.was_told("claim_verdicts"))
        house.store.outage.away = True
        agent.leave()
        await eventually(lambda: house.links.link_of("shop") is None)
        house.store.records.clear()
        house.store.outage.away = False
        await eventually(lambda: bool(house.attempts.lost))
        assert house.store.stale == ["shop"]


async def test_a_forgotten_connection_is_stored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other gateways may have swept a connection during an outage: it is stored anew as long as it lives."""
    monkeypatch.setattr(module, "WATCH_S", 0.05)
    house, agent = House(), Agent()
    house.links.timing = LinkTiming(heartbeat_s=2)
    async with house.open() as group:
        house.serve(group, agent)
        agent.claim("shop")
        await eventually(lambda: bool(house.store.records))
        house.store.records.clear()
        await eventually(lambda: bool(house.store.records))
        agent.leave()


async def test_a_connection_that_ended_is_not_stored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends while the stored ones are counted is left out when the others are stored anew."""
    monkeypatch.setattr(module, "WATCH_S", 0.05)
    house, leaving, staying = House(), Agent("leaving"), Agent("staying")
    house.links.timing = LinkTiming(heartbeat_s=2)
    async with house.open() as group, beating(group, leaving, staying):
        for agent, account in ((leaving, "one"), (staying, "two")):
            house.serve(group, agent)
            agent.claim(account)
            await eventually(lambda agent=agent: agent.was_told("claim_verdicts"))  # type: ignore[misc]
        counted = house.store.touches.close()
        house.store.records.clear()
        await eventually(lambda: house.store.touches.waiting == 1)
        leaving.leave()
        await eventually(lambda: bool(house.attempts.lost))
        counted.set()
        await eventually(lambda: bool(house.store.records))
        assert [record.agent for record in house.store.records.values()] == ["staying"]
        staying.leave()


async def test_a_connection_that_ends_while_it_is_stored_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is forgotten after it was stored, not before."""
    monkeypatch.setattr(module, "WATCH_S", 0.05)
    house, agent = House(), Agent()
    house.links.timing = LinkTiming(heartbeat_s=2)
    async with house.open() as group, beating(group, agent):
        house.serve(group, agent)
        agent.claim("shop")
        await eventually(lambda: agent.was_told("claim_verdicts"))
        stored = house.store.puts.close()
        house.store.records.clear()
        await eventually(lambda: house.store.puts.waiting == 1)
        agent.leave()
        await eventually(lambda: house.links.link_of("shop") is None)
        stored.set()
        await eventually(lambda: bool(house.attempts.lost) and not house.store.puts.waiting)
        assert not house.store.records


async def test_an_older_state_does_not_replace_a_newer_one() -> None:
    """Of two claims at once the one that is stored last holds both accounts."""
    house, agent = House(), Agent()
    async with house.open() as group:
        house.serve(group, agent)
        stored = house.store.puts.close()
        agent.claim("one")
        await eventually(lambda: house.store.puts.waiting == 1)
        house.store.puts.closed = None
        agent.claim("two", call=2)
        await eventually(lambda: house.links.link_of("two") is not None)
        stored.set()
        await eventually(lambda: len(house.attempts.claimed) == 2)
        assert [record.accounts for record in house.store.records.values()] == [("one", "two")]
        agent.leave()


@pytest.mark.parametrize("version", [0, PROTOCOL_VERSION + 2])
async def test_far_versions_are_refused(version: int) -> None:
    """A version too far away is told which side to upgrade."""
    agent = Agent(version=version)
    with pytest.raises(UnsupportedProtocol, match="upgrade"):
        await House().links.serve(GRANT, agent.frames(), agent.hear)


async def test_the_first_frame_is_hello() -> None:
    """A stream that begins otherwise, or not at all, is no agent's."""
    agent = Agent()
    await agent.inbound.get()
    agent.claim("shop")
    with pytest.raises(LinkViolation, match="no Hello"):
        await House().links.serve(GRANT, agent.frames(), agent.hear)
    agent.leave()
    with pytest.raises(LinkViolation, match="in time"):
        await House().links.serve(GRANT, agent.frames(), agent.hear)


async def test_stop() -> None:
    """At a stop agents are asked to leave; those that do not are let go after the grace, new ones are refused."""
    house, polite, deaf = House(), Agent("polite"), Agent("deaf")
    async with house.open() as group:
        served = [house.serve(group, agent) for agent in (polite, deaf)]
        await eventually(lambda: polite.was_told("welcome") and deaf.was_told("welcome"))
        stopping = group.create_task(house.links.stop(0.2))
        await eventually(lambda: polite.was_told("drain"))
        polite.leave()
        assert await served[0] == "in order"
        assert not served[1].done()
        await stopping
        assert await served[1] == "in order"
        with pytest.raises(LinkViolation, match="stopping"):
            await house.links.serve(GRANT, Agent().frames(), polite.hear)
