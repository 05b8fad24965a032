"""Running an operation: each kind as the requests it needs, each end as an outcome."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext

from fairlead.contracts.operations import InvalidRequest, Kind, OperationRequest
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core import plan
from fairlead.executor.core.aims import aim
from fairlead.executor.core.job import Job
from fairlead.executor.core.outcome import Outcome, Verdict
from fairlead.executor.core.retries import Retries
from fairlead.executor.errors import ApiRefused, NoAnswer, NoKindMatch, ResultTooLarge
from fairlead.executor.flows.call import Call, Canceled, InDoubt, OutOfTime
from fairlead.executor.flows.deletion import delete
from fairlead.executor.flows.listing import list_objects
from fairlead.executor.ports import Clusters

LISTS_AT_ONCE = 2
"""Of one account: each may hold a whole result in memory."""
REPLACE_TURNS_MAX = 3
"""How often an unconditional replace meets a change between its read and its write before it gives up."""


class Runner:
    """Runs operations against the clusters of the configured accounts."""

    def __init__(self, clusters: Clusters, retries: Retries) -> None:
        self._clusters = clusters
        self._retries = retries
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
        call = Call(job, request, target, cluster, self._retries, is_canceled, doubt)
        async with self._lists[job.account] if request.kind is Kind.LIST else nullcontext():
            outcome = await _ended(call)
        return outcomes.after_doubt(outcome, request) if call.doubt else outcome


async def _ended(call: Call) -> Outcome:
    """Run a call and turn whatever ends it into an outcome."""
    try:
        return await _by_kind(call)
    except ApiRefused as error:
        return outcomes.failed(call.blank, error.reason, error.message, code=error.code)
    except NoKindMatch as error:
        return outcomes.failed(call.blank, outcomes.NO_KIND_MATCH, str(error), code=404)
    except InvalidRequest as error:
        return outcomes.failed(call.blank, "BadRequest", str(error), code=400)
    except ResultTooLarge as error:
        return outcomes.failed(call.blank, "ResultTooLarge", str(error), code=413)
    except NoAnswer as error:
        return _without_effect(call, "Unreachable", str(error), 503)
    except OutOfTime:
        message = f"its {call.request.timeout_seconds:g} s were over before it had any effect"
        return _without_effect(call, "Timeout", message, 504)
    except Canceled:
        return _without_effect(call, "Canceled", "it was canceled before it had any effect", 0)
    except InDoubt as error:
        message = f"{error}; {call.request.kind} {call.target}: look at the object before trying again"
        return outcomes.unknown(call.blank, outcomes.UNKNOWN_OUTCOME, message, code=error.code)


def _without_effect(call: Call, reason: str, message: str, code: int) -> Outcome:
    """End a run that did nothing; what an earlier one may have done stays open."""
    if call.doubt:
        told = f"an earlier try may have taken effect; the repetition did not: {message}"
        return outcomes.unknown(call.blank, outcomes.UNKNOWN_OUTCOME, told, code=code)
    return outcomes.failed(call.blank, reason, message, code=code)


async def _by_kind(call: Call) -> Outcome:
    resource = await call.resolve()
    match call.request.kind:
        case Kind.GET:
            answer = await call.look(plan.read(resource, call.target), "get")
        case Kind.LIST:
            return await list_objects(call, resource)
        case Kind.DELETE:
            return await delete(call, resource)
        case Kind.REPLACE if not plan.manifest_version(call.request):
            return await _replace_unconditionally(call)
        case _:
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
