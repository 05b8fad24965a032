"""One run of one operation against its cluster: its requests, within its time, repeated only where that does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import Kind, OperationRequest
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core.aims import Aim, is_harmless, is_repeatable, may_be_late
from fairlead.executor.core.apply_mode import ApplyPolicy
from fairlead.executor.core.job import Job
from fairlead.executor.core.merging.schemas import Node
from fairlead.executor.core.outcome import Outcome, Verdict
from fairlead.executor.core.plan import ApiRequest, object_namespace
from fairlead.executor.core.retries import Retries
from fairlead.executor.errors import ApiRefused, NoAnswer, NoKindMatch
from fairlead.executor.ports import Answer, Cluster, Page

T = TypeVar("T")
LATE_KIND_S = 2.5
LATE_KIND_PAUSE_S = 0.5
"""How long, and how often, a custom kind is looked for that the cluster does not know (yet)."""


class Canceled(Exception):
    """Somebody called the operation off before it had any effect, or any beyond `Call.done`."""


class OutOfTime(Exception):
    """The operation's time was over before it had any effect, or any beyond `Call.done`."""


class InDoubt(Exception):
    """A write lost its answer, or got one that leaves it open."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Call:
    """What the steps of one run share."""

    job: Job
    request: OperationRequest
    target: Aim
    cluster: Cluster
    retries: Retries
    policy: ApplyPolicy
    is_canceled: Callable[[], bool]
    doubt: bool = False
    """Whether an earlier try may have taken effect."""
    resource: Resource | None = None
    done: str = ""
    """What the operation has done so far, where it is more than one write: however it ends, that stands."""
    _ends_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._ends_s = asyncio.get_running_loop().time() + self.request.timeout_seconds

    @property
    def remaining_s(self) -> float:
        """How much time is left."""
        return self._ends_s - asyncio.get_running_loop().time()

    @property
    def limit_s(self) -> float:
        """What one request may take: the time that is left, and never none at all, which aiohttp takes for no limit."""
        return max(0.001, self.remaining_s)

    @property
    def blank(self) -> Outcome:
        """An outcome that names what was asked for."""
        namespace = self.target.namespace
        if self.resource is not None and self.request.kind is not Kind.LIST:
            namespace = object_namespace(self.resource, namespace)
        return Outcome(Verdict.FAILED, resource=self.resource, namespace=namespace, name=self.target.name)

    async def resolve(self) -> Resource:
        """Find out what the kind is in this cluster."""
        self._check()
        if self.resource is None:
            self.resource = await self.find(self.target.api_version, self.target.kind)
        return self.resource

    async def find(self, api_version: str, kind: str) -> Resource:
        """Find out what any kind is in this cluster; a custom one may be a moment late, after its definition."""
        ends_s = asyncio.get_running_loop().time() + LATE_KIND_S
        while True:
            try:
                return await self._repeated(lambda: self.cluster.resolve(api_version, kind))
            except NoKindMatch:
                if not may_be_late(api_version, kind) or asyncio.get_running_loop().time() >= ends_s:
                    raise
            await self.pause(LATE_KIND_PAUSE_S)

    async def resolve_again(self) -> bool:
        """Find the kind anew, after the cluster did not know it any more; tells whether it is another now."""
        former, self.resource = self.resource, None
        return await self.resolve() != former

    async def look(self, request: ApiRequest, step: str) -> Answer:
        """Send a request that changes nothing; failures that may pass are tried again."""
        return await self._repeated(
            lambda: self.cluster.send(request, audit_id=self.job.audit_id(step), timeout_s=self.limit_s)
        )

    async def look_again(self, request: ApiRequest, step: str, *, after_s: float) -> Answer | None:
        """Pause and `look` once more; None when the time is over before that has an answer."""
        if self.remaining_s <= after_s:
            return None
        try:
            await self.pause(after_s)
            return await self.look(request, step)
        except OutOfTime:
            return None

    async def look_page(self, request: ApiRequest, resource: Resource) -> Page:
        """Read a page of a list, as `look` reads an object."""
        return await self._repeated(
            lambda: self.cluster.page(request, resource, audit_id=self.job.audit_id("list"), timeout_s=self.limit_s)
        )

    async def take_effect(self, request: ApiRequest, *, step: str = "", repeatable: bool = False) -> Answer:
        """Send a request that takes effect, the one that matters under the operation's own audit id.

        Args:
            request: a write.
            step: of a write that only prepares or completes the operation.
            repeatable: whether it carries a fence of its own, so that sending it again can do no harm.

        Raises:
            InDoubt: it may have taken effect, and sending it again could do harm, or did not clear the doubt.
            ApiRefused, NoAnswer, Canceled, OutOfTime: it had no effect.

        """
        before, tries = self.doubt, 0
        while True:
            self._check()
            try:
                answer = await self.cluster.send(request, audit_id=self.job.audit_id(step), timeout_s=self.limit_s)
            except NoAnswer as error:
                failure: NoAnswer | ApiRefused = error
                open_end = error.maybe_sent
            except ApiRefused as error:
                failure = error
                open_end = outcomes.leaves_doubt(error)
                if not open_end and not outcomes.was_not_done(error):
                    self._settle(before, repeatable=repeatable)
                    raise
            else:
                self._settle(before, repeatable=repeatable)
                return answer
            self.doubt = self.doubt or (open_end and not is_harmless(self.request))
            tries += 1
            may_repeat = not open_end or repeatable or is_repeatable(self.request)
            if not may_repeat or not await self._pause(failure, tries):
                if self.doubt:
                    raise _in_doubt(failure) from failure
                raise failure

    def _settle(self, doubt: bool, *, repeatable: bool) -> None:
        """A clear answer to a request with a fence of its own ends the doubt that came with it."""
        if repeatable:
            self.doubt = doubt

    async def schema(self) -> Node | None:
        """Find out how objects of the kind merge."""
        resource = await self.resolve()
        return await self._repeated(lambda: self.cluster.patch_schema(resource))

    async def pause(self, seconds: float) -> None:
        """Wait, as long as there is time."""
        self._check()
        await asyncio.sleep(max(0.0, min(seconds, self.remaining_s)))
        self._check()

    async def _repeated(self, ask: Callable[[], Awaitable[T]]) -> T:
        tries = 0
        while True:
            self._check()
            try:
                async with asyncio.timeout(self.remaining_s):
                    return await ask()
            except TimeoutError:
                raise OutOfTime from None
            except (NoAnswer, ApiRefused) as error:
                tries += 1
                if not self.retries.is_passing(error) or not await self._pause(error, tries):
                    raise

    def check_canceled(self) -> None:
        """End the run when somebody called it off; what may have taken effect is brought to its end."""
        if self.is_canceled() and not self.doubt:
            raise Canceled

    def _check(self) -> None:
        self.check_canceled()
        if self.remaining_s <= 0:
            raise OutOfTime

    async def _pause(self, failure: NoAnswer | ApiRefused, tries: int) -> bool:
        """Wait before the next try; False when there is none, for want of tries or of time."""
        delay_s = self.retries.delay_s(failure, tries)
        if delay_s is None or delay_s >= self.remaining_s:
            return False
        await asyncio.sleep(delay_s)
        return True


def _in_doubt(failure: NoAnswer | ApiRefused) -> InDoubt:
    if isinstance(failure, ApiRefused):
        return InDoubt(f"the API server's answer leaves it open: {failure.message}", failure.code)
    return InDoubt(f"the request may have reached the API server, but no answer came ({failure})")
