"""Operations from claim to report, and the promise that a write takes effect at most once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.support.executor_doubles import (
    PATH,
    CollectedReports,
    FixedPeers,
    Gate,
    MemoryClaims,
    MemoryCluster,
    OneCluster,
    job,
    manifest,
    target,
)
from tests.unit.executor.flows.test_run import AT_ONCE, SILENT

from fairlead.executor.core.claims import Owner
from fairlead.executor.flows import operations as module
from fairlead.executor.flows.claiming import Claiming
from fairlead.executor.flows.operations import Operations
from fairlead.executor.flows.run import Runner
from fairlead.executor.ports import Report, Stage


@dataclass
class Zone:
    """One executor and what is around it."""

    claims: MemoryClaims = field(default_factory=MemoryClaims)
    cluster: MemoryCluster = field(default_factory=MemoryCluster)
    reports: CollectedReports = field(default_factory=CollectedReports)
    peers: FixedPeers = field(default_factory=FixedPeers)

    def executor(self, name: str = "one") -> Operations:
        """Make an executor."""
        runner = Runner(OneCluster(self.cluster), AT_ONCE)
        return Operations(Claiming(name, self.claims, self.peers), runner, self.reports)

    @property
    def ends(self) -> list[tuple[str, str]]:
        """Verdicts and reasons that were reported."""
        return [(outcome.verdict.value, outcome.reason) for outcome in self.reports.outcomes]


def at_once() -> bool:
    """The message came only just now."""
    return True


async def test_a_resend_brings_the_kept_result() -> None:
    """Another executor tells the same result, without a body, and runs nothing."""
    zone = Zone()
    await zone.executor().carry_out(job(), at_once)
    await zone.executor("two").carry_out(job(2), at_once)

    first, second = zone.reports.outcomes
    assert (second.verdict, second.code, second.uid, second.version) == (first.verdict, 201, first.uid, first.version)
    assert (first.body != b"", second.body) == (True, b"")
    assert zone.cluster.effects == ["01JZ.1"]


async def test_nothing_of_the_object_is_kept() -> None:
    """The bucket holds status and identity alone."""
    zone = Zone()
    await zone.executor().carry_out(job(kind="create", manifest={**manifest(), "data": {"a": "SENTINEL"}}), at_once)

    assert "SENTINEL" in repr(zone.reports.outcomes)
    assert "SENTINEL" not in repr(zone.claims.stored)


async def test_an_owner_that_is_at_it() -> None:
    """While the owner runs it a resend is told so, by the owner as by others."""
    zone = Zone(peers=FixedPeers(Owner.RUNNING))
    entered = asyncio.Event()
    leave = asyncio.Event()

    async def gate(place: str) -> None:
        if place == "send":
            entered.set()
            await leave.wait()

    zone.cluster.gate = gate
    owner = zone.executor()
    async with asyncio.TaskGroup() as group:
        group.create_task(owner.carry_out(job(), at_once))
        await entered.wait()
        await owner.carry_out(job(2), at_once)
        await zone.executor("two").carry_out(job(3), at_once)
        assert (zone.reports.claimed, zone.ends) == (2, [])
        assert owner.active == ["01JZ"]
        ((owner_id, operation_id, run),) = zone.peers.asked
        assert (owner_id, owner.answer(operation_id, run)) == ("one", Owner.RUNNING)
        leave.set()

    assert zone.ends == [("succeeded", "")]
    assert owner.answer("01JZ", "x") is Owner.LOST


async def test_saying_that_it_runs_does_not_hold_its_end_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the way back is blocked, the end is kept and reported all the same."""
    monkeypatch.setattr(module, "TELL_CLAIMED_AFTER_S", 0.0)
    stuck = asyncio.Event()

    class Blocked(CollectedReports):
        async def tell(self, report: Report) -> None:
            if report.stage is Stage.CLAIMED:
                stuck.set()
                await asyncio.Event().wait()
            await super().tell(report)

    async def gate(place: str) -> None:
        if place == "send":
            await stuck.wait()

    zone = Zone(reports=Blocked(), cluster=MemoryCluster(gate=gate))
    async with asyncio.timeout(10):
        await zone.executor().carry_out(job(), at_once)

    assert zone.ends == [("succeeded", "")]


async def test_an_owner_that_died() -> None:
    """An unfenced write ends as unknown and stays so; a fenced one is run again."""
    zone = Zone()
    zone.claims.gate = dying_at("stored")
    await dead(zone.executor().carry_out(job(), at_once))
    zone.claims.gate = alive
    await zone.executor("two").carry_out(job(2), at_once)
    await zone.executor("three").carry_out(job(3), at_once)
    assert zone.ends == [("unknown", "OutcomeUnknown")] * 2
    assert "check v1 ConfigMap sea/cargo" in zone.reports.outcomes[1].message

    zone = Zone(cluster=MemoryCluster(objects={PATH: manifest(uid="uid-1", resourceVersion="5")}))
    fenced: dict[str, Any] = {"kind": "delete", "target": target(), "uid": "uid-1"}
    zone.cluster.gate = dying_at("sent")
    await dead(zone.executor().carry_out(job(**fenced), at_once))
    zone.cluster.gate = alive
    await zone.executor("two").carry_out(job(2, **fenced), at_once)
    assert zone.ends == [("succeeded", "NotFound")]
    assert zone.cluster.effects == ["01JZ.1"]


