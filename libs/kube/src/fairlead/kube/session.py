"""One authenticated HTTP session with one API server, in bytes.

A request is sent once. Only two things are tried again, both certain to have had no effect: a 401 after the
credentials were renewed (authentication comes before everything else), and a GET or HEAD whose kept-alive connection
the server had already closed. Redirects are not followed, so that credentials go nowhere else.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from fairlead.kube.errors import ProtocolError, Unreachable, error_for
from fairlead.kube.paths import verb_of
from fairlead.kube.reachability import TRANSPORT_ERRORS, unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from types import TracebackType

    from fairlead.kube.credentials import Credentials

USER_AGENT = f"fairlead/{version('fairlead-kube')}"
JSON = "application/json"
# Flow control stops the socket at twice this; it also bounds how much one read of a watch hands on.
READ_BUFFER_BYTES = 256 * 1024
_REPEATABLE = frozenset({"GET", "HEAD"})
_AUTOMATIC = ("Accept", "Content-Type", "User-Agent")
"""What aiohttp would add to a request that is passed on as it is."""
_HEADER_BYTES = 64 * 1024
"""The longest header of an answer that is passed on; aiohttp's own limit is 8 KiB, which warnings can exceed."""


class Answer(NamedTuple):
    """One whole answer; ``headers`` are looked up regardless of case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """What one session may take."""

    connections_max: int = 0
    """All connections at once; 0 means no bound, because each watch holds one and watches are bounded elsewhere."""

    connect_timeout_s: float = 10.0
    """Covers waiting for a free connection, DNS, TCP and TLS."""

    request_timeout_s: float = 60.0
    """For a whole request unless it brings its own; the API server itself gives up after 60 s by default."""

    answer_limit_bytes: int = 256 * 1024 * 1024
    """The longest answer that is read whole: a page of 500 objects near etcd's limit would be 750 MiB."""


