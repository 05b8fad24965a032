"""API servers, through fairlead.kube: requests as values become answers, and its errors the executor's conditions."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from typing import Self

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import RESULT_LIMIT_BYTES
from fairlead.executor.core.plan import ApiRequest
from fairlead.executor.errors import ApiRefused, NoAnswer, NoKindMatch
from fairlead.executor.ports import Answer, Page
from fairlead.kube import errors as kube
from fairlead.kube.credentials import Credentials
from fairlead.kube.discovery import Discovery, discover
from fairlead.kube.lines import LineCutter
from fairlead.kube.lists import parse_page
from fairlead.kube.objects import prepare, strip_managed_fields
from fairlead.kube.resolution import resolve_kind, resolve_type
from fairlead.kube.session import KubeSession, Limits
from fairlead.kube.watches import parse_event
from fairlead.kube.whoami import User, who_am_i
from fairlead.runtime import metrics

LIMITS = Limits(request_timeout_s=30.0, answer_limit_bytes=2 * RESULT_LIMIT_BYTES)
DISCOVERY_PAUSE_S = 1.0
"""A kind that is not known is not looked for more often than that."""
CANDIDATES_MAX = 8
_JSON = "application/json"


class KubernetesCluster:
    """One account's API server; the session is opened by the first who needs it."""

    def __init__(self, account: str, login: Callable[[], Awaitable[Credentials]]) -> None:
        self._account = account
        self._login = login
        self._stack = AsyncExitStack()
        self._session: KubeSession | None = None
        self._discovery: Discovery | None = None
        self._discovered_s = 0.0
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
        known = self._discovery
        found = _find(known, api_version, kind) if known else None
        if found is not None:
            return found
        discovery = await self._rediscover(known)
        found = _find(discovery, api_version, kind)
        if found is None:
            raise NoKindMatch(_no_match(discovery, api_version, kind))
        return found

    async def send(self, request: ApiRequest, *, audit_id: str, timeout_s: float) -> Answer:
        """Send one request; see `ports.Cluster`."""
        status, body = await self._exchange(request, audit_id, timeout_s)
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

    async def _exchange(self, request: ApiRequest, audit_id: str, timeout_s: float) -> tuple[int, bytes]:
        session = await self._open()
        headers = {"Accept": _JSON, "Audit-ID": audit_id}
        if request.content_type:
            headers["Content-Type"] = request.content_type
        with _meanings():
            try:
                answer = await session.request(
                    request.method, request.path, params=dict(request.parameters), headers=headers,
                    body=request.body or None, timeout_s=timeout_s,
                )  # fmt: skip
            except kube.NotFound as error:
                if "could not find the requested resource" in error.message or not error.reason:
                    self._discovery = None  # the kind itself is gone; ask anew next time
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

    async def _rediscover(self, known: Discovery | None) -> Discovery:
        """Read discovery anew, unless another operation did while this one waited, or it was just read."""
        session = await self._open()
        async with self._lock:
            now_s = asyncio.get_running_loop().time()
            current = self._discovery
            if current is not None and (current is not known or now_s - self._discovered_s < DISCOVERY_PAUSE_S):
                return current
            with _meanings():
                self._discovery = await discover(session)
            self._discovered_s = now_s
            return self._discovery

    def _measure(self, method: str, path_class: str, code: int, seconds: float) -> None:
        verb = path_class if method == "GET" else method
        metrics.API_REQUESTS.labels(self._account, verb, str(code)).observe(seconds)


class KubernetesClusters:
    """The configured accounts; they share nothing."""

    def __init__(self, clusters: dict[str, KubernetesCluster]) -> None:
        self._clusters = clusters

    def cluster(self, account: str) -> KubernetesCluster | None:
        """The cluster of an account; see `ports.Clusters`."""
        return self._clusters.get(account)


def _find(discovery: Discovery, api_version: str, kind: str) -> Resource | None:
    found = resolve_type(discovery, api_version, kind) if api_version else resolve_kind(discovery, kind)
    return None if found is None else found.resource


def _no_match(discovery: Discovery, api_version: str, kind: str) -> str:
    """Say what the cluster has instead, and which groups could not be asked."""
    served = {f"{each.resource.api_version} {each.resource.kind}": each.resource.kind for each in discovery.resources}
    short = kind.partition(".")[0].lower()
    near = [name for name, found in served.items() if found.lower() == short]
    if not near:
        close = set(difflib.get_close_matches(short, [found.lower() for found in served.values()], n=3))
        near = [name for name, found in served.items() if found.lower() in close]
    message = f"the cluster serves no {' '.join(filter(None, (api_version, kind)))}"
    if near:
        message += f"; it has {', '.join(near[:CANDIDATES_MAX])}"
    if discovery.failed_groups:
        message += f"; these API groups could not be asked: {', '.join(sorted(discovery.failed_groups))}"
    return message


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
