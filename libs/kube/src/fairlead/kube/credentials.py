"""Who we are toward an API server, kept current.

``Credentials`` re-reads its source when it may have changed: a rotated token file each minute (client-go's
``transport.NewCachedFileTokenSource`` does the same), an exec plug-in's answer shortly before it expires, anything
after the server said 401. ``readings`` reads. While the last answer is good, neither a failure of its source nor a
source that hangs stands in a request's way for long.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fairlead.kube.errors import CredentialsError
from fairlead.kube.kubeconfig import SERVICE_ACCOUNT_DIRECTORY, read_kubeconfig, read_service_account
from fairlead.kube.readings import read_once

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Hashable, Mapping
    from pathlib import Path

    from fairlead.kube.material import Material

TOKEN_FILE_PERIOD_S = 60.0
EXPIRY_MARGIN_S = 60.0
# After a 401 or a failed reload the source is not read again sooner: an exec plug-in may cost seconds.
RELOAD_PAUSE_S = 10.0


class Credentials:
    """The server, how to trust it, and how to be known to it.

    Made by ``from_kubeconfig`` or ``from_service_account``. The properties show the latest reading. ``source`` names what
    ``read`` reads; without it, it is ``read`` itself.
    """

    def __init__(self, read: Callable[[], Material], material: Material, source: Hashable = None) -> None:
        self._read = read
        self._source = source or read
        self._material = material
        self._read_at = time.monotonic()
        self._tried_at = self._read_at
        self._lock = asyncio.Lock()

    @property
    def server(self) -> str:
        """The base URL without a trailing slash; it may have a path."""
        return self._material.server

    @property
    def host(self) -> str:
        """``host:port`` of the server, for messages and for the cluster's identity."""
        parts = urlsplit(self._material.server)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        """How to trust the server, with the client certificate; None for plain http. A new one when they change."""
        return self._material.tls

    @property
    def tls_server_name(self) -> str | None:
        """The name to ask for and verify in place of the URL's host."""
        return self._material.tls_server_name

    @property
    def ca_fingerprint(self) -> str:
        """``sha256:…`` over the configured CA certificates; empty for the system's or without verification."""
        return self._material.ca_fingerprint

    @property
    def proxy(self) -> str | None:
        """The http(s) proxy to go through."""
        return self._material.proxy

    async def authorization(self) -> str | None:
        """Give the Authorization header's value, re-reading its source first when that is due.

        One caller reads; the others go on meanwhile with an answer that is still good.

        Raises:
            CredentialsError: the last answer expired and no new one can be had.

        """
        if self._is_due() and (self._is_expired(0) or not self._lock.locked()):
            async with self._lock:
                if self._is_due():
                    await self._reload()
        return self._material.authorization

    async def renew_after_rejection(self, rejected: str | None) -> bool:
        """Read the source anew because the server answered 401 to ``rejected``; True when something changed.

        Nothing is read again within ``RELOAD_PAUSE_S`` of the last try.
        """
        async with self._lock:
            before = self._material
            if before.authorization == rejected and time.monotonic() - self._tried_at >= RELOAD_PAUSE_S:
                await self._reload()
            return self._material.authorization != rejected or self._material.tls is not before.tls

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self._tried_at < RELOAD_PAUSE_S and not self._is_expired(0):
            return False
        if self._material.rotates and now - self._read_at >= TOKEN_FILE_PERIOD_S:
            return True
        return self._is_expired(EXPIRY_MARGIN_S)

    def _is_expired(self, margin_s: float) -> bool:
        return self._material.expires is not None and time.time() + margin_s >= self._material.expires

    async def _reload(self) -> None:
        try:
            fresh = await read_once(self._source, self._read)
        except CredentialsError:
            # A file in the middle of its rotation is no reason to stop: the old token may well be good.
            if self._is_expired(0):
                raise
            return
        finally:
            self._tried_at = time.monotonic()
        if fresh.tls_digest == self._material.tls_digest:
            fresh = replace(fresh, tls=self._material.tls)  # keeps pooled connections in use
        self._material = fresh
        self._read_at = time.monotonic()


async def from_kubeconfig(
    source: Path | str, *, context: str | None = None, insecure: bool = False, no_proxy: bool = False
) -> Credentials:
    """Load one context (default: the current one) of a kubeconfig file (``Path``) or of its contents (``str``).

    ``insecure`` skips the verification of the server; ``no_proxy`` ignores proxies of the file and the environment.

    Raises:
        CredentialsError: the message says what is wrong and where.

    """
    read = partial(read_kubeconfig, source, context, insecure=insecure, no_proxy=no_proxy)
    key = (source, context, insecure, no_proxy)
    return Credentials(read, await read_once(key, read), key)


async def from_service_account(
    *,
    directory: Path = SERVICE_ACCOUNT_DIRECTORY,
    environ: Mapping[str, str] | None = None,
    insecure: bool = False,
    no_proxy: bool = False,
) -> Credentials:
    """Load the service account that Kubernetes mounts into the pod this process runs in.

    ``environ`` stands in for the process environment, which names the server.

    Raises:
        CredentialsError: there is no pod around this process, or no token in it.

    """
    read = partial(read_service_account, directory, environ, insecure=insecure, no_proxy=no_proxy)
    key = (directory, insecure, no_proxy)
    return Credentials(read, await read_once(key, read), key)
