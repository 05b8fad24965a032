"""Any order of steps, deaths, resends and lost buckets: a write takes effect at most once, and no result is made up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.executor_doubles import (
    PATH,
    CollectedReports,
    MemoryClaims,
    MemoryCluster,
    OneCluster,
    job,
    manifest,
    target,
)
from tests.unit.executor.flows.test_run import AT_ONCE

from fairlead.contracts.operations import decode_request
from fairlead.executor.core.claims import Claim, Leave, Owner, Run
from fairlead.executor.core.outcome import Verdict
from fairlead.executor.errors import ClaimsUnavailable
from fairlead.executor.flows.claiming import REMEMBERED_MAX, Claiming
from fairlead.executor.flows.operations import Operations
from fairlead.executor.flows.run import Runner

ATTEMPTS_MAX = 4
STEPS_MAX = 60
CREATE: dict[str, Any] = {
    "kind": "create",
    "manifest": {**manifest(), "metadata": {"namespace": "sea", "generateName": "cargo-"}},
}
FENCED: dict[str, Any] = {"kind": "delete", "target": target(), "uid": "uid-1"}


@dataclass
class _Executor:
    """One process: what it runs, and whether it lives."""

    operations: Operations
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    lives: bool = True


@dataclass
class _World:
    """Executors around one bucket and one cluster; each step that could be interrupted waits at a gate."""

    request: dict[str, Any]
    claims: MemoryClaims = field(default_factory=MemoryClaims)
    cluster: MemoryCluster = field(default_factory=MemoryCluster)
    reports: CollectedReports = field(default_factory=CollectedReports)
    executors: dict[str, _Executor] = field(default_factory=dict)
    gates: list[tuple[str, asyncio.Future[None]]] = field(default_factory=list)
    attempts: int = 0
    losses: int = 0

    def __post_init__(self) -> None:
        self.claims.gate = self.cluster.gate = self.gate
        if self.request is FENCED:
            self.cluster.objects[PATH] = manifest(uid="uid-1", resourceVersion="5")

    async def gate(self, place: str) -> None:
        """Wait until the scenario lets this step go on."""
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append((place, opened))
        await opened

    async def ask(self, executor_id: str, operation_id: str, run: str) -> Owner:
        """Answer as the bus does: the dead do not."""
        await self.gate("ask")
        executor = self.executors[executor_id]
        return executor.operations.answer(operation_id, run) if executor.lives else Owner.LOST

    def start(self, name: str) -> None:
        """Start an executor."""
        claiming = Claiming(name, self.claims, self)
        runner = Runner(OneCluster(self.cluster), AT_ONCE)
        self.executors[name] = _Executor(Operations(claiming, runner, self.reports))

    def send(self, name: str) -> None:
        """Send the next attempt to an executor. The first is prompt until anything else of note happens."""
        self.attempts += 1
        attempt, losses = job(self.attempts, **self.request), self.losses
        executor = self.executors[name]
        work = executor.operations.carry_out(attempt, lambda: (self.attempts, self.losses) == (attempt.attempt, losses))
        executor.tasks.add(asyncio.get_running_loop().create_task(work))

    def kill(self, name: str) -> None:
        """End an executor in the middle of whatever it does."""
        executor = self.executors[name]
        executor.lives = False
        for task in executor.tasks:
            task.cancel()

    def lose(self) -> None:
        """Lose the bucket."""
        self.losses += 1
        self.claims.lose()

    async def settle(self) -> None:
        """Let every task come to its next gate."""
        for _ in range(20):
            await asyncio.sleep(0)
        self.gates = [(place, opened) for place, opened in self.gates if not opened.done()]

    async def end(self) -> None:
        """Let everything go on to its end."""
        await self.settle()
        while self.gates:
            for _, opened in self.gates:
                opened.set_result(None)
            await self.settle()
        for executor in self.executors.values():
            for task in executor.tasks:
                await asyncio.wait([task])

    def choices(self) -> Iterator[tuple[str, str]]:
        """What may happen next."""
        living = [name for name, executor in self.executors.items() if executor.lives]
        yield from (("go on", str(index)) for index in range(len(self.gates)))
        if self.attempts < ATTEMPTS_MAX:
            yield from (("send", name) for name in living)
        if len(living) > 1:
            yield from (("kill", name) for name in living)
        if self.losses == 0:
            yield "lose", ""


async def _scenario(data: st.DataObject, request: dict[str, Any]) -> _World:
    world = _World(request)
    for name in ("one", "two", "three"):
        world.start(name)
    world.send("one")
    for _ in range(data.draw(st.integers(0, STEPS_MAX))):
        await world.settle()
        choices = list(world.choices())
        if not choices:
            break
        what, which = data.draw(st.sampled_from(choices))
        match what:
            case "go on":
                world.gates[int(which)][1].set_result(None)
            case "send":
                world.send(which)
            case "kill":
                world.kill(which)
            case _:
                world.lose()
    await world.end()
    return world


@given(st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_unfenced_write_takes_effect_at_most_once(data: st.DataObject) -> None:
    """A creation under a generated name, which nothing but the claims keeps from happening twice."""
    world = asyncio.run(_scenario(data, CREATE))

    verdicts = [outcome.verdict for outcome in world.reports.outcomes]
    assert len(world.cluster.effects) <= 1
    assert Verdict.FAILED not in verdicts
    assert world.cluster.effects or Verdict.SUCCEEDED not in verdicts


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_fenced_write_takes_effect_at_most_once(data: st.DataObject) -> None:
    """A deletion by UID is repeated freely; the cluster's own check keeps it single, and its end is told as success."""
    world = asyncio.run(_scenario(data, FENCED))

    verdicts = [outcome.verdict for outcome in world.reports.outcomes]
    assert len(world.cluster.effects) <= 1
    assert Verdict.UNKNOWN not in verdicts
    assert world.cluster.effects or Verdict.SUCCEEDED not in verdicts


