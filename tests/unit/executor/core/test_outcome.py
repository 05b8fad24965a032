"""What answers mean."""

from __future__ import annotations

import json

import pytest
from tests.support.executor_doubles import ACCOUNT, CONFIG_MAP, SECRET

from fairlead.contracts.operations import Kind, OperationRequest
from fairlead.executor.core.outcome import (
    KEPT_MESSAGE_CHARACTERS,
    Outcome,
    Verdict,
    after_doubt,
    failed,
    leaves_doubt,
    repeated,
    succeeded,
    unknown,
    was_not_done,
)
from fairlead.executor.errors import ApiRefused

BLANK = Outcome(Verdict.FAILED, resource=CONFIG_MAP, namespace="sea", name="cargo")


def test_identity_comes_from_the_answer() -> None:
    """Name, UID and version of the answer go before what was asked for; the body is the object."""
    body = json.dumps(
        {"kind": "ConfigMap", "metadata": {"name": "cargo-x", "uid": "u", "resourceVersion": "7"}}
    ).encode()

    outcome = succeeded(201, body, BLANK)

    assert (outcome.verdict, outcome.code, outcome.namespace) == (Verdict.SUCCEEDED, 201, "sea")
    assert (outcome.name, outcome.uid, outcome.version, outcome.body) == ("cargo-x", "u", "7", body)


def test_a_status_is_no_body() -> None:
    """A deletion's Status tells the UID and is not passed on as an object; what is no JSON changes nothing."""
    body = json.dumps({"kind": "Status", "details": {"name": "cargo", "uid": "u"}}).encode()

    assert (succeeded(200, body, BLANK).uid, succeeded(200, body, BLANK).body) == ("u", b"")
    assert succeeded(200, b"ok", BLANK).name == "cargo"


def test_what_is_kept_holds_no_object() -> None:
    """Body and long messages stay out of the bucket, and every message about a Secret."""
    outcome = failed(BLANK, "Invalid", "x" * 10_000, code=422)

    assert len(outcome.kept().message) == KEPT_MESSAGE_CHARACTERS
    assert succeeded(200, b'{"data":1}', BLANK).kept().body == b""
    secret = Outcome(Verdict.FAILED, 422, "Invalid", "data: hunter2", SECRET)
    assert (secret.kept().message, secret.kept().reason) == ("", "Invalid")


def test_a_kept_success_says_that_its_object_is_not_repeated() -> None:
    """Failures are told again as they were."""
    assert "read it again" in repeated(succeeded(200, b"{}", BLANK)).message
    assert repeated(failed(BLANK, "Invalid", "no")).message == "no"


@pytest.mark.parametrize(
    ("code", "reason", "message", "doubt", "not_done"),
    [
        (400, "BadRequest", "", False, False),
        (409, "Conflict", "", False, False),
        (429, "TooManyRequests", "", False, True),
        (429, "", "", False, True),
        (500, "InternalError", "failed calling webhook", False, False),
        (500, "", "etcdserver: request timed out", True, False),
        (500, "InternalError", "context deadline exceeded", True, False),
        (502, "", "", True, False),
        (503, "ServiceUnavailable", "", False, True),
        (503, "", "", True, False),
        (504, "Timeout", "", True, False),
    ],
)
def test_refusals(code: int, reason: str, message: str, *, doubt: bool, not_done: bool) -> None:
    """A refusal leaves it open, was turned away unread, or is a plain no; never two of these."""
    refusal = ApiRefused(code, reason, message)

    assert (leaves_doubt(refusal), was_not_done(refusal)) == (doubt, not_done)


@pytest.mark.parametrize(
    ("kind", "version", "outcome", "verdict"),
    [
        (Kind.REPLACE, "7", succeeded(200, b"{}", BLANK), Verdict.SUCCEEDED),
        (Kind.REPLACE, "7", failed(BLANK, "Conflict", "", code=409), Verdict.UNKNOWN),
        (Kind.PATCH, "7", failed(BLANK, "Forbidden", "", code=403), Verdict.UNKNOWN),
        (Kind.DELETE, "", failed(BLANK, "NotFound", "", code=404), Verdict.SUCCEEDED),
        (Kind.DELETE, "", failed(BLANK, "Conflict", "", code=409), Verdict.SUCCEEDED),
        (Kind.DELETE, "7", failed(BLANK, "Conflict", "", code=409), Verdict.UNKNOWN),
        (Kind.DELETE, "7", failed(BLANK, "NotFound", "", code=404), Verdict.SUCCEEDED),
        (Kind.DELETE, "", failed(BLANK, "NoKindMatch", "", code=404), Verdict.UNKNOWN),
        (Kind.DELETE, "", failed(BLANK, "StillTerminating", "", code=504), Verdict.FAILED),
        (Kind.DELETE, "", unknown(BLANK, "OutcomeUnknown", ""), Verdict.UNKNOWN),
    ],
)
def test_a_repetition(kind: Kind, version: str, outcome: Outcome, verdict: Verdict) -> None:
    """After a run in doubt, a refusal proves nothing, but that what was to be deleted is gone."""
    request = OperationRequest(ACCOUNT, kind, resource_version=version)

    assert after_doubt(outcome, request).verdict is verdict