async def test_the_truth_replaces_unknown() -> None:
    """An owner that was only cut off reports its true result, and a later resend is told that."""
    zone = Zone()

    async def overtaken(place: str) -> None:
        if place == "sent":
            zone.cluster.gate = alive
            await zone.executor("two").carry_out(job(2), at_once)

    zone.cluster.gate = overtaken
    await zone.executor().carry_out(job(), at_once)
    await zone.executor("three").carry_out(job(3), at_once)

    assert zone.ends == [("unknown", "OutcomeUnknown"), ("succeeded", ""), ("succeeded", "")]


async def test_no_bucket_no_write() -> None:
    """Without claims nothing is written and nothing is told; reads run."""
    zone = Zone()
    zone.claims.away = True
    executor = zone.executor()

    await executor.carry_out(job(), at_once)
    assert (zone.cluster.effects, zone.reports.told) == ([], [])
    await executor.carry_out(job(kind="get", target=target()), at_once)
    assert zone.ends == [("failed", "NotFound")]

    zone.claims.away = False
    await executor.carry_out(job(2), at_once)
    assert zone.ends[1:] == [("succeeded", "")]


async def test_a_bucket_lost_between_claim_and_result() -> None:
    """The result is reported all the same, and stands in the new bucket."""
    zone = Zone()

    async def lose(place: str) -> None:
        if place == "sent":
            zone.claims.lose()

    zone.cluster.gate = lose
    await zone.executor().carry_out(job(), at_once)
    await zone.executor("two").carry_out(job(2), at_once)

    assert zone.ends == [("succeeded", "")] * 2
    assert zone.cluster.effects == ["01JZ.1"]


async def test_a_result_that_cannot_be_kept() -> None:
    """It is reported, remembered, and told again to a resend that comes here; others learn that it is in good hands."""
    zone = Zone()

    async def lose(place: str) -> None:
        zone.claims.away = zone.claims.away or place == "sent"

    zone.cluster.gate = lose
    executor = zone.executor()
    await executor.carry_out(job(), at_once)
    zone.claims.away = False
    (held,) = zone.claims.stored.values()
    assert executor.answer("01JZ", held.claim.run) is Owner.RUNNING
    await executor.carry_out(job(2), at_once)

    assert zone.ends == [("succeeded", "")] * 2
    assert zone.cluster.effects == ["01JZ.1"]


async def test_an_undelivered_report_is_no_error() -> None:
    """The next resend brings the result."""
    zone = Zone(reports=CollectedReports(away=True))
    await zone.executor().carry_out(job(), at_once)
    zone.reports.away = False
    await zone.executor().carry_out(job(2), at_once)

    assert zone.ends == [("succeeded", "")]


async def test_another_request_under_the_id() -> None:
    """It is refused, and the first one's result stays."""
    zone = Zone()
    await zone.executor().carry_out(job(), at_once)
    await zone.executor().carry_out(job(2, kind="create", manifest=manifest("other")), at_once)
    await zone.executor().carry_out(job(3), at_once)

    assert zone.ends == [("succeeded", ""), ("failed", "Conflict"), ("succeeded", "")]


async def test_a_first_attempt_that_lay_about() -> None:
    """Under another incarnation it may have been overtaken by its own resend: the claim is given up, a resend decides."""
    zone = Zone()
    zone.claims.lose()
    await zone.executor().carry_out(job(), lambda: False)
    assert (zone.cluster.effects, zone.reports.told) == ([], [])

    await zone.executor("two").carry_out(job(2), at_once)
    assert zone.ends == [("unknown", "OutcomeUnknown")]


async def test_cancellation_reaches_what_runs() -> None:
    """An operation that waits for its claim is called off in time."""
    zone = Zone()
    executor = zone.executor()

    async def cancel(place: str) -> None:
        if place == "create":
            executor.cancel("01JZ")

    zone.claims.gate = cancel
    await executor.carry_out(job(), at_once)

    assert zone.ends == [("failed", "Canceled")]
    assert zone.cluster.effects == []


async def test_a_cancellation_that_comes_before_its_operation() -> None:
    """An operation that waits for a slot, or for its resend, is called off all the same."""
    zone = Zone()
    executor = zone.executor()
    executor.cancel("01JZ")
    await executor.carry_out(job(), at_once)

    assert zone.ends == [("failed", "Canceled")]
    assert zone.cluster.effects == []


async def test_bad_jobs() -> None:
    """An id that could break out is ignored; a request that is none is refused."""
    zone = Zone()
    await zone.executor().carry_out(job(name="a\nb"), at_once)
    await zone.executor().carry_out(replace(job(), request=b"{}"), at_once)

    assert zone.ends == [("failed", "BadRequest")]
    assert zone.claims.stored == {}


async def test_a_lost_answer_is_kept_as_unknown() -> None:
    """What ended as unknown is told again as such."""
    zone = Zone(cluster=MemoryCluster(after=[SILENT]))
    await zone.executor().carry_out(job(), at_once)
    await zone.executor("two").carry_out(job(2), at_once)

    assert zone.ends == [("unknown", "OutcomeUnknown")] * 2


class _Death(BaseException):
    """The process ends here."""


async def alive(_: str) -> None:
    """Nothing happens."""


def dying_at(place: str) -> Gate:
    """Die when a place is reached."""

    async def gate(reached: str) -> None:
        if reached == place:
            raise _Death

    return gate


async def dead(work: Awaitable[None]) -> None:
    """Run until death."""
    try:
        await work
    except (_Death, BaseExceptionGroup):
        return
    raise AssertionError("it lived on")