class _Forgetful(MemoryClaims):
    """Stores what it is given and loses the answer."""

    async def _put(self, operation_id: str, claim: Claim) -> int:
        await super()._put(operation_id, claim)
        raise ClaimsUnavailable("the answer was lost")


async def test_a_claim_whose_answer_was_lost_never_began() -> None:
    """It stands in the bucket, its owner says that it is untouched, and the next attempt runs, with its own claim."""
    claims = _Forgetful()
    world = _World(CREATE, claims=claims)
    world.claims.gate = _open
    one = Claiming("one", claims, world)
    attempt = job()
    with pytest.raises(ClaimsUnavailable):
        await one.decide(attempt, decode_request(attempt.request), lambda: True)
    (held,) = claims.stored.values()
    assert one.knows("01JZ", held.claim.run) is Owner.UNTOUCHED

    sound = MemoryClaims(stored=claims.stored, revision=claims.revision)
    ticket = await one.__class__("one", sound, world).decide(job(2), decode_request(attempt.request), lambda: True)
    assert ticket is not None
    assert not isinstance(ticket.decision, Run)  # another process of that name knows nothing
    sound = MemoryClaims(stored={"01JZ": held}, revision=claims.revision)
    one._claims = sound
    ticket = await one.decide(job(2), decode_request(attempt.request), lambda: True)
    assert ticket is not None
    assert ticket.decision == Run()
    assert sound.stored["01JZ"].claim.attempt == 2


async def test_a_claim_that_was_given_up() -> None:
    """Nobody owns it, so that any executor may take it, under the bucket's incarnation."""
    claims = MemoryClaims()
    claims.lose()
    world = _World(CREATE)
    attempt = job()
    request = decode_request(attempt.request)
    ticket = await Claiming("one", claims, world).decide(attempt, request, lambda: False)

    assert ticket is not None
    assert ticket.decision == Leave()
    assert claims.stored["01JZ"].claim.owner == ""
    again = await Claiming("two", claims, world).decide(job(2, incarnation="later 2"), request, lambda: True)
    assert again is not None
    assert again.decision == Run()


async def test_memory_is_bounded() -> None:
    """However long the bucket is away, only so much is remembered."""
    claims = MemoryClaims(away=True)
    one = Claiming("one", claims, _World(CREATE))
    attempt = job()
    for _ in range(REMEMBERED_MAX + 5):
        with pytest.raises(ClaimsUnavailable):
            await one.decide(attempt, decode_request(attempt.request), lambda: True)

    assert len(one._untouched) == REMEMBERED_MAX


async def _open(_: str) -> None:
    """Let everything pass."""
