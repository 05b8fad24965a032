"""OpenAPI documents: fetched through the tunnel, ahead or when they are first asked for, and kept however long the agent is away."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice

from fairlead.gateway.core.facade import openapi
from fairlead.gateway.core.facade.freshness import FRESHNESS, of_document
from fairlead.gateway.core.facade.memory import Memory
from fairlead.gateway.core.facade.openapi import INDEX, V2, V2_PROTOBUF, Schemas, Wanted
from fairlead.gateway.core.facade.statuses import JSON, Refusal
from fairlead.gateway.core.tokens import Grant, Kind, Verb
from fairlead.gateway.errors import DatabaseUnavailable, TunnelLost, TunnelRefused, TunnelUnavailable
from fairlead.gateway.flows.facade.bodies import collect, plain, unpacked
from fairlead.gateway.flows.facade.discovery import DiscoveryDocuments
from fairlead.gateway.flows.facade.passthrough import Passthrough
from fairlead.gateway.ports.documents import OPENAPI, DocumentShelf, DocumentState
from fairlead.gateway.ports.facade import FacadeAnswer, FacadeRequest
from fairlead.runtime import logfields
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
DOCUMENT_BYTES = 32 * 1024 * 1024
"""A larger document, as it comes, goes through and is not kept. Kubernetes' own v2 document has 2.4 MB."""
PLAIN_BYTES = 256 * 1024 * 1024
"""The same without its content coding: a few bytes of a cluster that is not trusted must not become many here."""
INDEX_BYTES = 4 * 1024 * 1024
NAMED_LIMIT = 1000
"""Documents of one index that are fetched ahead."""
PATIENCE_S = 5.0
"""So long a client that could have a stored document waits for the cluster's word that it is current."""
SURE_ENTRIES = 10_000
TOO_MANY_REQUESTS = 429
_OURSELVES = Grant("gateway", Kind.FACADE, ("*",), frozenset({Verb.READ}))


class NotKept(Exception):
    """A document is too large to be kept, or cannot be read."""


@dataclass(frozen=True, slots=True)
class _Sure:
    """When a document was last known to be the cluster's, and what the cluster served then."""

    at: float
    discovery: DocumentState | None


@dataclass
class _Flight:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    requests: int = 0


