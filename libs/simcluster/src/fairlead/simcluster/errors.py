"""Failures as the API server tells them: a `Status` document and an HTTP code.

Shapes and texts follow kube-apiserver (k8s.io/apimachinery `api/errors`); the contract suite
`tests/contract/kubernetes` compares them with a real server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class StatusError(Exception):
    """A request that fails: becomes a `Status` document, or an ERROR event inside a watch."""

    def __init__(  # noqa: PLR0913 - the fields of a Status
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        retry_after_s: int | None = None,
        continue_token: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after_s = retry_after_s
        self.continue_token = continue_token

    def document(self) -> dict[str, Any]:
        """The `Status` as the server sends it (empty reason and absent details are left out)."""
        metadata: dict[str, Any] = {"continue": self.continue_token} if self.continue_token else {}
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        details = dict(self.details) if self.details is not None else None
        if self.retry_after_s is not None:
            details = {**(details or {}), "retryAfterSeconds": self.retry_after_s}
        if details is not None:
            status["details"] = details
        status["code"] = self.code
        return status


class PlainNotFoundError(Exception):
    """A path outside every API group: the server answers with plain text, not with a Status."""


def object_details(name: str, group: str, kind: str, **more: Any) -> dict[str, Any]:
    """`details` of a Status about one object; empty parts are left out."""
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    details["kind"] = kind
    details.update(more)
    return details


def qualified(plural: str, group: str) -> str:
    """`deployments.apps`, or `pods` for the core group."""
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> StatusError:
    """404 for a named object."""
    message = f'{qualified(plural, group)} "{name}" not found'
    return StatusError(404, "NotFound", message, details=object_details(name, group, plural))


def resource_not_found() -> StatusError:
    """404 for a resource or subresource that a known group does not serve."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(group: str, plural: str, name: str) -> StatusError:
    """409 of a create."""
    message = f'{qualified(plural, group)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, details=object_details(name, group, plural))


def conflict(group: str, plural: str, name: str, why: str = "") -> StatusError:
    """409 of an optimistic update."""
    reason = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {reason}'
    return StatusError(409, "Conflict", message, details=object_details(name, group, plural))


def bad_request(message: str) -> StatusError:
    """400."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """401."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(group: str, plural: str, name: str, why: str, **details: Any) -> StatusError:
    """403, from authorization or admission."""
    subject = f'{qualified(plural, group)} "{name}"' if name else qualified(plural, group)
    return StatusError(
        403, "Forbidden", f"{subject} is forbidden: {why}", details=object_details(name, group, plural, **details)
    )


def method_not_allowed() -> StatusError:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, details={})


def not_acceptable(message: str) -> StatusError:
    """406."""
    return StatusError(406, "NotAcceptable", message)


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    """415 of a patch."""
    return StatusError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted),
    )


def expired(message: str, continue_token: str = "") -> StatusError:
    """410: the version asked for has been compacted."""
    return StatusError(410, "Expired", message, continue_token=continue_token)


def cause(reason: str, field: str, message: str) -> dict[str, str]:
    """One entry of `details.causes`."""
    return {"reason": reason, "message": message, "field": field}


def invalid(group: str, kind: str, name: str, causes: Sequence[dict[str, str]]) -> StatusError:
    """422 with the fields at fault."""
    texts = [f"{each['field']}: {each['message']}" for each in causes]
    listed = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    message = f'{qualified(kind, group)} "{name}" is invalid: {listed}'
    details = object_details(name, group, kind, causes=list(causes))
    return StatusError(422, "Invalid", message, details=details)


def rejected_patch() -> StatusError:
    """422 of a JSON patch that does not fit the object."""
    message = "the server rejected our request due to an error in our request"
    return StatusError(422, "Invalid", message, details={})


def too_large_version(asked: int, current: int) -> StatusError:
    """504: the version asked for lies in the future."""
    return StatusError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {asked}, current: {current}",
        details={"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]},
        retry_after_s=1,
    )


def too_large_request(limit_bytes: int) -> StatusError:
    """413."""
    return StatusError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit_bytes}")


def internal(message: str) -> StatusError:
    """500 with a reason."""
    details = {"causes": [{"message": message}]}
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", details=details)
