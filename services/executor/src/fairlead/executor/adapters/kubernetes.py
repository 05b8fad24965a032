"""API servers, through fairlead.kube: requests as values become answers, and its errors the executor's conditions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from typing import Self

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import RESULT_LIMIT_BYTES
from fairlead.executor.adapters.kinds import Kinds
from fairlead.executor.adapters.schemas import PatchSchemas
from fairlead.executor.core.merging.schemas import Node
from fairlead.executor.core.plan import ApiRequest
from fairlead.executor.errors import ApiRefused, NoAnswer
from fairlead.executor.ports import Answer, Page, RawAnswer, RawRequest
from fairlead.kube import errors as kube
from fairlead.kube.credentials import Credentials
from fairlead.kube.lines import LineCutter
from fairlead.kube.lists import parse_page
from fairlead.kube.objects import prepare, strip_managed_fields
from fairlead.kube.paths import verb_of
from fairlead.kube.session import KubeSession, Limits
from fairlead.kube.watches import parse_event
from fairlead.kube.whoami import User, who_am_i
from fairlead.runtime import metrics, tracing

LIMITS = Limits(request_timeout_s=30.0, answer_limit_bytes=2 * RESULT_LIMIT_BYTES)
_JSON = "application/json"


class KubernetesCluster:
    """One account's API server; the session is opened by the first who needs it."""

    def __init__(
        self,
        account: str,
        login: Callable[[], Awaitable[Credentials]],
        *,
        only_namespaced: bool = False,
        request_limit_s: float = 0.0,
    ) -> None:
        """Make the cluster of an account.

        Args:
            account: its name.
            login: makes its credentials.
            only_namespaced: whether cluster-scoped kinds are out of bounds (`onlyNamespacedResources`).
            request_limit_s: limit for one request; 0 leaves it to the operation (`timeoutSeconds`).

        """
        self._account = account
        self._login = login
        self._only_namespaced = only_namespaced
        self._request_limit_s = request_limit_s
        self._stack = AsyncExitStack()
        self._session: KubeSession | None = None
        self._kinds = Kinds(self._open)
        self._schemas = PatchSchemas(self._open)
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def who_am_i(self) -> User:
        """Ask the API server who it takes us for; raises as `send`."""
        session = await self._open()
        with _meanings():
            return await who_am_i(session)

    async def resolve(self, api_version: str, kind: str) -> Resource:
        """Find a kind; see `ports.Cluster`."""
        with _meanings():
            found = await self._kinds.resolve(api_version, kind)
        if self._only_namespaced and not found.namespaced:
            message = f"{found.name} are cluster-scoped, and account {self._account} has onlyNamespacedResources"
            raise ApiRefused(403, "Forbidden", message)
        return found

    async def patch_schema(self, resource: Resource) -> Node | None:
        """Find out how a kind merges; see `ports.Cluster`."""
        with _meanings():
            return await self._schemas.node(resource)

    async def send(self, request: ApiRequest, *, audit_id: str, timeout_s: float) -> Answer:
        """Send one request; see `ports.Cluster`."""
        status, body = await self._exchange(request, audit_id, timeout_s)
        if request.untouched:
            return Answer(status, body)
        try:
            return Answer(status, strip_managed_fields(body))
        except kube.ProtocolError:
            return Answer(status, body)

    async def page(self, request: ApiRequest, resource: Resource, *, audit_id: str, timeout_s: float) -> Page:
        """Read one page; see `ports.Cluster`."""
        _, body = await self._exchange(request, audit_id, timeout_s)
        with _meanings():
            page = parse_page(body)
            items = [prepare(item, resource).body for item in page.items]
        return Page(items, str(page.version), page.token, page.remaining)

    async def wait_deleted(self, request: ApiRequest, *, audit_id: str, timeout_s: float) -> bool:
        """Watch; see `ports.Cluster`."""
        session = await self._open()
        parameters = {**dict(request.parameters), "timeoutSeconds": str(max(1, int(timeout_s)))}
        headers = {"Accept": _JSON, "Audit-ID": audit_id}
        cutter = LineCutter()
        with _meanings():
            chunks = session.stream(request.path, params=parameters, headers=headers, timeout_s=timeout_s)
            async with aclosing(chunks):
                async for chunk in chunks:
                    if any(parse_event(line).type == "DELETED" for line in cutter.feed(chunk)):
                        return True
        return False

    @asynccontextmanager
    async def exchange(self, request: RawRequest) -> AsyncIterator[RawAnswer]:
        """Pass a request on; see `ports.RawCluster`."""
        with _meanings():
            session = await self._open()
            async with session.exchange(
                request.method, request.target, headers=request.headers, body=request.body,
                answer_within_s=request.answer_within_s, idle_s=request.idle_s,
            ) as answer:  # fmt: skip
                yield RawAnswer(answer.status, answer.headers, answer.body)

    async def _exchange(self, request: ApiRequest, audit_id: str, timeout_s: float) -> tuple[int, bytes]:
        """Send one request, as a step of the operation's trace."""
        with tracing.span("executor.request", account=self._account, verb=verb_of(request.method, request.path)):
            try:
                status, body = await self._send_once(request, audit_id, timeout_s)
            except ApiRefused as error:
                tracing.note(code=error.code)
                raise
            tracing.note(code=status)
        return status, body

    async def _send_once(self, request: ApiRequest, audit_id: str, timeout_s: float) -> tuple[int, bytes]:
        session = await self._open()
        headers = {"Accept": "*/*" if request.path.endswith("/log") else _JSON, "Audit-ID": audit_id}
        if request.content_type:
            headers["Content-Type"] = request.content_type
        with _meanings():
            try:
                answer = await session.request(
                    request.method, request.path, params=dict(request.parameters), headers=headers,
                    body=request.body or None, timeout_s=min(timeout_s, self._request_limit_s or timeout_s),
                )  # fmt: skip
            except kube.NotFound as error:
                if "could not find the requested resource" in error.message or not error.reason:
                    self._kinds.forget()  # the kind itself is gone; ask anew next time
                raise
        return answer.status, answer.body

    async def _open(self) -> KubeSession:
        async with self._lock:
            if self._session is None:
                with _meanings():
                    credentials = await self._login()
                session = KubeSession(credentials, limits=LIMITS, on_request=self._measure)
                self._session = await self._stack.enter_async_context(session)
            return self._session

    def _measure(self, verb: str, code: int, seconds: float) -> None:
        metrics.API_REQUESTS.labels(self._account, verb, str(code)).observe(seconds, tracing.exemplar())


class KubernetesClusters:
    """The configured accounts; they share nothing."""

    def __init__(self, clusters: dict[str, KubernetesCluster]) -> None:
        self._clusters = clusters

    def cluster(self, account: str) -> KubernetesCluster | None:
        """The cluster of an account; see `ports.Clusters`."""
        return self._clusters.get(account)


@contextmanager
def _meanings() -> Iterator[None]:
    """Turn errors of the Kubernetes library into conditions of the executor."""
    try:
        yield
    except kube.ApiError as error:
        raise ApiRefused(error.code, error.reason, error.message, retry_after_s=error.retry_after_s) from error
    except kube.Unreachable as error:
        raise NoAnswer(str(error), maybe_sent=error.maybe_sent) from error
    except kube.ProtocolError as error:
        raise NoAnswer(str(error), maybe_sent=True) from error
    except kube.CredentialsError as error:
        raise NoAnswer(str(error), maybe_sent=False) from error