@dataclass
class OpenApiDocuments:
    """Answers out of kept documents, and keeps them current.

    Args:
        shelf: where they are kept.
        cluster: where they come from.
        discovery: tells when the cluster serves something else than before.
        cache_bytes: memory for them.
        fresh_s: so long a document is taken for current without asking.

    """

    shelf: DocumentShelf
    cluster: Passthrough
    discovery: DiscoveryDocuments
    cache_bytes: int
    fresh_s: float
    _memory: Memory[str, Schemas] = field(init=False)
    _sure: OrderedDict[tuple[str, str], _Sure] = field(default_factory=OrderedDict)
    _flights: dict[tuple[str, str], _Flight] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._memory = Memory(self.cache_bytes)

    async def answer(self, request: FacadeRequest) -> FacadeAnswer | None:
        """Answer; None when the cluster has to answer itself.

        Raises:
            TunnelUnavailable, TunnelLost: nothing is kept, and the cluster cannot be asked.

        """
        path = "/" + request.path.strip("/")
        wanted = openapi.wanted(path, request.headers.get("accept", ""), request.parameter("hash"))
        if wanted is None:
            return None
        try:
            found = await self._current(request.account, wanted)
        except NotKept:
            return None
        return found if isinstance(found, FacadeAnswer) else _answer(request, wanted, *found)

    async def hold(self, account: str) -> None:
        """Fetch what kubectl asks for and is not held, so that it is there when the agent is away.

        Raises:
            TunnelUnavailable, TunnelLost, DatabaseUnavailable: not all of it could be had.

        """
        await self._held(account, Wanted(V2, V2_PROTOBUF))
        index = await self._held(account, Wanted(INDEX, JSON))
        named = openapi.named_by(plain(index.packed, "gzip", INDEX_BYTES) or b"") if index else None
        for path, hash_ in islice((named or {}).items(), NAMED_LIMIT):
            wanted = openapi.wanted(path, JSON, hash_)
            if wanted is not None:
                await self._held(account, wanted)

    async def _held(self, account: str, wanted: Wanted) -> Schemas | None:
        """A document, fetched however long it takes; None for what is stored already, or not there, or not kept."""
        try:
            async with self._flight(account, wanted):
                if await self._has(account, wanted):
                    return None
                found = await self._fetch(account, wanted, await self._kept(account, wanted))
        except NotKept:
            return None
        return None if isinstance(found, FacadeAnswer) else found[0]

    async def _has(self, account: str, wanted: Wanted) -> bool:
        """Whether the very state is stored that the index names."""
        state = await self.shelf.state(account, OPENAPI, wanted.key)
        return state is not None and bool(wanted.hash) and state.headers.get("etag") == f'"{wanted.hash}"'

    async def _current(self, account: str, wanted: Wanted) -> tuple[Schemas, DocumentState] | FacadeAnswer:
        """The document, or what the cluster says instead of it."""
        known = await self._kept(account, wanted)
        if known is not None and await self._is_sure(account, wanted, known[0]):
            return known
        try:
            async with asyncio.timeout(None if known is None else PATIENCE_S), self._flight(account, wanted):
                known = await self._kept(account, wanted)  # another request may have brought it
                if known is not None and await self._is_sure(account, wanted, known[0]):
                    return known
                return await self._fetch(account, wanted, known)
        except (TunnelUnavailable, TunnelLost, TunnelRefused, Refusal, TimeoutError) as error:
            if known is None:
                raise
            if isinstance(error, TimeoutError):  # so that not everybody waits
                self._note(account, wanted, await self.discovery.standing(account))
            return known

    async def _is_sure(self, account: str, wanted: Wanted, found: Schemas) -> bool:
        if wanted.hash:
            return found.headers.get("etag") == f'"{wanted.hash}"'
        sure = self._sure.get((account, wanted.key))
        if sure is None or time.monotonic() - sure.at > self.fresh_s or not self.discovery.settled(account):
            return False
        return sure.discovery == await self.discovery.standing(account)

    async def _fetch(
        self, account: str, wanted: Wanted, known: tuple[Schemas, DocumentState] | None
    ) -> tuple[Schemas, DocumentState] | FacadeAnswer:
        served = await self.discovery.standing(account)
        headers = {"accept": wanted.media, "accept-encoding": "gzip"}
        if known is not None and "etag" in known[0].headers:
            headers["if-none-match"] = known[0].etag
        asked = FacadeRequest(account, "GET", wanted.path, wanted.path, (), headers, _OURSELVES)
        async with self.cluster.read(asked, None) as answer:
            if answer.status == 304 and known is not None:
                self._note(account, wanted, served)
                return known
            body, whole = await collect(answer.body, DOCUMENT_BYTES)
            if not whole:
                raise NotKept
        if answer.status != 200:
            troubled = answer.status >= 500 or answer.status == TOO_MANY_REQUESTS
            return known if troubled and known is not None else replace(answer, body=body)
        schemas = openapi.kept({name.lower(): value for name, value in answer.headers}, body)
        await _check(schemas.packed)
        state = await self._keep(account, wanted, schemas)
        self._note(account, wanted, served)
        return schemas, state

    async def _kept(self, account: str, wanted: Wanted) -> tuple[Schemas, DocumentState] | None:
        state = await self.shelf.state(account, OPENAPI, wanted.key)
        if state is None:
            return None
        found = self._memory.get(state.sha256)
        if found is None:
            packed = await self.shelf.content(account, OPENAPI, wanted.key, state.sha256)
            if packed is None:
                return None
            found = Schemas(state.headers, packed)
            self._memory.put(state.sha256, found, len(packed))
        return found, state

    async def _keep(self, account: str, wanted: Wanted, found: Schemas) -> DocumentState:
        state = DocumentState(sha256(found.packed).hexdigest(), datetime.now(UTC), found.headers)
        self._memory.put(state.sha256, found, len(found.packed))
        try:
            await self.shelf.keep(account, OPENAPI, wanted.key, state, found.packed)
            if wanted.path == INDEX:
                named = openapi.named_by(plain(found.packed, "gzip", INDEX_BYTES) or b"")
                if named is not None:
                    await self.shelf.prune(account, OPENAPI, [V2, INDEX, *named])
        except DatabaseUnavailable as error:
            log.warning("an OpenAPI document could not be stored", **{
                logfields.ACCOUNT: account, logfields.ERROR: chain(error)})  # fmt: skip
        return state

    def _note(self, account: str, wanted: Wanted, served: DocumentState | None) -> None:
        key = (account, wanted.key)
        self._sure[key] = _Sure(time.monotonic(), served)
        self._sure.move_to_end(key)
        if len(self._sure) > SURE_ENTRIES:
            self._sure.popitem(last=False)

    @asynccontextmanager
    async def _flight(self, account: str, wanted: Wanted) -> AsyncIterator[None]:
        """One request at a time fetches a document; the others wait for what it brings."""
        key = (account, wanted.key)
        flight = self._flights.setdefault(key, _Flight())
        flight.requests += 1
        try:
            async with flight.lock:
                yield
        finally:
            flight.requests -= 1
            if not flight.requests:
                del self._flights[key]


def _answer(request: FacadeRequest, wanted: Wanted, found: Schemas, state: DocumentState) -> FacadeAnswer:
    headers = (*openapi.answer_headers(found, wanted.hash), (FRESHNESS, of_document(state.stored)))
    if openapi.unchanged(found, request.headers):
        return FacadeAnswer(304, headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return FacadeAnswer(200, (*headers, ("Content-Encoding", "gzip")), found.packed)
    return FacadeAnswer(200, headers, unpacked(found.packed))


async def _check(packed: bytes) -> None:
    """See that a document can be unpacked, and how large it gets."""
    size = 0
    try:
        async for piece in unpacked(packed):
            size += len(piece)
            if size > PLAIN_BYTES:
                raise NotKept
    except zlib.error:
        raise NotKept from None
