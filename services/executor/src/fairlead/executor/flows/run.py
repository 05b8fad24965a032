"""Running an operation: each kind as the requests it needs, each end as an outcome."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import InvalidRequest, Kind, OperationRequest
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core import plan
from fairlead.executor.core.aims import aim
from fairlead.executor.core.apply_mode import ApplyPolicy
from fairlead.executor.core.job import Job
from fairlead.executor.core.outcome import Outcome, Verdict
from fairlead.executor.core.retries import Retries
from fairlead.executor.core.rollouts import Impossible
from fairlead.executor.errors import ApiRefused, NoAnswer, NoKindMatch, NoSchema, ResultTooLarge
from fairlead.executor.flows.applying import apply
from fairlead.executor.flows.call import Call, Canceled, InDoubt, OutOfTime
from fairlead.executor.flows.deletion import delete
from fairlead.executor.flows.jobs import run_job
from fairlead.executor.flows.listing import list_objects
from fairlead.executor.flows.looking import events, logs, pod_metrics
from fairlead.executor.flows.rollouts import history, status, steer, undo
from fairlead.executor.ports import Clusters

LARGE = frozenset({Kind.LIST, Kind.LOGS, Kind.EVENTS, Kind.POD_METRICS})
LISTS_AT_ONCE = 2
"""Of one account, these kinds together: each may hold a whole result in memory."""
REPLACE_TURNS_MAX = 3
"""How often an unconditional replace meets a change between its read and its write before it gives up."""


_FLOWS: dict[Kind, Callable[[Call, Resource], Awaitable[Outcome]]] = {
    Kind.APPLY: apply,
    Kind.RESTART: steer,
    Kind.PAUSE: steer,
    Kind.RESUME: steer,
    Kind.UNDO: undo,
    Kind.RUN_JOB: run_job,
    Kind.DELETE: delete,
    Kind.LIST: list_objects,
    Kind.HISTORY: history,
    Kind.ROLLOUT_STATUS: status,
    Kind.LOGS: logs,
}
_WITHOUT_RESOURCE: dict[Kind, Callable[[Call], Awaitable[Outcome]]] = {
    Kind.EVENTS: events,
    Kind.POD_METRICS: pod_metrics,
}
"""These find out by themselves what they are about."""
_REFUSALS: dict[type[Exception], tuple[str, int]] = {
    NoKindMatch: (outcomes.NO_KIND_MATCH, 404),
    NoSchema: ("NoSchema", 501),
    InvalidRequest: ("BadRequest", 400),
    ResultTooLarge: ("ResultTooLarge", 413),
}
"""Reason and code of what is refused here, before the API server could."""


class Runner:
    """Runs operations against the clusters of the configured accounts."""

    def __init__(self, clusters: Clusters, retries: Retries, policy: ApplyPolicy | None = None) -> None:
        self._clusters = clusters
        self._retries = retries
        self._policy = policy or ApplyPolicy()
        self._lists: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(LISTS_AT_ONCE))

    async def run(
        self, job: Job, request: OperationRequest, *, is_canceled: Callable[[], bool], doubt: bool = False
    ) -> Outcome:
        """Carry an operation out and say how it ended.

        Args:
            job: the attempt.
            request: its request.
            is_canceled: whether somebody called it off; asked before anything takes effect.
            doubt: whether an earlier run may have taken effect.

        """
        blank = Outcome(Verdict.FAILED)
        cluster = self._clusters.cluster(job.account)
        if cluster is None or request.account != job.account:
            return outcomes.failed(blank, "NoSuchAccount", f"account {job.account!r} is not configured here", code=404)
        try:
            target = aim(request)
        except InvalidRequest as error:
            return outcomes.failed(blank, "BadRequest", str(error), code=400)
        call = Call(job, request, target, cluster, self._retries, self._policy, is_canceled, doubt)
        async with self._lists[job.account] if request.kind in LARGE else nullcontext():
            outcome = await _ended(call)
        return outcomes.after_doubt(outcome, request) if call.doubt else outcome


async def _ended(call: Call) -> Outcome:
    """Run a call and turn whatever ends it into an outcome."""
    try:
        return await _in_present_version(call)
    except ApiRefused as error:
        return outcomes.failed(call.blank, error.reason, _after(call, error.message), code=error.code)
    except Impossible as error:
        return outcomes.failed(call.blank, error.reason, str(error), code=error.code)
    except tuple(_REFUSALS) as error:
        reason, code = _REFUSALS[type(error)]
        return outcomes.failed(call.blank, reason, str(error), code=code)
    except NoAnswer as error:
        return _without_effect(call, "Unreachable", str(error), 503)
    except OutOfTime:
        return _without_effect(call, "Timeout", f"its {call.request.timeout_seconds:g} s were over", 504)
    except Canceled:
        return _without_effect(call, "Canceled", "it was canceled", 0)
    except InDoubt as error:
        message = (
            f"{_after(call, str(error))}; {call.request.kind} {call.target}: look at the object before trying again"
        )
        return outcomes.unknown(call.blank, outcomes.UNKNOWN_OUTCOME, message, code=error.code)


def _without_effect(call: Call, reason: str, message: str, code: int) -> Outcome:
    """End a run that did nothing (more); what an earlier one may have done stays open."""
    if call.doubt:
        told = f"an earlier try may have taken effect; the repetition did not: {message}"
        return outcomes.unknown(call.blank, outcomes.UNKNOWN_OUTCOME, _after(call, told), code=code)
    ended = call.done or reason == "Unreachable"
    told = _after(call, message) if ended else f"{message} before it had any effect"
    return outcomes.failed(call.blank, reason, told, code=code)


def _after(call: Call, message: str) -> str:
    """Tell first what stands, whatever came then."""
    return f"{call.done}; then: {message}" if call.done else message


async def _in_present_version(call: Call) -> Outcome:
    """Run a call; where the cluster no longer serves the version that it preferred, in the one that it does now."""
    try:
        return await _by_kind(call)
    except ApiRefused as error:
        if not outcomes.is_unserved(error) or call.target.api_version or not await call.resolve_again():
            raise
        return await _by_kind(call)


async def _by_kind(call: Call) -> Outcome:
    kind = call.request.kind
    if kind in _WITHOUT_RESOURCE:
        return await _WITHOUT_RESOURCE[kind](call)
    resource = await call.resolve()
    if kind in _FLOWS:
        return await _FLOWS[kind](call, resource)
    if kind is Kind.GET:
        answer = await call.look(plan.read(resource, call.target), "get")
    elif kind is Kind.REPLACE and not plan.manifest_version(call.request):
        return await _replace_unconditionally(call)
    else:
        answer = await call.take_effect(plan.write(call.request, resource, call.target))
    return outcomes.succeeded(answer.status, answer.body, call.blank)


async def _replace_unconditionally(call: Call) -> Outcome:
    """Replace whatever version is live, as kubectl does: the API server wants one named for most kinds.

    An object that is not there is sent all the same; a few kinds are created so, the others answer 404.
    """
    resource = await call.resolve()
    for turn in range(1, REPLACE_TURNS_MAX + 1):
        try:
            live = await call.look(plan.read(resource, call.target), "read")
            version = outcomes.succeeded(live.status, live.body, call.blank).version
        except ApiRefused as error:
            if error.code != 404:
                raise
            version = ""
        try:
            answer = await call.take_effect(plan.write(call.request, resource, call.target, live_version=version))
        except ApiRefused as error:
            if error.reason != "Conflict" or call.request.uid or turn == REPLACE_TURNS_MAX:
                raise
        else:
            return outcomes.succeeded(answer.status, answer.body, call.blank)
    raise AssertionError("the last turn returns or raises")
