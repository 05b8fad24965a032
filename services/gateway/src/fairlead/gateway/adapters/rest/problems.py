"""Failures as ``application/problem+json`` (RFC 9457); the detail says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fairlead.contracts.operations import InvalidRequest
from fairlead.gateway.core.selectors import InvalidSelector
from fairlead.gateway.errors import (
    AccountServed,
    NotAuthenticated,
    NotGranted,
    OperationConflict,
    SealBroken,
    TokenExists,
    UnknownAccount,
    UnknownOperation,
)
from fairlead.runtime import logfields
from fairlead.runtime.errors import TransientError, chain
from fairlead.runtime.logs import get_logger

log = get_logger()
RETRY_S = 2
STATUS: dict[type[Exception], int] = {
    InvalidSelector: 400,
    NotGranted: 403,
    UnknownOperation: 404,
    UnknownAccount: 404,
    OperationConflict: 409,
    TokenExists: 409,
    AccountServed: 409,
    SealBroken: 410,
}


class Problem(Exception):
    """An answer that is a failure."""

    def __init__(self, status: int, detail: str, *, problems: list[str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.problems = problems or []


def problem_of(error: Exception) -> Response:
    """The answer to a failure."""
    for condition, status in STATUS.items():
        if isinstance(error, condition):
            return problem(status, str(error))
    match error:
        case Problem():
            return problem(error.status, str(error), problems=error.problems)
        case NotAuthenticated():
            return problem(401, str(error), headers={"WWW-Authenticate": 'Bearer realm="fairlead"'})
        case InvalidRequest():
            return problem(400, "the request cannot be carried out as it stands", problems=error.problems)
        case TransientError():
            retry_s = max(1, round(error.retry_after_s or RETRY_S))
            return problem(503, f"{error}; try again", headers={"Retry-After": str(retry_s)})
        case HTTPException():
            return problem(error.status_code, error.detail, headers=error.headers)
    log.error("a request failed", **{logfields.ERROR: chain(error), logfields.KIND: type(error).__name__})
    return problem(500, "the gateway failed; its log says why")


def problem(
    status: int, detail: str, *, problems: list[str] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """One problem document."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if problems:
        document["problems"] = problems
    return Response(msgspec.json.encode(document), status, headers=headers, media_type="application/problem+json")
