"""The OpenAPI documents of clusters, as far as patches need them: v3 a group version at a time, v2 from older servers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.executor.core.merging.schemas import Document, Node, TypeName, parse_document
from fairlead.executor.errors import NoSchema
from fairlead.kube.errors import ApiError, Forbidden, NotFound, ProtocolError
from fairlead.kube.session import KubeSession

CURRENT_S = 600.0
"""How long a document is taken for current; those of built-in kinds change when the server is upgraded."""
SHARED_MAX = 64
"""Documents in memory, of all clusters together: clusters of one release share theirs."""
_INDEX = "/openapi/v3"
_V2 = "/openapi/v2"


class _Entry(msgspec.Struct, rename={"url": "serverRelativeURL"}):
    url: str


class _Index(msgspec.Struct):
    paths: dict[str, _Entry] = {}


_decode_index = msgspec.json.Decoder(_Index).decode


class SharedDocuments:
    """Documents by their bytes, the least used forgotten first."""

    def __init__(self, limit: int = SHARED_MAX) -> None:
        self._limit = limit
        self._documents: OrderedDict[bytes, Document] = OrderedDict()

    def parsed(self, body: bytes) -> Document:
        """Parse a document, or find the one that was made of the same bytes.

        Raises:
            ProtocolError: it is no OpenAPI document.

        """
        digest = sha256(body).digest()
        if digest not in self._documents:
            try:
                self._documents[digest] = parse_document(body)
            except (ValueError, RecursionError) as error:
                raise ProtocolError("the answer is no OpenAPI document") from error
        self._documents.move_to_end(digest)
        if len(self._documents) > self._limit:
            self._documents.popitem(last=False)
        return self._documents[digest]


SHARED = SharedDocuments()


@dataclass(slots=True)
class _Held:
    document: Document
    hash: str
    read_s: float


class PatchSchemas:
    """The schemas of one cluster."""

    def __init__(self, session: Callable[[], Awaitable[KubeSession]], shared: SharedDocuments = SHARED) -> None:
        self._session = session
        self._shared = shared
        self._held: dict[str, _Held] = {}
        self._lock = asyncio.Lock()

    async def node(self, resource: Resource) -> Node | None:
        """How objects of a kind merge; None for kinds that the API server merges as JSON alone.

        Raises:
            NoSchema: the cluster does not tell, and the kind is a built-in one.
            KubeError: it cannot be asked.

        """
        key = f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"
        async with self._lock:
            held = self._held.get(key)
            if held is None or asyncio.get_running_loop().time() - held.read_s > CURRENT_S:
                try:
                    held = await self._read(key, held)
                except (NotFound, Forbidden) as error:
                    _must_be_custom(resource, error)
                    return None
                self._held[key] = held
        return held.document.node(TypeName(resource.group, resource.version, resource.kind))

    async def _read(self, key: str, known: _Held | None) -> _Held:
        """Read the document of a group version, unless its hash says that the known one is current."""
        session = await self._session()
        now_s = asyncio.get_running_loop().time()
        try:
            index = _index((await session.request("GET", _INDEX)).body)
        except NotFound:
            return _Held(self._shared.parsed((await session.request("GET", _V2)).body), "", now_s)
        entry = index.paths.get(key)
        if entry is None:
            # An aggregated group may publish nothing. A built-in one always does: its server is starting or being changed.
            if "." not in key.split("/")[1]:
                raise NotFound(404, "NotFound", f"{_INDEX} lacks {key}")
            return _Held(Document({}, frozenset()), "", now_s)
        mark = "".join(parse_qs(urlsplit(entry.url).query).get("hash", []))
        if known is not None and mark and known.hash == mark:
            return _Held(known.document, mark, now_s)
        answer = await session.request("GET", f"{_INDEX}/{key}", params={"hash": mark} if mark else None)
        return _Held(self._shared.parsed(answer.body), mark, now_s)


def _index(body: bytes) -> _Index:
    try:
        return _decode_index(body)
    except msgspec.MsgspecError as error:
        raise ProtocolError("the answer is no index of OpenAPI documents") from error


def _must_be_custom(resource: Resource, error: ApiError) -> None:
    """Take a custom kind for one that merges as JSON, which they all do; of a built-in one nobody can know."""
    if "." in resource.group and not resource.group.endswith(".k8s.io"):
        return
    raise NoSchema(
        f"the cluster's OpenAPI documents, which tell how a {resource.kind} merges, cannot be read ({error.code}"
        f" {error.reason}); apply it server-side"
    ) from error
