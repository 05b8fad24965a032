"""Listening without losing a connection at the end."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    import ssl


class ListeningSite(web.SockSite):
    """Listens as `aiohttp.web.TCPSite`; ``port`` 0 takes a free one.

    asyncio sets a connection up one turn of its loop after it accepted it. A server that is closed in between drops the
    socket without closing it, and Python warns of that whenever it happens to collect it.
    """

    def __init__(
        self, runner: web.BaseRunner, host: str, port: int, *, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, port), family=family)
        super().__init__(runner, self._listening, ssl_context=ssl_context)

    async def stop(self) -> None:
        """Accept nothing more, let begin what was accepted, then close."""
        asyncio.get_running_loop().remove_reader(self._listening)
        await asyncio.sleep(0)
        await super().stop()
