"""Clouddriver's account API, and Fiat's, over HTTP.

Read in Clouddriver's `CredentialsController`, `AccountDefinitionService` and `SqlAccountDefinitionRepository`, and seen of a
running one: `PUT /credentials` creates or replaces (1.29 and newer), `DELETE /credentials/{name}` answers 404 for what is not
in its store, `GET /credentials/type/kubernetes` begins with ``startingAccountName`` itself and may leave accounts out that
the caller may not use, so that a short page is not the last one.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from fairlead.gateway.core.registration.answers import explain
from fairlead.gateway.core.registration.definition import Definition
from fairlead.gateway.errors import ClouddriverFailed, ClouddriverRefused, ClouddriverUnreachable
from fairlead.runtime import metrics
from fairlead.runtime.errors import ConfigurationError

USER = "X-SPINNAKER-USER"
PAGE = 500
ANSWER_BYTES = 64 * 1024 * 1024
"""The longest answer that is read; a page of 500 definitions has some 2 MB."""
ERROR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """How a service of Spinnaker is reached.

    ``user`` is who requests are made for, needed when Fiat is on. Without ``ca_file`` the system's authorities are trusted.
    """

    url: str
    user: str = ""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    timeout_s: float = 10.0

    def tls(self, setting: str) -> ssl.SSLContext | None:
        """What the service's certificate is checked against; None for plain HTTP.

        Raises:
            ConfigurationError: a file cannot be used.

        """
        if not self.url.startswith("https:"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(f"{setting}: a file cannot be used ({error.strerror or error})") from None
        return context


@dataclass
class HttpClouddriver:
    """`Clouddriver` and, where Fiat's address is known, `Fiat`; enter `opened` to use it."""

    service: Service
    fiat: Service | None
    http: aiohttp.ClientSession
    tls: Mapping[str, ssl.SSLContext | None] = field(default_factory=dict)

    async def definitions(self, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Read the stored definitions of Kubernetes accounts, page by page, and keep those of these names."""
        wanted = set(names)
        found: dict[str, Mapping[str, Any]] = {}
        last = ""
        while True:
            query = {"limit": str(PAGE)} | ({"startingAccountName": last} if last else {})
            page = await self._json("list", "GET", "/credentials/type/kubernetes", query=query)
            entries = {name: each for each in page for name in _name(each)} if isinstance(page, list) else {}
            found |= {name: each for name, each in entries.items() if name in wanted}
            before, last = last, next(reversed(entries), "")
            if not last or last == before:
                return found

    async def loaded(self, name: str) -> bool:
        """Whether an account of this name is loaded."""
        answer = await self._call("read", "GET", f"/credentials/{quote(name, safe='')}", gone=True)
        return answer is not None

    async def put(self, definition: Definition) -> None:
        """Create or replace a definition."""
        await self._call("put", "PUT", "/credentials", body=definition.body)

    async def delete(self, name: str) -> bool:
        """Remove a stored definition."""
        return await self._call("delete", "DELETE", f"/credentials/{quote(name, safe='')}", gone=True) is not None

    async def sync_roles(self, roles: Sequence[str]) -> None:
        """Let Fiat work out anew what users of these roles may do."""
        if self.fiat is not None:
            body = msgspec.json.encode(list(roles))
            await self._call("sync", "POST", "/roles/sync", body=body, service=self.fiat)

    async def _json(self, call: str, method: str, path: str, *, query: Mapping[str, str]) -> Any:
        answer = await self._call(call, method, path, query=query)
        try:
            return msgspec.json.decode(answer or b"null")
        except msgspec.DecodeError:
            raise ClouddriverFailed(
                f"{self.service.url} answered something that is no JSON: is it Clouddriver?"
            ) from None

    async def _call(  # noqa: PLR0913 - the parts of a request, by keyword
        self,
        call: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        gone: bool = False,
        service: Service | None = None,
    ) -> bytes | None:
        """Make one request; None for a 404 with ``gone``."""
        chosen = service or self.service
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if chosen.user:
            headers[USER] = chosen.user
        url = URL(chosen.url + path, encoded=True).with_query(query or {})
        status = 0
        try:
            async with self.http.request(
                method, url, data=body, headers=headers, ssl=self.tls.get(chosen.url) or True, allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=chosen.timeout_s),
            ) as answer:  # fmt: skip
                status = answer.status
                content = await _read(answer, ERROR_BYTES if status >= HTTPStatus.BAD_REQUEST else ANSWER_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = "it did not answer in time" if isinstance(error, TimeoutError) else type(error).__name__
            raise ClouddriverUnreachable(f"{chosen.url} cannot be reached ({_cause(error) or why})") from error
        finally:
            metrics.CLOUDDRIVER_REQUESTS.labels(call=call, code=str(status)).inc()
        if gone and status == HTTPStatus.NOT_FOUND:
            return None
        _check(status, content, f"{method} {chosen.url}{path}")
        return content


@asynccontextmanager
async def opened(service: Service, fiat: Service | None = None) -> AsyncIterator[HttpClouddriver]:
    """Open a client; it connects when it is used.

    Raises:
        ConfigurationError: a certificate cannot be used.

    """
    tls = {service.url: service.tls("gateway.clouddriver.tls")}
    if fiat is not None:
        tls[fiat.url] = fiat.tls("gateway.clouddriver.tls")
    agent = {"User-Agent": f"fairlead/{version('fairlead-gateway')}"}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers=agent) as http:
        yield HttpClouddriver(service, fiat, http, tls)


def _name(entry: Any) -> list[str]:
    """The name of a definition, if it is one."""
    name = entry.get("name") if isinstance(entry, dict) else None
    return [name] if isinstance(name, str) and name else []


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    pieces = bytearray()
    async for piece in answer.content.iter_any():
        pieces += piece
        if len(pieces) > limit:
            break
    return bytes(pieces)


def _check(status: int, content: bytes, request: str) -> None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    told = explain(status, content, request)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.NOT_FOUND):
        raise ClouddriverFailed(told)
    raise ClouddriverRefused(told)


def _cause(error: Exception) -> str:
    """What the system says of it: never anything of the request."""
    return str(getattr(error, "strerror", None) or "")
