"""What can go wrong between us and an API server, by meaning.

KubeError
├── CredentialsError            kubeconfig, service account or exec plug-in is unusable: the user has to act
├── Unreachable                 no answer: connect, TLS, DNS, time-outs, a connection that broke
├── ProtocolError               an answer that is not the Kubernetes API's: not JSON, too long, no metadata
└── ApiError                    an answer with a failure code (or an ERROR event inside a watch)
    ├── BadRequest              400
    ├── Unauthorized            401
    ├── Forbidden               403
    ├── NotFound                404
    ├── AlreadyExists           409, the name is taken
    ├── Conflict                409, otherwise
    ├── Gone                    410 or reason Expired: list again, or from the beginning
    ├── TooLarge                413
    ├── Invalid                 422
    ├── TooManyRequests         429
    └── ServerError             5xx
        └── VersionTooLarge     504: the asked resourceVersion is newer than the server's cache

The codes and reasons are those of ``metav1.StatusReason`` (k8s.io/apimachinery ``pkg/apis/meta/v1/types.go``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class KubeError(Exception):
    """Base of everything this library raises on purpose."""


class CredentialsError(KubeError):
    """The configured credentials cannot be used; the message says what to change."""


class Unreachable(KubeError):  # named by meaning: "Forbidden", "Gone", "Unreachable"
    """No (complete) answer came from the API server.

    ``host`` is the server's ``host:port``. ``maybe_sent`` is False when the request certainly never left this process,
    so that a write may be repeated; True means that it may have taken effect.
    """

    def __init__(self, host: str, reason: str, *, maybe_sent: bool) -> None:
        super().__init__(f"API server {host}: {reason}")
        self.host = host
        self.maybe_sent = maybe_sent


class ProtocolError(KubeError):
    """The peer answered something that is not the Kubernetes API's."""


class ApiError(KubeError):
    """The API server answered with a failure.

    ``message`` is the Status object's, whole; without a Status it names the code alone and nothing of the body.
    ``retry_after_s`` comes from the header or from ``status.details.retryAfterSeconds``.
    """

    def __init__(  # the fields of one answer
        self,
        code: int,
        reason: str = "",
        message: str = "",
        *,
        retry_after_s: float | None = None,
        status: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code} {reason}: {message}" if reason else f"{code}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s
        self.status = status


class BadRequest(ApiError):
    """400: the request itself is wrong."""


class Unauthorized(ApiError):
    """401: the server does not know who we are."""


class Forbidden(ApiError):
    """403: the server knows who we are and refuses."""


class NotFound(ApiError):
    """404: no such object, or no such resource."""


class AlreadyExists(ApiError):
    """409 on create: an object of this name stands already."""


class Conflict(ApiError):
    """409: the object changed meanwhile, or a field belongs to another manager."""


class Gone(ApiError):
    """410 or ``Expired``: the version or the continue token is too old."""


class TooLarge(ApiError):
    """413: the request body is above the server's limit."""


class Invalid(ApiError):
    """422: the object breaks its schema or an admission rule."""


class TooManyRequests(ApiError):
    """429: come back after ``retry_after_s``. An eviction blocked by a budget answers so, too."""


class ServerError(ApiError):
    """5xx: the server, or something before it, failed."""


class VersionTooLarge(ServerError):
    """The asked resourceVersion is newer than what this server has seen: a lagging replica, or a restored etcd."""


_BY_CODE: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    422: Invalid,
    429: TooManyRequests,
}
_BY_REASON: dict[str, type[ApiError]] = {"AlreadyExists": AlreadyExists, "Expired": Gone, "Gone": Gone}


def error_for(code: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Turn a failed HTTP answer into the error that tells its meaning.

    ``headers`` must look names up regardless of case, as aiohttp's do.
    """
    retry_after_s = _seconds(headers.get("Retry-After"))
    status = _status_object(body)
    if status is not None:
        return _from_status(status, code, retry_after_s)
    message = "the answer holds no Status object; a proxy or load balancer before the API server may have made it"
    return _class_for(code, "", {})(code, message=message, retry_after_s=retry_after_s)


def error_from_status(status: Mapping[str, Any]) -> ApiError:
    """Turn the Status object of a watch's ERROR event into the error that tells its meaning."""
    code = status.get("code")
    return _from_status(dict(status), code if isinstance(code, int) else 500, None)


def _from_status(status: dict[str, Any], code: int, retry_after_s: float | None) -> ApiError:
    reason, message, details = status.get("reason"), status.get("message"), status.get("details")
    reason = reason if isinstance(reason, str) else ""
    details = details if isinstance(details, dict) else {}
    if retry_after_s is None:
        retry_after_s = _seconds(details.get("retryAfterSeconds"))
    return _class_for(code, reason, details)(
        code,
        reason,
        message if isinstance(message, str) else "",
        retry_after_s=retry_after_s,
        status=status,
    )


def _class_for(code: int, reason: str, details: dict[str, Any]) -> type[ApiError]:
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    causes = details.get("causes")
    if isinstance(causes, list) and any(
        isinstance(cause, dict) and cause.get("reason") == "ResourceVersionTooLarge" for cause in causes
    ):
        return VersionTooLarge
    return _BY_CODE.get(code) or (ServerError if code >= 500 else ApiError)


def _status_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) and value.get("kind") == "Status" else None


def _seconds(value: object) -> float | None:
    """Read a delay; the date form of Retry-After (RFC 9110 10.2.3) is not used by API servers and ignored."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return float(value)
