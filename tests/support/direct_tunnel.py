"""`Tunnel` without an agent: straight to an API server, as an administrator."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from fairlead.gateway.errors import TunnelLost, TunnelUnavailable
from fairlead.gateway.ports.tunnel import TunnelAnswer, TunnelRequest

PIECE_BYTES = 64 * 1024


@dataclass
class DirectTunnel:
    """Forwards exchanges; remembers them, and fails as it is told."""

    server: str
    token: str
    ca_file: str
    away: bool = False
    """No agent is connected."""
    lose_answers: bool = False
    """Everything is sent, and no answer comes back."""
    requests: list[TunnelRequest] = field(default_factory=list)
    open: int = 0
    """Exchanges under way."""

    @asynccontextmanager
    async def exchange(self, request: TunnelRequest) -> AsyncIterator[TunnelAnswer]:
        """Carry one exchange."""
        if self.away:
            raise TunnelUnavailable(f"no agent of account {request.account!r} is connected")
        self.requests.append(request)
        self.open += 1
        headers = [*request.headers, ("Authorization", f"Bearer {self.token}"), ("Audit-ID", f"{request.id}.1")]
        context = ssl.create_default_context(cafile=self.ca_file)
        session = aiohttp.ClientSession(
            auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None), trust_env=False, max_field_size=65_536
        )
        try:
            async with (
                session,
                session.request(
                    request.method,
                    URL(self.server + request.target, encoded=True),
                    headers=headers,
                    data=request.body,
                    ssl=context,
                    allow_redirects=False,
                    skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
                ) as answer,
            ):
                if self.lose_answers:
                    raise TunnelLost("the link broke")
                yield TunnelAnswer(
                    answer.status, tuple(answer.headers.items()), answer.content.iter_chunked(PIECE_BYTES)
                )
        except aiohttp.ClientError as error:
            raise TunnelLost("the API server broke the connection off") from error
        finally:
            self.open -= 1
