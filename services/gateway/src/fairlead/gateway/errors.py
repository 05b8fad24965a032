"""Conditions that somebody at the gateway acts on."""

from __future__ import annotations

from fairlead.runtime.errors import ConfigurationError, PermanentError, PoisonMessage, TransientError


class DatabaseUnavailable(TransientError):
    """PostgreSQL cannot be reached, or ended the work in the middle: nothing of it stands, and it may be done again."""


class NotAuthenticated(PermanentError):
    """No credentials, or none that the gateway knows (any more)."""


class NotGranted(PermanentError):
    """The credentials are known but do not allow this."""


class TokenExists(PermanentError):
    """The name of a token is taken."""


class UnknownOperation(PermanentError):
    """There is no operation of this id among those that the caller may see."""


class OperationConflict(PermanentError):
    """The id belongs to an operation with another request."""


class SealBroken(PermanentError):
    """Sealed bytes cannot be opened: the key that sealed them is not among the keys of this gateway, or they are damaged."""


class LinkViolation(PermanentError):
    """An agent broke the rules of the link; its connection ends with this text."""


class UnsupportedProtocol(LinkViolation):
    """The agent speaks no protocol version that this gateway speaks."""


class UnknownAccount(PermanentError):
    """Nobody claimed an account of this name."""


class AccountRefused(PermanentError):
    """The account name belongs to another cluster until somebody decides."""


class AccountServed(PermanentError):
    """An account cannot be removed while an agent serves it."""


class ClouddriverUnreachable(TransientError):
    """Clouddriver, or Fiat, did not answer; the request may be made again."""


class ClouddriverFailed(TransientError):
    """Clouddriver, or Fiat, answered that it failed."""


class ClouddriverRefused(PermanentError):
    """Clouddriver, or Fiat, refuses a request as it is; somebody has to change something."""


class SessionClosed(PermanentError):
    """The session is not, or no longer, the one that may write; a new one has to be opened."""


class BatchRefused(PoisonMessage):
    """The database cannot hold something in a batch."""


class CursorExpired(PermanentError):
    """A change cursor is too old to go on from; the reader has to list again."""


class TunnelUnavailable(TransientError):
    """Nobody could take a request to the API server; nothing was sent, and it may be sent again."""


class TunnelLost(PermanentError):
    """A request was on its way when the tunnel broke; whether it took effect is not known."""


class TunnelRefused(PermanentError):
    """The agent's end refuses a request for good."""


class SchemaUnfit(ConfigurationError):
    """The database's schema is missing, older than this program and not to be changed by it, or newer."""
