"""Answers."""

from __future__ import annotations

from fairlead.simcluster.api.answers import failure, json_answer
from fairlead.simcluster.errors import StatusError


def test_documents_are_json_lines() -> None:
    """With a code and headers."""
    answer = json_answer({"a": 1}, 201, Warning="x")

    assert (answer.code, b"".join(answer.pieces), answer.headers) == (201, b'{"a":1}\n', {"Warning": "x"})


def test_retry_after_is_a_header_too() -> None:
    """Beside the details."""
    assert failure(StatusError(429, "TooManyRequests", "x", retry_after_s=2)).headers == {"Retry-After": "2"}
