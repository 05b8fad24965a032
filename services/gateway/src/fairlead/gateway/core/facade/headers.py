"""Which headers go through the tunnel, and which of its answers go back."""

from __future__ import annotations

from collections.abc import Iterable

HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
"""RFC 9110, 7.6.1: they are about one connection."""
_NOT_SENT = HOP_BY_HOP | {"authorization", "audit-id", "content-length", "cookie", "expect", "host"}
_OURS = "fairlead-"
"""Headers of this name are what clients and gateways say to gateways."""
_NOT_RETURNED = HOP_BY_HOP | {"alt-svc", "date", "set-cookie", "strict-transport-security"}
"""What would speak for the gateway's address, which other clusters share. The date its own server writes on every answer."""
IDENTITY_PREFIXES = ("impersonate-", "x-remote-")
"""Headers with which a client says who it is beside its credentials: to the API server the executor is who asks."""

Header = tuple[str, str]


def sent(headers: Iterable[Header]) -> tuple[Header, ...]:
    """Headers of a client as they go to the API server."""
    headers = tuple(headers)
    dropped = _NOT_SENT | _connection_options(headers)
    return tuple(each for each in headers if each[0].lower() not in dropped and not _is_reserved(each[0]))


def returned(headers: Iterable[Header]) -> tuple[Header, ...]:
    """Headers of the API server's answer as they go to the client; the body's bytes and their number stay the same."""
    headers = tuple(headers)
    dropped = _NOT_RETURNED | _connection_options(headers)
    return tuple(each for each in headers if each[0].lower() not in dropped)


def claims_identity(name: str) -> bool:
    """Whether a header would make the API server take the executor for somebody else."""
    return name.lower().startswith(IDENTITY_PREFIXES)


def _is_reserved(name: str) -> bool:
    return name.lower().startswith(_OURS) or claims_identity(name)


def _connection_options(headers: tuple[Header, ...]) -> set[str]:
    """Headers that ``Connection`` names as its own."""
    return {
        option.strip().lower() for name, value in headers if name.lower() == "connection" for option in value.split(",")
    }
