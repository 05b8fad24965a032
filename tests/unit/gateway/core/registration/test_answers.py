"""Clouddriver's failures in words."""

from __future__ import annotations

import json

import pytest

from fairlead.gateway.core.registration.answers import MESSAGE_LIMIT, explain

REQUEST = "PUT http://clouddriver/credentials"


def _spring(message: object) -> bytes:
    return json.dumps({"timestamp": 1, "status": 500, "message": message}).encode()


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (500, "Cannot use AccountDefinitionService endpoints without enabling it", "account.storage.enabled"),
        (400, "Cannot update an account which does not exist (name: a)", "before 1.29"),
        (400, "Cannot save account without granting permissions for current user", "WRITE roles"),
        (403, "Access is denied", "account manager"),
        (401, "", "gateway.clouddriver.user"),
        (404, "Not found", "gateway.clouddriver.url"),
    ],
)
def test_each_says_what_to_do(status: int, message: str, hint: str) -> None:
    """With the request, the status, and Clouddriver's own words."""
    told = explain(status, _spring(message), REQUEST)
    assert hint in told
    assert message in told
    assert told.startswith(f"{REQUEST} was answered with {status}")


def test_no_credential_gets_into_it() -> None:
    """Clouddriver quotes definitions: those are left out, tokens are cut, and long words end."""
    quoted = explain(500, _spring('Cannot save {"kubeconfigContents": "token: flt_abc-D_e"}'), REQUEST)
    assert quoted == f"{REQUEST} was answered with 500"
    assert "abc" not in explain(500, _spring("token flt_abc-D_e is odd"), REQUEST)
    assert len(explain(500, _spring("x" * 10_000), REQUEST)) < MESSAGE_LIMIT + 100


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1]", b"\xff\xfe", _spring(None), _spring(["a"])])
def test_answers_that_are_not_its_own(content: bytes) -> None:
    """A proxy's page is not repeated."""
    assert explain(502, content, REQUEST) == f"{REQUEST} was answered with 502"
