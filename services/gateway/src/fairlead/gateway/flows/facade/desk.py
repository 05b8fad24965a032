"""The facade's desk: looks at each request, lets it in, finds who answers it, and turns every failure into a Status."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from fairlead.gateway.core.facade import statuses
from fairlead.gateway.core.facade.access import check_access, check_identity
from fairlead.gateway.core.facade.admission import Admission
from fairlead.gateway.core.facade.listing import carries_cursor
from fairlead.gateway.core.facade.routing import Source, lasts, reads, source_of
from fairlead.gateway.core.facade.statuses import Refusal, Status
from fairlead.gateway.core.facade.targets import METHODS, MalformedPath, Target, Verb, is_true, target_of
from fairlead.gateway.core.selectors import InvalidSelector
from fairlead.gateway.errors import (
    CursorExpired,
    DatabaseUnavailable,
    TunnelLost,
    TunnelRefused,
    TunnelUnavailable,
    UnknownAccount,
)
from fairlead.gateway.flows.facade.discovery import DiscoveryDocuments
from fairlead.gateway.flows.facade.openapi import PATIENCE_S, OpenApiDocuments
from fairlead.gateway.flows.facade.passthrough import Passthrough
from fairlead.gateway.ports.documents import DocumentShelf
from fairlead.gateway.ports.facade import FacadeAnswer, FacadeRequest, StoreReading
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
AGGREGATED = "as=APIGroupDiscoveryList"
FOLLOWING = (Verb.LIST, Verb.WATCH)
"""Verbs that may go on from an earlier answer."""


@dataclass
class FacadeDesk:
    """Serves the Kubernetes API of accounts.

    Args:
        shelf: documents, and which accounts there are.
        discovery: answers out of them.
        openapi: the same for schemas.
        store: answers out of the mirror.
        cluster: answers of the cluster.
        admission: how much at once.
        database_away: whether the database is known to be away; what needs it then fails without waiting.

    """

    shelf: DocumentShelf
    discovery: DiscoveryDocuments
    openapi: OpenApiDocuments
    store: StoreReading
    cluster: Passthrough
    admission: Admission
    database_away: Callable[[], bool]

    @asynccontextmanager
    async def serve(self, request: FacadeRequest) -> AsyncIterator[FacadeAnswer]:
        """Answer a request; failures are answers too. Leaving the context ends whatever stands behind the answer."""
        work = _Work(request)
        async with AsyncExitStack() as stack:
            try:
                answer = replace(await stack.enter_async_context(self._answer(work)), lasting=lasts(work.target))
            except Exception as error:  # noqa: BLE001 - every failure has an answer
                answer = _failure(request, await self._status(request, error))
            try:
                yield answer
            finally:
                work.count(answer)

    def _answer(self, work: _Work) -> AbstractAsyncContextManager[FacadeAnswer]:
        request = work.request
        if request.method not in METHODS:
            raise Refusal(statuses.method_not_allowed())
        work.target = target_of(request.method, request.path, watching=is_true(request.parameter("watch", "false")))
        check_access(request.caller, request.account, request.method, request.path, work.target)
        check_identity(request.caller, request.headers)
        work.source = source_of(request.method, request.path, work.target, request.headers)
        return self._admitted(work, work.source)

    @asynccontextmanager
    async def _admitted(self, work: _Work, source: Source) -> AsyncIterator[FacadeAnswer]:
        account, lasting = work.request.account, lasts(work.target)
        if not self.admission.enter(account, lasting=lasting):
            raise Refusal(statuses.too_many_requests(account))
        try:
            async with AsyncExitStack() as stack:
                yield await self._answered(work, source, stack)
        finally:
            self.admission.leave(account, lasting=lasting)

    async def _answered(self, work: _Work, source: Source, stack: AsyncExitStack) -> FacadeAnswer:
        if source is Source.DISCOVERY and not self.discovery.settled(work.request.account):
            try:
                async with asyncio.timeout(PATIENCE_S):
                    answer = await stack.enter_async_context(self.cluster.read(work.request, work.target))
            except (TunnelUnavailable, TunnelLost, TunnelRefused, Refusal, TimeoutError):
                """The stored one serves."""
            else:
                work.source = Source.TUNNEL
                return answer
        stored = await self._stored(work.request, work.target, source)
        if stored is not None:
            stack.push_async_callback(_close, stored)
            return stored
        work.source = Source.TUNNEL
        if work.target is not None and work.target.verb in FOLLOWING and carries_cursor(work.request.parameter):
            raise Refusal(
                statuses.expired("the version is one of the mirror, and this asks the cluster; begin without it")
            )
        return await stack.enter_async_context(self._live(work.request, work.target))

    async def _stored(self, request: FacadeRequest, target: Target | None, source: Source) -> FacadeAnswer | None:
        if source is Source.DISCOVERY:
            return await self.discovery.answer(request)
        if source is Source.OPENAPI:
            return await self.openapi.answer(request)
        if source is Source.STORE and target is not None:
            self._need_database()
            return await self.store.answer(request, target)
        return None

    def _live(self, request: FacadeRequest, target: Target | None) -> AbstractAsyncContextManager[FacadeAnswer]:
        if target is None or reads(request.method, target):
            return self.cluster.read(request, target)
        self._need_database()
        return self.cluster.write(request, target)

    def _need_database(self) -> None:
        if self.database_away():
            raise DatabaseUnavailable("the gateway's database is away for now")

    async def _status(self, request: FacadeRequest, error: Exception) -> Status:
        match error:
            case TunnelUnavailable():
                return await self._away(request.account, error)
            case Refusal():
                return error.status
        return _status_of(request, error)

    async def _away(self, account: str, error: TunnelUnavailable) -> Status:
        """Nobody carries requests to the account now; one that no agent ever claimed is not there at all."""
        try:
            self._need_database()
            if not await self.shelf.knows(account):
                return statuses.unknown_account(account)
        except DatabaseUnavailable:
            pass  # then it is temporary in any case
        return statuses.unavailable(str(error))


@dataclass
class _Work:
    """One request, as it is counted."""

    request: FacadeRequest
    target: Target | None = None
    source: Source | None = None
    began: float = field(default_factory=time.monotonic)

    def count(self, answer: FacadeAnswer) -> None:
        verb = self.target.verb.value if self.target else "none"
        source = self.source.value if self.source else "none"
        metrics.FACADE_REQUESTS.labels(source, verb, str(answer.status)).inc()
        if not lasts(self.target):
            exemplar = tracing.exemplar(answer.traceparent) if answer.traceparent else None
            metrics.FACADE_SECONDS.labels(source, verb).observe(time.monotonic() - self.began, exemplar)


def _status_of(request: FacadeRequest, error: Exception) -> Status:
    match error:
        case TunnelLost():
            return statuses.lost(str(error))
        case TunnelRefused():
            return statuses.refused_by_agent(str(error))
        case DatabaseUnavailable():
            return statuses.unavailable("the gateway's database is away for now")
        case UnknownAccount():
            return statuses.unknown_account(request.account)
        case CursorExpired():
            return statuses.expired(str(error))
        case InvalidSelector() | MalformedPath():
            return statuses.bad_request(str(error))
    log.error("a request at the facade failed", **{
        logfields.ACCOUNT: request.account, logfields.ERROR: chain(error), logfields.KIND: type(error).__name__})  # fmt: skip
    return statuses.internal()


def _failure(request: FacadeRequest, status: Status) -> FacadeAnswer:
    if AGGREGATED in request.headers.get("accept", ""):
        # client-go does not read a Status where it asked for aggregated discovery; text it shows (rest.Request, isTextResponse).
        headers = (("Content-Type", "text/plain; charset=utf-8"), *status.headers()[1:])
        return FacadeAnswer(status.code, headers, f"{status.message}\n".encode())
    return FacadeAnswer(status.code, status.headers(), status.body())


async def _close(answer: FacadeAnswer) -> None:
    """End what a streamed body stands on."""
    close = getattr(answer.body, "aclose", None)
    if close is not None:
        await close()
