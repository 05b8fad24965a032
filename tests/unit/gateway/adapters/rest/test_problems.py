"""Failures as problem documents."""

from __future__ import annotations

import json

import pytest
from starlette.exceptions import HTTPException

from fairlead.contracts.operations import InvalidRequest
from fairlead.gateway.adapters.rest.problems import Problem, problem_of
from fairlead.gateway.core.selectors import InvalidSelector
from fairlead.gateway.errors import (
    DatabaseUnavailable,
    NotAuthenticated,
    NotGranted,
    OperationConflict,
    SealBroken,
    TokenExists,
    UnknownAccount,
    UnknownOperation,
)
from fairlead.runtime.errors import TransientError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Problem(413, "too large"), 413),
        (InvalidRequest(["a", "b"]), 400),
        (InvalidSelector("bad"), 400),
        (NotAuthenticated("who"), 401),
        (NotGranted("no"), 403),
        (UnknownOperation("none"), 404),
        (UnknownAccount("none"), 404),
        (OperationConflict("taken"), 409),
        (TokenExists("taken"), 409),
        (SealBroken("lost"), 410),
        (DatabaseUnavailable("away"), 503),
        (HTTPException(405, "method"), 405),
    ],
)
def test_statuses(error: Exception, status: int) -> None:
    """Each condition has its status, and the document repeats it."""
    answer = problem_of(error)
    document = json.loads(bytes(answer.body))
    assert (answer.status_code, document["status"]) == (status, status)
    assert answer.media_type == "application/problem+json"
    assert document["title"]


def test_all_problems_are_told() -> None:
    """A request's problems are all in the answer."""
    assert json.loads(bytes(problem_of(InvalidRequest(["a", "b"])).body))["problems"] == ["a", "b"]


def test_when_to_come_back() -> None:
    """What is away for now says when to try again; a stranger learns how to present himself."""
    assert problem_of(TransientError("away", retry_after_s=7)).headers["retry-after"] == "7"
    assert int(problem_of(DatabaseUnavailable("away")).headers["retry-after"]) >= 1
    assert problem_of(NotAuthenticated("who")).headers["www-authenticate"].startswith("Bearer")


def test_what_nobody_foresaw_tells_nothing() -> None:
    """An unforeseen error is a 500 whose text stays in the log."""
    answer = problem_of(ValueError("sentinel"))
    assert answer.status_code == 500
    assert b"sentinel" not in bytes(answer.body)
