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

CAUSES_TOLD = 5
GROUP_TOLD = 3
TEXT_LIMIT = 500
"""How much of an error's text a log line carries: API servers may send long ones."""


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


def unwrapped(error: BaseException) -> BaseException:
    """The error inside exception groups that hold nothing else, as an `asyncio.TaskGroup` raises them."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def chain(error: BaseException) -> str:
    """One line that tells an error and its causes, outermost first; for logs. A group tells its first errors."""
    told: list[str] = []
    current: BaseException | None = error
    while current is not None and len(told) < CAUSES_TOLD:
        current = unwrapped(current)
        if isinstance(current, BaseExceptionGroup):
            told.append(" and ".join(chain(each) for each in current.exceptions[:GROUP_TOLD]))
            break
        text = " ".join(str(current).split())[:TEXT_LIMIT] or type(current).__name__
        if text not in told:
            told.append(text)
        current = current.__cause__
    return ": ".join(told)
