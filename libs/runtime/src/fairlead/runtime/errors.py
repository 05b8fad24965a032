"""Error classes that carry the decision what to do next.

::

    FairleadError
    ├── TransientError      try again, after retry_after_s when it is known
    ├── PermanentError      trying again is of no use
    │   └── PoisonMessage   one message cannot be processed; the others can
    └── ConfigurationError  a person has to change the configuration; exit code 2

Services subclass these, one class for each condition that somebody acts on. An error's text does not repeat its cause and
never holds an object, a secret or a whole message.
"""

from __future__ import annotations

EXIT_FAILURE = 1
EXIT_CONFIGURATION = 2


class FairleadError(Exception):
    """Base of the errors that Fairlead raises on purpose."""


class TransientError(FairleadError):
    """Something is away for now.

    Args:
        message: what is away, and what to do when it stays away.
        retry_after_s: when the other side said so.

    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentError(FairleadError):
    """Trying again cannot help."""


class PoisonMessage(PermanentError):
    """One message cannot be processed."""


class ConfigurationError(FairleadError):
    """The configuration is at fault; ``problems`` says everything that is wrong, without echoing values."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def chain(error: BaseException) -> str:
    """One line that tells an error and its causes, outermost first; for logs."""
    told: list[str] = []
    current: BaseException | None = error
    while current is not None and len(told) < 5:
        text = str(current).strip() or type(current).__name__
        if text not in told:
            told.append(text)
        current = current.__cause__
    return ": ".join(told)
