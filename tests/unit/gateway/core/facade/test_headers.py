"""Headers on their way."""

from __future__ import annotations

from fairlead.gateway.core.facade.headers import claims_identity, returned, sent


def test_what_is_about_the_connection_stays() -> None:
    """Hop-by-hop headers, those that Connection names, and what the executor has of its own."""
    headers = [
        ("Host", "gateway"), ("Authorization", "Bearer secret"), ("Content-Length", "3"), ("Connection", "close, X-Mine"),
        ("X-Mine", "1"), ("Transfer-Encoding", "chunked"), ("TE", "trailers"), ("Upgrade", "x"), ("Expect", "100-continue"),
        ("Cookie", "c"), ("Fairlead-Read", "live"), ("Fairlead-Exchange-Id", "forged"), ("Audit-ID", "forged"), ("Impersonate-User", "root"),
        ("X-Remote-Group", "system:masters"),
        ("Accept", "application/json"), ("Content-Type", "application/merge-patch+json"), ("Accept-Encoding", "gzip"),
        ("If-Match", "x"), ("Kubectl-Command", "kubectl apply"), ("User-Agent", "kubectl"),
    ]  # fmt: skip

    assert [name for name, _ in sent(headers)] == [
        "Accept", "Content-Type", "Accept-Encoding", "If-Match", "Kubectl-Command", "User-Agent",
    ]  # fmt: skip


def test_an_answer_keeps_what_describes_its_body() -> None:
    """Length and coding among them: the bytes stay the same. What would speak for the gateway's address does not go on."""
    headers = [
        ("Content-Length", "5"), ("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked"), ("Keep-Alive", "x"),
        ("Date", "x"), ("Set-Cookie", "a=b"), ("Alt-Svc", 'h3="evil:443"'), ("Strict-Transport-Security", "x"), ("Warning", "299 - old"), ("Audit-Id", "x"),
    ]  # fmt: skip

    assert [name for name, _ in returned(headers)] == ["Content-Length", "Content-Encoding", "Warning", "Audit-Id"]


def test_headers_that_claim_to_be_somebody() -> None:
    """The API server would judge by the executor's rights."""
    assert claims_identity("Impersonate-Extra-scopes")
    assert claims_identity("x-remote-user")
    assert not claims_identity("user-agent")
