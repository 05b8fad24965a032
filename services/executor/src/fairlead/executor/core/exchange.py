"""What of a tunnelled request may reach the API server, and what of its answer goes back.

The gateway has checked its callers; here it is checked again, because the requests carry this executor's rights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fairlead.contracts.tunnels import HEADERS_BYTES

Header = tuple[str, str]
"""Name and value, a character for each byte (Latin-1)."""

_METHOD = re.compile(r"[A-Z]{1,32}")
_NEVER_METHODS = frozenset({"CONNECT", "TRACE"})
_TARGET = re.compile(r"/[!-\"$-~]*")
"""Path and query: visible ASCII without ``#``. The slash keeps it from becoming a part of the host."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2."""
_BAD_IN_VALUE = re.compile(r"[\r\n\0]")
_HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
"""RFC 9110, 7.6.1: they are about one connection."""
_OURS = _HOP_BY_HOP | {"audit-id", "authorization", "content-length", "cookie", "expect", "host"}
_OTHERS_IDENTITY = ("impersonate-", "x-remote-")
"""Rights of the executor may include impersonation; no caller may use them."""


def objection(method: str, target: str, headers: Sequence[Header]) -> str:
    """Why a request cannot be sent; empty when it can."""
    if not _METHOD.fullmatch(method) or method in _NEVER_METHODS:
        return "the tunnel does not carry this method"
    if not _TARGET.fullmatch(target):
        return "the request target is no path"
    if any(name.lower() == "upgrade" for name, _ in headers):
        return "the tunnel carries plain HTTP; it does not change protocols (exec, attach, port-forward)"
    if len(target) + sum(len(name) + len(value) for name, value in headers) > HEADERS_BYTES:
        return f"the head of the request is longer than {HEADERS_BYTES} bytes"
    if not all(_NAME.fullmatch(name) and _is_text(value) for name, value in headers):
        return "a header of the request is malformed"
    return ""


def request_headers(headers: Iterable[Header], audit_id: str) -> list[Header]:
    """The headers that go to the API server, as text."""
    kept = [(name, _text(value)) for name, value in headers if _may_pass(name.lower())]
    return [*kept, ("Audit-ID", audit_id)]


def answer_headers(headers: Iterable[Header]) -> list[Header]:
    """The headers that go back. The length stays right, for bodies travel as they are encoded."""
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


def _may_pass(name: str) -> bool:
    return name not in _OURS and not name.startswith(_OTHERS_IDENTITY)


def _text(value: str) -> str:
    """A value as the HTTP client wants it: it encodes to UTF-8, so that the bytes are again those that came."""
    return value.encode("latin-1").decode()


def _is_text(value: str) -> bool:
    try:
        return not _BAD_IN_VALUE.search(_text(value))
    except UnicodeError:
        return False
