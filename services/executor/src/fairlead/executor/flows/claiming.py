"""Claiming a write, and keeping its outcome beside the claim."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from fairlead.contracts.operations import OperationRequest
from fairlead.executor.core import claims as decisions
from fairlead.executor.core.aims import doubtful, is_repeatable
from fairlead.executor.core.claims import Claim, Decision, Leave, Owner, Run, Situation, Unknown
from fairlead.executor.core.job import Job
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.errors import ClaimExists, ClaimMoved, ClaimsUnavailable
from fairlead.executor.ports import Claims, Held, Peers
from fairlead.runtime import logfields
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
T = TypeVar("T")
IsPrompt = Callable[[], bool]

CLAIM_TURNS_MAX = 5
"""How often a claim may move under our hands before it is left alone."""
REMEMBERED_MAX = 1024


@dataclass(frozen=True, slots=True)
class Ticket:
    """A decision about an attempt, with what is needed to act on it."""

    decision: Decision
    ours: Claim
    held: Held | None
    revision: int


class Claiming:
    """One executor's dealings with the bucket of claims.

    What the bucket should say and does not, for want of a connection, is remembered here for a while, bounded: runs that
    were claimed and never began, and outcomes.
    """

    def __init__(self, executor_id: str, claims: Claims, peers: Peers) -> None:
        self.executor_id = executor_id
        self._claims = claims
        self._peers = peers
        self._untouched: OrderedDict[str, None] = OrderedDict()
        self._unkept: OrderedDict[str, Outcome] = OrderedDict()

    def knows(self, operation_id: str, run: str) -> Owner:
        """What to tell another executor about a run of ours that is not under way."""
        if operation_id in self._unkept:
            return Owner.RUNNING  # a resend that comes to us gets the outcome
        return Owner.UNTOUCHED if run in self._untouched else Owner.LOST

    async def decide(self, job: Job, request: OperationRequest, is_prompt: IsPrompt) -> Ticket | None:
        """Claim the operation if that can be, and decide what to do; None when the claim keeps moving.

        ``is_prompt`` is asked once the claim stands: whether the message came only just now.

        Raises:
            ClaimsUnavailable: nothing may be run.

        """
        for _ in range(CLAIM_TURNS_MAX):
            ours = Claim(self.executor_id, secrets.token_hex(8), job.attempt, time.time_ns() // 1_000_000, job.digest)
            try:
                return await self._decide(job, request, ours, is_prompt)
            except (ClaimExists, ClaimMoved):
                continue
        return None

    async def keep(self, job: Job, ticket: Ticket, outcome: Outcome) -> None:
        """Keep the outcome of our run; when that cannot be done it is remembered here."""
        ended = msgspec.structs.replace(ticket.ours, outcome=outcome.kept())
        try:
            await self._keep(job.id, ended, ticket.revision)
        except (ClaimsUnavailable, ClaimExists, ClaimMoved) as error:
            _remember(self._unkept, job.id, outcome.kept())
            log.warning(
                "the outcome of an operation could not be kept",
                **{logfields.OPERATION: job.id, logfields.ERROR: chain(error)},
            )

    async def _decide(self, job: Job, request: OperationRequest, ours: Claim, is_prompt: IsPrompt) -> Ticket:
        decision: Decision | None = None
        try:
            held, revision = await self._claim(job.id, ours)
            situation = Situation(job.attempt, job.digest, is_repeatable(request), prompt=is_prompt())
            decision = decisions.decide(await self._in_full(situation, job, held))
            if isinstance(decision, Run) and held is not None:
                revision = await self._claims.update(job.id, ours, revision)
            elif isinstance(decision, Unknown):
                recorded = msgspec.structs.replace(ours, outcome=doubtful(request, decision.why).kept())
                await self._claims.update(job.id, recorded, revision)
            elif isinstance(decision, Leave):
                await self._claims.update(job.id, msgspec.structs.replace(ours, owner=""), revision)
        except ClaimsUnavailable:
            # Our claim may stand there all the same, and this run never begins. One that follows a run in doubt
            # must not look untouched: then nobody would know of the doubt.
            if decision is None or decision in (Run(), Leave()):
                _remember(self._untouched, ours.run, None)
            raise
        return Ticket(decision, ours, held, revision)

    async def _claim(self, operation_id: str, ours: Claim) -> tuple[Held | None, int]:
        """Claim the operation; gives back the claim that stands there already, if one does, and the revision."""
        try:
            return None, await self._claims.create(operation_id, ours)
        except ClaimExists:
            held = await self._claims.read(operation_id)
            if held is None:
                raise
            return held, held.revision

    async def _in_full(self, situation: Situation, job: Job, held: Held | None) -> Situation:
        """Find out about the claim's owner and the bucket's incarnation, as far as they matter."""
        owner, claim = Owner.UNTOUCHED, held.claim if held else None
        if claim is not None and claim.outcome is None and claim.owner:
            if claim.owner != self.executor_id:
                owner = await self._peers.ask(claim.owner, job.id, claim.run)
            elif job.id in self._unkept:
                claim = msgspec.structs.replace(claim, outcome=self._unkept[job.id])
            else:
                owner = self.knows(job.id, claim.run)
        has_ended = claim is not None and claim.outcome is not None
        same = True
        # A first attempt that came at once runs under any incarnation.
        if not has_ended and owner is Owner.UNTOUCHED and (job.attempt > 1 or not situation.prompt):
            same = await self._claims.incarnation() == job.first_incarnation
        return replace(situation, existing=claim, owner=owner, same_incarnation=same)

    async def _keep(self, operation_id: str, ended: Claim, revision: int) -> None:
        for _ in range(CLAIM_TURNS_MAX):
            try:
                await self._claims.update(operation_id, ended, revision)
            except ClaimMoved:
                held = await self._claims.read(operation_id)
                if not decisions.may_replace(held.claim if held else None, ended):
                    return
                if held is None:
                    await self._claims.create(operation_id, ended)
                    return
                revision = held.revision
            else:
                return
        raise ClaimMoved("the claim keeps moving")


def _remember(memory: OrderedDict[str, T], key: str, value: T) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED_MAX:
        memory.popitem(last=False)
