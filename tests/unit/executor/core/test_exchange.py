"""What may be sent with the executor's rights."""

from __future__ import annotations

import pytest

from fairlead.contracts.tunnels import HEADERS_BYTES
from fairlead.executor.core.exchange import Header, answer_headers, objection, request_headers

GOOD = [
    ("GET", "/", ()),
    ("PATCH", "/api/v1/namespaces/a%2Fb?x=~{}|\"'[]", (("Content-Type", "application/apply-patch+yaml"),)),
    ("POST", "//x", (("X-Latin", "caf\xc3\xa9"), ("x!#$%&'*+-.^_`|~", ""))),
]
BAD = [
    ("get", "/", (), "method"),
    ("CONNECT", "/", (), "method"),
    ("TRACE", "/", (), "method"),
    ("GET /x", "/", (), "method"),
    ("GET", "", (), "no path"),
    ("GET", "@elsewhere/x", (), "no path"),
    ("GET", ":1@elsewhere/x", (), "no path"),
    ("GET", "/a b", (), "no path"),
    ("GET", "/a#b", (), "no path"),
    ("GET", "/a\r\nX: y", (), "no path"),
    ("GET", "/caf\xe9", (), "no path"),
    ("GET", "/", (("upgrade", "SPDY/3.1"),), "plain HTTP"),
    ("GET", "/", (("", "x"),), "malformed"),
    ("GET", "/", (("a:b", "x"),), "malformed"),
    ("GET", "/", (("X", "a\nb"),), "malformed"),
    ("GET", "/", (("X", "a\0b"),), "malformed"),
    ("GET", "/", (("X", "\xe9"),), "malformed"),
    ("GET", "/", (("X", "\u20ac"),), "malformed"),
    ("GET", "/" + "x" * HEADERS_BYTES, (), "longer"),
    ("GET", "/", (("X", "x" * HEADERS_BYTES),), "longer"),
]


@pytest.mark.parametrize(("method", "target", "headers"), GOOD)
def test_what_may_be_sent(method: str, target: str, headers: tuple[Header, ...]) -> None:
    """Any path and query as clients encode them."""
    assert objection(method, target, headers) == ""


@pytest.mark.parametrize(("method", "target", "headers", "why"), BAD)
def test_what_may_not(method: str, target: str, headers: tuple[Header, ...], why: str) -> None:
    """What would name another host, smuggle a header, or change the protocol."""
    assert why in objection(method, target, headers)


def test_request_headers() -> None:
    """Ours replace the client's; nobody borrows an identity; the rest stays, byte for byte, in its order."""
    sent = [
        ("Accept", "a"), ("accept", "b"), ("Host", "x"), ("AUTHORIZATION", "x"), ("Impersonate-User", "root"),
        ("impersonate-Extra-x", "y"), ("X-Remote-Group", "system:masters"), ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"), ("Audit-ID", "theirs"), ("Cookie", "c"), ("X-Text", "caf\xc3\xa9"),
    ]  # fmt: skip
    assert request_headers(sent, "ours.1") == [
        ("Accept", "a"),
        ("accept", "b"),
        ("X-Text", "caf\xe9"),
        ("Audit-ID", "ours.1"),
    ]


def test_answer_headers() -> None:
    """What is about the API server's connection stays there."""
    answered = [("Content-Length", "3"), ("Connection", "close"), ("Transfer-Encoding", "chunked"), ("Warning", "x")]
    assert answer_headers(answered) == [("Content-Length", "3"), ("Warning", "x")]