class RawAnswer(NamedTuple):
    """An answer that is not read yet: headers as they came, the body as pieces, still encoded."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: AsyncIterator[bytes]


class _Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | AsyncIterator[bytes] | None
    timeout: aiohttp.ClientTimeout
    raw_within_s: float | None = None
    """Set for an exchange that is passed on as it is: the time until the head of its answer."""

    @property
    def is_streamed(self) -> bool:
        """Whether the body can be sent only once."""
        return not (self.body is None or isinstance(self.body, bytes))

    @property
    def options(self) -> dict[str, Any]:
        """What aiohttp is told apart from the request itself."""
        if self.raw_within_s is None:
            return {}
        return {
            "auto_decompress": False, "skip_auto_headers": _AUTOMATIC, "max_field_size": _HEADER_BYTES,
            "max_line_size": _HEADER_BYTES,
        }  # fmt: skip


class KubeSession:
    """An async context manager around one connection pool.

    ``compressed`` asks for gzip where bodies are read whole (worth its CPU on slow links only).
    ``on_request(verb, code, seconds)`` is told of each exchange, code 0 for no answer; the time runs
    until the headers of the answer came.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        limits: Limits | None = None,
        compressed: bool = False,
        on_request: Callable[[str, int, float], None] | None = None,
    ) -> None:
        self.credentials = credentials
        self._limits = limits or Limits()
        self._encoding = "gzip" if compressed else "identity"
        self._on_request = on_request
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limits.connections_max),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
            read_bufsize=READ_BUFFER_BYTES,
        )
        # aiohttp would resend a PUT or DELETE whose connection broke, and hide that it may have taken effect.
        self._http._retry_connection = False  # noqa: SLF001  # there is no public switch
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def request(  # noqa: PLR0913  # the parts of an HTTP request, by keyword
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
        raw: bool = False,
    ) -> Answer:
        """Send one request and read its whole answer.

        A body is JSON unless ``headers`` say otherwise. ``path`` is sent as it is, already encoded, below the server's own path. With ``raw`` an answer of any code is
        returned; otherwise any but 2xx is raised by its meaning.

        Raises:
            ApiError: the server refused or failed.
            Unreachable: no whole answer came; ``maybe_sent`` tells whether a write may have taken effect.
            ProtocolError: the answer is longer than ``answer_limit_bytes``.
            CredentialsError: the credentials expired and cannot be renewed.

        """
        timeout = aiohttp.ClientTimeout(
            total=self._limits.request_timeout_s if timeout_s is None else timeout_s,
            connect=self._limits.connect_timeout_s,
        )
        asked = _with_defaults(headers, self._encoding, body)
        async with self._exchange(_Request(method, _with_query(path, params), asked, body, timeout)) as response:
            answer = Answer(response.status, response.headers, await self._whole_body(response))
        if raw or 200 <= answer.status < 300:
            return answer
        raise error_for(*answer)

    async def stream(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        idle_timeout_s: float | None = None,
    ) -> AsyncGenerator[bytes]:
        """GET and yield the body as it comes: each chunk is all that the socket has brought since the last one.

        Ends when the server ends the answer. Close it (``contextlib.aclosing``) when leaving early.
        ``timeout_s`` bounds the whole stream, ``idle_timeout_s`` the time without a byte.

        Raises:
            ApiError, Unreachable, CredentialsError: as ``request``.

        """
        timeout = aiohttp.ClientTimeout(
            total=timeout_s, connect=self._limits.connect_timeout_s, sock_read=idle_timeout_s
        )
        asked = _with_defaults(headers, "identity", None)
        async with self._exchange(_Request("GET", _with_query(path, params), asked, None, timeout)) as response:
            if response.status != 200:
                raise error_for(response.status, response.headers, await self._whole_body(response))
            async for chunk in response.content.iter_any():
                yield chunk

    @asynccontextmanager
    async def exchange(  # noqa: PLR0913  # the parts of an HTTP request, by keyword
        self,
        method: str,
        target: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes | AsyncIterator[bytes] | None,
        answer_within_s: float,
        idle_s: float | None,
    ) -> AsyncIterator[RawAnswer]:
        """Send a request as it is and give the answer as it comes, whatever its code and encoding.

        ``target`` is path and query, already encoded. ``answer_within_s`` bounds the time until the answer's head,
        ``idle_s`` the time without a byte of its body. Names and values of headers are Latin-1, those of the request
        text that goes out as UTF-8. A body that was streamed is not sent again: a 401 to it renews the credentials and is
        raised as ``Unreachable`` that was not sent, for authentication comes before everything else.

        Raises:
            Unreachable, CredentialsError: as ``request``; ``Unreachable`` also while the body is read.

        """
        timeout = aiohttp.ClientTimeout(total=None, connect=self._limits.connect_timeout_s)
        request = _Request(method, target, _as_given(headers), body, timeout, answer_within_s)
        async with self._exchange(request) as response:
            pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
            yield RawAnswer(response.status, tuple(pairs), self._pieces(response, idle_s))

    async def _pieces(self, response: aiohttp.ClientResponse, idle_s: float | None) -> AsyncIterator[bytes]:
        try:
            while True:
                async with asyncio.timeout(idle_s):
                    piece = await response.content.readany()
                if not piece:
                    return
                yield piece
        except TRANSPORT_ERRORS as error:
            raise unreachable(self.credentials.host, error) from error

    @asynccontextmanager
    async def _exchange(self, request: _Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send, renew credentials once on 401, and turn the transport's errors into ours, while reading too."""
        authorization = await self.credentials.authorization()
        try:
            response = await self._send(request, authorization)
            if response.status == 401 and await self.credentials.renew_after_rejection(authorization):
                response.close()
                if request.is_streamed:
                    raise Unreachable(
                        self.credentials.host, "it asked for other credentials, which are renewed now", maybe_sent=False
                    )
                authorization = await self.credentials.authorization()
                response = await self._send(request, authorization)
            async with response:
                yield response
        except TRANSPORT_ERRORS as error:
            raise unreachable(self.credentials.host, error) from error

    async def _send(self, request: _Request, authorization: str | None) -> aiohttp.ClientResponse:
        if self._http is None:
            raise RuntimeError("KubeSession is used outside its async with")
        started, code = time.monotonic(), 0
        headers = CIMultiDict(request.headers)
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            try:
                response = await self._send_once(self._http, request, headers)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                once = request.method not in _REPEATABLE or request.is_streamed
                if once or isinstance(error, aiohttp.ClientConnectorError):
                    raise
                response = await self._send_once(self._http, request, headers)
            code = response.status
        finally:
            if self._on_request is not None:
                self._on_request(verb_of(request.method, request.path), code, time.monotonic() - started)
        return response

    async def _send_once(
        self, http: aiohttp.ClientSession, request: _Request, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        credentials = self.credentials
        async with asyncio.timeout(request.raw_within_s):
            return await http.request(
                request.method,
                URL(credentials.server + request.path, encoded=True),
                headers=headers,
                # As a file: aiohttp warns of large bytes, which it would write in one piece.
                data=BytesIO(request.body) if isinstance(request.body, bytes) else request.body,
                timeout=request.timeout,
                ssl=credentials.ssl_context or True,
                server_hostname=credentials.tls_server_name,
                proxy=credentials.proxy,
                allow_redirects=False,
                **request.options,
            )

    async def _whole_body(self, response: aiohttp.ClientResponse) -> bytes:
        chunks, size = [], 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._limits.answer_limit_bytes:
                raise ProtocolError(
                    f"API server {self.credentials.host}: the answer is longer than {self._limits.answer_limit_bytes} bytes; "
                    "ask for smaller pages"
                )
            chunks.append(chunk)
        return b"".join(chunks)


def _as_given(headers: Sequence[tuple[str, str]]) -> CIMultiDict[str]:
    """The headers alone; aiohttp would ask for gzip, and drops all but the last of those spelled differently."""
    spelled: dict[str, str] = {}
    given = CIMultiDict((spelled.setdefault(name.lower(), name), value) for name, value in headers)
    given.setdefault("Accept-Encoding", "identity")
    return given


def _with_query(path: str, params: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(params)}" if params else path


def _with_defaults(headers: Mapping[str, str] | None, encoding: str, body: bytes | None) -> dict[str, str]:
    given = dict(headers or {})
    names = {name.lower() for name in given}
    defaults = {"Accept": JSON, "Accept-Encoding": encoding}
    if body is not None:
        defaults["Content-Type"] = JSON
    return given | {name: value for name, value in defaults.items() if name.lower() not in names}
