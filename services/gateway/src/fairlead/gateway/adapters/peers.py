"""The way to the other gateways: each exchange is a request of its own over HTTPS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp
from yarl import URL

from fairlead.gateway.core import exchanges
from fairlead.gateway.core.exchanges import Outcome
from fairlead.gateway.errors import TunnelLost, TunnelRefused, TunnelUnavailable
from fairlead.gateway.ports.tunnel import TunnelAnswer, TunnelRequest
from fairlead.runtime.errors import ConfigurationError, chain

CONNECT_S = 5.0
KEEPALIVE_S = 20.0
"""Much less than the listener's own: a connection that is used again is not just being closed."""
PATIENCE_S = 10.0
"""The other gateway keeps the time; an answer that is later than this has been lost."""
HEAD_BYTES = 256 * 1024
MESSAGE_BYTES = 16 * 1024
_WRITTEN_BY_AIOHTTP = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


@dataclass(frozen=True, slots=True)
class HttpPeers:
    """`Peers`; enter `opened` to use it."""

    http: aiohttp.ClientSession
    token: str
    tls: ssl.SSLContext
    server_name: str

    def tunnel(self, address: str) -> PeerTunnel:
        """The tunnel of the gateway at this address."""
        return PeerTunnel(self, address)


@dataclass(frozen=True, slots=True)
class PeerTunnel:
    """The tunnel of another gateway; see `ports.Tunnel`."""

    peers: HttpPeers
    address: str

    @asynccontextmanager
    async def exchange(self, request: TunnelRequest) -> AsyncIterator[TunnelAnswer]:
        """Carry one exchange."""
        answer = await self._answer(request)
        try:
            outcome, headers = exchanges.outcome_of(answer.headers.items())
            if outcome is not Outcome.ANSWERED:
                raise await self._failure(outcome, answer)
            yield TunnelAnswer(answer.status, headers, self._body(answer))
        finally:
            answer.close()

    async def _answer(self, request: TunnelRequest) -> aiohttp.ClientResponse:
        url = f"{self.address}{exchanges.PREFIX}{quote(request.account, safe='')}{request.target}"
        headers = exchanges.wrapped(request.headers, request.id, request.answer_within_s, request.idle_s)
        try:
            async with asyncio.timeout(request.answer_within_s + PATIENCE_S):
                return await self.peers.http.request(
                    request.method,
                    URL(url, encoded=True),
                    headers=[*headers, ("Authorization", f"Bearer {self.peers.token}")],
                    data=request.body,
                    allow_redirects=False,
                    skip_auto_headers=_WRITTEN_BY_AIOHTTP,
                    ssl=self.peers.tls,
                    server_hostname=self.peers.server_name or None,
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TunnelUnavailable(f"{self._named()} cannot be reached ({chain(error)})") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise TunnelLost(f"{self._named()} gave no answer ({chain(error)})") from error

    async def _failure(self, outcome: Outcome | None, answer: aiohttp.ClientResponse) -> Exception:
        try:
            message = (await answer.content.read(MESSAGE_BYTES)).decode(errors="replace")
        except aiohttp.ClientError:
            message = "it broke off"
        match outcome:
            case Outcome.UNAVAILABLE:
                return TunnelUnavailable(message)
            case Outcome.REFUSED:
                return TunnelRefused(message)
            case Outcome.LOST:
                return TunnelLost(message)
        if answer.status == 401:
            return TunnelUnavailable(f"{self._named()} knows none of our keys: gateways of one database share keyFile")
        return TunnelLost(f"{self._named()} answered {answer.status} as no gateway does")

    async def _body(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            async for piece in answer.content.iter_any():
                yield piece
        except (aiohttp.ClientError, OSError) as error:
            raise TunnelLost(f"{self._named()} broke off ({chain(error)})") from error

    def _named(self) -> str:
        return f"the gateway at {self.address}, which holds the agent's connection,"


@asynccontextmanager
async def opened(token: str, ca_file: Path | None, server_name: str) -> AsyncIterator[HttpPeers]:
    """Open connections to other gateways as they are needed.

    Raises:
        ConfigurationError: the authority cannot be used.

    """
    try:
        tls = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            f"gateway.peers.caFile: {ca_file} cannot be used ({error.strerror or error})"
        ) from None
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False, max_line_size=HEAD_BYTES, max_field_size=HEAD_BYTES
    ) as http:
        # aiohttp would resend a PUT or DELETE whose connection broke: it would be refused, for its id is claimed, and told so
        # although the first one may have taken effect.
        http._retry_connection = False  # noqa: SLF001 - there is no public switch
        yield HttpPeers(http, token, tls, server_name)
