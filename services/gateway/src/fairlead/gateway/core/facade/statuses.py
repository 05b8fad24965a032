"""Failures in the shape of the API server: ``metav1.Status`` (k8s.io/apimachinery, api/errors)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from fairlead.gateway.core.facade.targets import Target

NOT_SENT = "fairlead: nothing was sent to the cluster"
"""Stands in each 503 whose request may be sent again as it is: for ``retryableErrorMessages`` of Clouddriver."""
OUTCOME_UNKNOWN = "fairlead: the outcome is unknown"
"""Stands in each 504: the request was on its way, and may have taken effect."""
RETRY_S = 1
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Status:
    """One failure; ``retry_after_s`` makes clients of Kubernetes repeat the request by themselves, writes too."""

    code: int
    reason: str
    message: str
    details: Mapping[str, Any] | None = None
    retry_after_s: int = 0

    def body(self) -> bytes:
        """The document, fields in the API server's order."""
        document: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.retry_after_s:
            document["details"] = {**(self.details or {}), "retryAfterSeconds": self.retry_after_s}
        elif self.details is not None:
            document["details"] = self.details
        return msgspec.json.encode(document | {"code": self.code}) + b"\n"

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Headers of the answer."""
        headers = (("Content-Type", JSON), ("Cache-Control", "no-cache, private"))
        return (*headers, ("Retry-After", str(self.retry_after_s))) if self.retry_after_s else headers


class Refusal(Exception):
    """A request that is answered with a failure."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


def unauthorized() -> Status:
    """Nobody that the gateway knows."""
    return Status(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, target: Target | None, verb: str, path: str, why: str) -> Status:
    """Somebody who may not, in the words of k8s.io/apiserver ``responsewriters.Forbidden``."""
    if target is None:
        return Status(403, "Forbidden", f'forbidden: User "{user}" cannot {verb} path "{path}": {why}')
    place = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    resource = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
    named = f'{target.resource} "{target.name}"' if target.name else target.resource
    message = (
        f'{named} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "{target.group}" {place}:'
        f" {why}"
    )
    return Status(403, "Forbidden", message, _details(target))


def unknown_account(account: str) -> Status:
    """An account that the caller may see, and that no agent ever claimed."""
    return Status(404, "NotFound", f'account "{account}" not found: no agent has claimed it', {"name": account})


def not_found() -> Status:
    """A path that nobody serves."""
    return Status(404, "NotFound", "the server could not find the requested resource", {})


def bad_request(message: str) -> Status:
    """A request that cannot be understood."""
    return Status(400, "BadRequest", message)


def method_not_allowed() -> Status:
    """A method that no path takes."""
    return Status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def not_acceptable(offered: str) -> Status:
    """The client takes none of the forms there are."""
    message = f"only the following media types are accepted: {offered}"
    return Status(406, "NotAcceptable", message)


def expired(message: str) -> Status:
    """A cursor that nobody can go on from: the client has to list again."""
    return Status(410, "Expired", message)


def too_large(limit_bytes: int) -> Status:
    """A body beyond the limit."""
    return Status(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit_bytes}")


def late_body(within_s: float) -> Status:
    """A body that does not come to its end."""
    return Status(408, "Timeout", f"the request's body did not come within {within_s:g} s; nothing was done")


def too_many_requests(account: str) -> Status:
    """More at once than an account may have."""
    message = f'too many requests for account "{account}", please try again later ({NOT_SENT})'
    return Status(429, "TooManyRequests", message, retry_after_s=RETRY_S)


def internal() -> Status:
    """A defect of the gateway."""
    return Status(500, "InternalError", "Internal error occurred: the gateway failed; its log says why")


def not_offered(what: str) -> Status:
    """Something of the Kubernetes API that does not go through the gateway."""
    return Status(501, "NotImplemented", f"{what} is not offered through Fairlead: reach the cluster itself for it")


def refused_by_agent(why: str) -> Status:
    """The agent's end refuses it for good. No 403: clients take that for the cluster's word on what may be seen."""
    return Status(501, "NotImplemented", f"the agent does not carry this request: {why}")


def unavailable(message: str) -> Status:
    """Nothing was sent; the client may repeat it, and does so by itself."""
    return Status(503, "ServiceUnavailable", f"{message} ({NOT_SENT})", retry_after_s=RETRY_S)


def login_refused() -> Status:
    """The API server does not take the agent's credentials. No 401: it would tell clients that theirs are wrong."""
    message = (
        "the cluster refuses the credentials of its agent: renew those of the account in the agent's configuration"
    )
    return Status(503, "ServiceUnavailable", f"{message} (fairlead: nothing was done)", retry_after_s=RETRY_S)


def lost(message: str) -> Status:
    """The answer was lost: no Retry-After, so that no client repeats by itself what may have taken effect."""
    return Status(504, "Timeout", f"{message} ({OUTCOME_UNKNOWN})")


def _details(target: Target) -> dict[str, str]:
    details = {"name": target.name, "group": target.group, "kind": target.plural}
    return {key: value for key, value in details.items() if value}
