"""Answers become errors by their meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.kube import errors
from fairlead.kube.errors import ApiError, error_for, error_from_status


def status(code: int, reason: str = "", message: str = "", **details: Any) -> dict[str, Any]:
    """Build a Status object."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", errors.BadRequest),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (405, "MethodNotAllowed", ApiError),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Gone", errors.Gone),
        (410, "Expired", errors.Gone),
        (413, "RequestEntityTooLarge", errors.TooLarge),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.ServerError),
        (503, "ServiceUnavailable", errors.ServerError),
        (504, "Timeout", errors.ServerError),
    ],
)
def test_each_code_and_reason_has_its_class(code: int, reason: str, kind: type[ApiError]) -> None:
    """The class tells what a caller can do about the answer, over HTTP and inside a watch alike."""
    for error in (
        error_for(code, {}, json.dumps(status(code, reason)).encode()),
        error_from_status(status(code, reason)),
    ):
        assert type(error) is kind
        assert (error.code, error.reason) == (code, reason)


def test_the_message_comes_whole_from_the_status() -> None:
    """A Status object's message is not cut, whatever its length."""
    message = "spec.replicas: Invalid value; " * 500

    error = error_for(422, {}, json.dumps(status(422, "Invalid", message)).encode())

    assert error.message == message
    assert message in str(error)
    assert error.status is not None


@pytest.mark.parametrize("body", [b"<html>sesame</html>", b"", b"[1]", b'{"kind":"Pod","message":"sesame"}', b"\xff"])
def test_a_body_that_is_no_status_is_dropped(body: bytes) -> None:
    """What something between us and the API server wrote never reaches a message."""
    error = error_for(502, {}, body)

    assert isinstance(error, errors.ServerError)
    assert error.code == 502
    assert "sesame" not in str(error)
    assert error.status is None


def test_the_delay_comes_from_the_header_or_else_from_the_status() -> None:
    """Retry-After wins over details.retryAfterSeconds; dates and nonsense are no delay."""
    told = json.dumps(status(429, "TooManyRequests", retryAfterSeconds=7)).encode()

    assert error_for(429, {"Retry-After": "3"}, told).retry_after_s == 3
    assert error_for(429, {}, told).retry_after_s == 7
    assert error_for(429, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, b"").retry_after_s is None


def test_a_version_from_the_future_has_a_meaning_of_its_own() -> None:
    """The server's "too large resource version" is told from other time-outs by its cause."""
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]

    error = error_from_status(status(504, "Timeout", retryAfterSeconds=1, causes=causes))

    assert isinstance(error, errors.VersionTooLarge)
    assert error.retry_after_s == 1


def test_a_status_without_anything_is_still_an_error() -> None:
    """An ERROR event with an empty object is a server's error."""
    assert type(error_from_status({})) is errors.ServerError
