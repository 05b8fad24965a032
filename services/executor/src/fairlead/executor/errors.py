"""Conditions that the executor acts on.

::

    TransientError
    ├── NoAnswer             the API server did not answer; maybe_sent tells whether a write may have taken effect
    ├── ClaimsUnavailable    the bucket of claims is away: nothing may be written to a cluster
    └── Undelivered          a report could not be handed over
    PermanentError
    ├── ApiRefused           the API server answered with a failure
    ├── NoKindMatch          the cluster has no such kind
    ├── NoSchema             the cluster does not tell how objects of a kind merge
    ├── ResultTooLarge       a list is over the limit of a result
    ├── ClaimExists          somebody has claimed the operation
    └── ClaimMoved           somebody changed the claim meanwhile
"""

from __future__ import annotations

from fairlead.runtime.errors import PermanentError, TransientError


class NoAnswer(TransientError):
    """No answer came from the API server.

    ``maybe_sent`` is False when the request certainly did not reach it.
    """

    def __init__(self, message: str, *, maybe_sent: bool) -> None:
        super().__init__(message)
        self.maybe_sent = maybe_sent


class ApiRefused(PermanentError):
    """The API server answered with a failure; ``message`` is its own, whole."""

    def __init__(self, code: int, reason: str, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s


class NoKindMatch(PermanentError):
    """The cluster serves no such kind; the text lists what comes near."""


class NoSchema(PermanentError):
    """The cluster publishes no OpenAPI document from which a patch could be made."""


class ResultTooLarge(PermanentError):
    """The result is larger than what a report carries."""


class ClaimExists(PermanentError):
    """The operation is claimed already."""


class ClaimMoved(PermanentError):
    """The claim is not what it was when it was read."""


class ClaimsUnavailable(TransientError):
    """The bucket of claims cannot be read or written."""


class Undelivered(TransientError):
    """Nobody on the control side took a report; a resend of the operation brings it again."""
