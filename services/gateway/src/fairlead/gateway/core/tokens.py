"""Credentials and what they grant: bearer tokens and names of client certificates."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256

PREFIX = "flt_"
"""Tokens begin with it, so that scanners of repositories and logs can find a leaked one."""


class Kind(StrEnum):
    """Which door a credential opens."""

    AGENT = "agent"
    """The link."""
    API = "api"
    """REST."""
    FACADE = "facade"
    """The Kubernetes API of accounts."""


class Verb(StrEnum):
    """What a credential may do."""

    READ = "read"
    WRITE = "write"
    """Submit and cancel operations; at the facade, every request that is not a reading one."""
    ADMIN = "admin"
    """Manage tokens."""


VERBS: Mapping[Kind, frozenset[Verb]] = {
    Kind.AGENT: frozenset(),
    Kind.API: frozenset(Verb),
    Kind.FACADE: frozenset({Verb.READ, Verb.WRITE}),
}
"""Which verbs mean something at each door."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one credential allows.

    ``accounts`` are patterns (`matches`). A credential is recognised by ``digest``, the SHA-256 of its token, or,
    with an empty digest, by ``certificate``: a pattern for the common name or a DNS name of a client certificate.
    """

    name: str
    kind: Kind
    accounts: tuple[str, ...]
    verbs: frozenset[Verb] = frozenset()
    digest: bytes = b""
    certificate: str = ""
    expires: datetime | None = None

    def allows(self, account: str) -> bool:
        """Whether the credential covers an account."""
        return any(matches(pattern, account) for pattern in self.accounts)

    def valid(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as administrators see it: never the token."""

    name: str
    kind: Kind
    accounts: tuple[str, ...]
    verbs: frozenset[Verb]
    created: datetime
    created_by: str
    expires: datetime | None
    revoked: datetime | None


def matches(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern, in which ``*`` stands for any text and ``?`` for one character."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def make_token() -> str:
    """Make a token: 256 random bits, so that its plain SHA-256 is as good a secret-keeper as a slow hash."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """What is stored of a token."""
    return sha256(token.encode()).digest()


def bearer(header: str) -> str:
    """The token of an ``Authorization`` header (RFC 6750), empty when there is none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def find_by_token(grants: Mapping[bytes, Grant], token: str, kind: Kind, now: datetime) -> Grant | None:
    """Find the grant of a token.

    Grants are found by the SHA-256 of what was presented, which tells a guesser nothing about the digest of a real
    token; the last comparison takes constant time all the same.
    """
    presented = digest(token)
    grant = grants.get(presented)
    if grant is None or not hmac.compare_digest(grant.digest, presented):
        return None
    return grant if grant.kind is kind and grant.valid(now) else None


def find_by_names(grants: Iterable[Grant], names: Iterable[str], now: datetime) -> Grant | None:
    """Find the grant of a verified client certificate by its common name and DNS names."""
    presented = tuple(names)
    for grant in grants:
        if grant.certificate and grant.valid(now) and any(matches(grant.certificate, name) for name in presented):
            return grant
    return None
