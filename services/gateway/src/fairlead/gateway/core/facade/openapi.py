"""OpenAPI documents, relayed opaque: which one a request means, and what is told with a stored one.

API servers serve ``/openapi/v2`` as JSON and protobuf, ``/openapi/v3`` as an index of group versions, and each of those as
JSON and protobuf (k8s.io/kube-openapi handler, handler3). A document's ETag is its hash, which the index names as ``?hash=``.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import msgspec

from fairlead.gateway.core.facade.negotiation import matches_etag
from fairlead.gateway.core.facade.statuses import JSON

V2, INDEX = "/openapi/v2", "/openapi/v3"
V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
"""The form of `V2` that kubectl asks for."""
_PROTOBUF = {
    f"application/com.github.proto-openapi.spec.{version}{mark}v1.0+protobuf"
    for version in ("v2", "v3")
    for mark in "@."
}
_PATH = re.compile(r"/openapi/v[23](/[A-Za-z0-9._-]+)*")
"""Nothing in it has to be escaped."""
_KEPT = ("content-type", "etag", "last-modified")
_YEAR_S = 365 * 86400
LEVEL = 6


@dataclass(frozen=True, slots=True)
class Wanted:
    """The document that a request means."""

    path: str
    media: str
    """The one media type that is asked for."""
    hash: str = ""
    """The state that the index named."""

    @property
    def key(self) -> str:
        """Names the document among those of its account."""
        return f"{self.path} {self.media}"


@dataclass(frozen=True, slots=True)
class Schemas:
    """A document as it is kept."""

    headers: Mapping[str, str]
    """Names in lower case."""
    packed: bytes
    """The body, with gzip."""

    @property
    def etag(self) -> str:
        """Its ETag; the index has none from the API server."""
        return self.headers.get("etag") or f'"{sha256(self.packed).hexdigest().upper()}"'


def wanted(path: str, accept: str, hash_: str) -> Wanted | None:
    """Read a request; None for a media type or a path that is not known: the API server says what it thinks of it."""
    if not _PATH.fullmatch(path):
        return None
    for clause in accept.lower().split(","):
        media = clause.partition(";")[0].strip()
        if media in _PROTOBUF:
            return Wanted(path, media, hash_)
        if media in ("", "*/*", "application/*", JSON):
            return Wanted(path, JSON, hash_)
    return None


def kept(headers: Mapping[str, str], body: bytes) -> Schemas:
    """Take an API server's answer."""
    packed = body if headers.get("content-encoding") == "gzip" else gzip.compress(body, LEVEL, mtime=0)
    return Schemas({name: headers[name] for name in _KEPT if headers.get(name)}, packed)


def answer_headers(found: Schemas, hash_: str) -> tuple[tuple[str, str], ...]:
    """Headers of an answer. What was asked for by its hash never changes."""
    immutable = bool(hash_) and found.headers.get("etag") == f'"{hash_}"'
    lasting = (("Cache-Control", f"public, immutable, max-age={_YEAR_S}"),)
    return (
        ("Content-Type", found.headers.get("content-type", JSON)),
        ("ETag", found.etag),
        *((("Last-Modified", found.headers["last-modified"]),) if "last-modified" in found.headers else ()),
        *(lasting if immutable else (("Cache-Control", "no-cache, private"),)),
        ("Vary", "Accept, Accept-Encoding"),
    )


def unchanged(found: Schemas, conditions: Mapping[str, str]) -> bool:
    """Whether the client has this document already."""
    if "if-none-match" in conditions:
        return matches_etag(conditions["if-none-match"], found.etag)
    return "last-modified" in found.headers and conditions.get("if-modified-since") == found.headers["last-modified"]


def named_by(index: bytes) -> dict[str, str] | None:
    """Path and hash of each document that an index names; None for something else. A hash may be missing."""
    try:
        named = msgspec.json.decode(index, type=_Index).paths
    except msgspec.DecodeError:
        return None
    found = {f"{INDEX}/{name}": parse_qs(urlsplit(place.url).query) for name, place in named.items()}
    return {path: query.get("hash", [""])[0] for path, query in found.items()}


class _Place(msgspec.Struct):
    url: str = msgspec.field(name="serverRelativeURL", default="")


class _Index(msgspec.Struct):
    paths: dict[str, _Place]
