"""An operation from its claim to its report.

Reads and dry runs keep nothing: they run and are reported. A write is claimed first, so that of all attempts at it only
one runs, and its outcome is kept beside the claim, so that a resend is told the same. When the bucket is away, nothing is
written to a cluster and nothing is reported: the gateway sends the operation again.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from fairlead.contracts.operations import InvalidRequest, OperationRequest, decode_request
from fairlead.executor.core import claims as decisions
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core.aims import aim, doubtful, is_harmless, named
from fairlead.executor.core.claims import Owner
from fairlead.executor.core.job import Job
from fairlead.executor.core.outcome import Outcome, Verdict
from fairlead.executor.errors import ClaimsUnavailable, Undelivered
from fairlead.executor.flows.claiming import Claiming, IsPrompt, Ticket
from fairlead.executor.flows.run import Runner
from fairlead.executor.ports import Report, Reports, Stage
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()

TELL_CLAIMED_AFTER_S = 1.0
"""Operations that end sooner are reported once, with their result."""
CANCELED_MAX = 1024
"""Cancellations that are remembered."""
_PHASES = {phase: metrics.EXECUTOR_PHASE_SECONDS.labels(phase) for phase in ("claim", "run", "report")}


class Operations:
    """Carries jobs out and reports them."""

    def __init__(self, claiming: Claiming, runner: Runner, reports: Reports) -> None:
        self._claiming = claiming
        self._runner = runner
        self._reports = reports
        self._active: set[str] = set()
        self._canceled: OrderedDict[str, None] = OrderedDict()

    @property
    def active(self) -> list[str]:
        """Ids of the operations that run."""
        return sorted(self._active)

    def cancel(self, operation_id: str) -> None:
        """Call an operation off; it ends as canceled unless it may have taken effect already.

        It may still wait for a slot, or come here with a resend: so it is remembered whether it runs here or not.
        """
        self._canceled[operation_id] = None
        if len(self._canceled) > CANCELED_MAX:
            self._canceled.popitem(last=False)

    def answer(self, operation_id: str, run: str) -> Owner:
        """Tell another executor about a run that we have claimed."""
        return Owner.RUNNING if operation_id in self._active else self._claiming.knows(operation_id, run)

    async def carry_out(self, job: Job, is_prompt: IsPrompt) -> None:
        """Carry one attempt out; its report says how it ended. ``is_prompt``: whether it came only just now."""
        if not job.is_wellformed:
            log.warning("an operation without a proper id is ignored", **{logfields.ACCOUNT: job.account})
            return
        if job.id in self._active:
            await self._tell(Report(job, Stage.CLAIMED))
            return
        self._active.add(job.id)
        try:
            await self._carry_out(job, is_prompt)
        except ClaimsUnavailable as error:
            log.warning(
                "an operation is left to its next resend: the bucket of claims is away",
                **{logfields.OPERATION: job.id, logfields.ERROR: chain(error)},
            )
        finally:
            self._active.discard(job.id)

    async def _carry_out(self, job: Job, is_prompt: IsPrompt) -> None:
        started_ms = _now_ms()
        try:
            request = decode_request(job.request)
            aim(request)
        except InvalidRequest as error:
            refusal = outcomes.failed(Outcome(Verdict.FAILED), "BadRequest", str(error), code=400)
            await self._end(job, "invalid", refusal, started_ms)
            return
        tracing.note(kind=request.kind.value)
        if is_harmless(request):
            outcome = await self._run(job, request, started_ms, doubt=False)
            await self._end(job, request.kind, outcome, started_ms)
            return
        with tracing.span("executor.claim", operation=job.id, account=job.account), _phase("claim"):
            ticket = await self._claiming.decide(job, request, is_prompt)
        if ticket is not None:
            await self._act(job, request, ticket, started_ms)

    async def _act(self, job: Job, request: OperationRequest, ticket: Ticket, started_ms: int) -> None:
        match ticket.decision:
            case decisions.Run(doubt):
                outcome = await self._run(job, request, started_ms, doubt=doubt)
                await self._claiming.keep(job, ticket, outcome)
            case decisions.Unknown(why):
                outcome = doubtful(request, why)
            case decisions.AnswerResult(kept):
                log.info("operation answered again", **{logfields.OPERATION: job.id, logfields.ATTEMPT: job.attempt})
                await self._tell(Report(job, Stage.ENDED, outcomes.repeated(kept), started_ms, _now_ms()))
                return
            case decisions.Refuse():
                message = "this operation id belongs to another request; give each operation an id of its own"
                outcome = outcomes.failed(named(request), "Conflict", message, code=409)
            case decisions.StillRunning():
                await self._tell(Report(job, Stage.CLAIMED, started_ms=started_ms))
                return
            case decisions.Leave():
                return
        await self._end(job, request.kind, outcome, started_ms)

    async def _run(self, job: Job, request: OperationRequest, started_ms: int, *, doubt: bool) -> Outcome:
        """Run, and say after a while that it runs, so that the gateway knows."""

        async def tell_claimed() -> None:
            await asyncio.sleep(TELL_CLAIMED_AFTER_S)
            await self._tell(Report(job, Stage.CLAIMED, started_ms=started_ms))

        async with asyncio.TaskGroup() as group:
            telling = group.create_task(tell_claimed())
            try:
                with _phase("run"):
                    return await self._runner.run(
                        job, request, is_canceled=lambda: job.id in self._canceled, doubt=doubt
                    )
            finally:
                telling.cancel()  # its retries would only hold the end up

    async def _end(self, job: Job, kind: str, outcome: Outcome, started_ms: int) -> None:
        """Count, log and report the end of an operation."""
        finished_ms = _now_ms()
        metrics.EXECUTOR_OPERATIONS.labels(kind, outcome.verdict.value).inc()
        metrics.EXECUTOR_SECONDS.labels(kind).observe((finished_ms - started_ms) / 1000, tracing.exemplar())
        tracing.note(code=outcome.code)
        if outcome.verdict is not Verdict.SUCCEEDED:
            tracing.fail(outcome.verdict.value)
        log.info(
            "operation ended",
            **{
                logfields.OPERATION: job.id, logfields.ATTEMPT: job.attempt, logfields.ACCOUNT: job.account,
                logfields.KIND: kind, logfields.STATE: outcome.verdict.value, logfields.CODE: outcome.code,
                logfields.REASON: outcome.reason, logfields.DURATION_MS: finished_ms - started_ms,
            },
        )  # fmt: skip
        with _phase("report"):
            await self._tell(Report(job, Stage.ENDED, outcome, started_ms, finished_ms))

    async def _tell(self, report: Report) -> None:
        try:
            await self._reports.tell(report)
        except Undelivered as error:
            log.warning(
                "a report could not be delivered; a resend of the operation brings it again",
                **{logfields.OPERATION: report.job.id, logfields.ERROR: chain(error)},
            )


@contextmanager
def _phase(phase: str) -> Iterator[None]:
    """Take the time of a part of an operation."""
    began_s = time.monotonic()
    try:
        yield
    finally:
        _PHASES[phase].observe(time.monotonic() - began_s, tracing.exemplar())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
