"""When a request to the API server is sent again (`kubernetes.retries`, as Armory's agent)."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.executor.core.outcome import leaves_doubt, was_not_done
from fairlead.executor.errors import ApiRefused, NoAnswer


@dataclass(frozen=True, slots=True)
class Retries:
    """How often, how long between, and which failures of harmless requests are worth it."""

    enabled: bool = True
    max_retries: int = 3
    backoff_s: float = 3.0
    any_error: bool = False
    marks: tuple[str, ...] = ("timeout", "deadline exceeded")
    """Parts of a failure's text, in lower case."""

    def is_passing(self, failure: NoAnswer | ApiRefused) -> bool:
        """Whether a request that changes nothing may succeed when it is sent again."""
        if self.any_error or isinstance(failure, NoAnswer):
            return True
        text = f"{failure.reason} {failure.message}".lower()
        return was_not_done(failure) or leaves_doubt(failure) or any(mark in text for mark in self.marks)

    def delay_s(self, failure: NoAnswer | ApiRefused, tries: int) -> float | None:
        """How long to wait after ``tries`` failed ones; None when that was the last."""
        if not self.enabled or tries > self.max_retries:
            return None
        return max(self.backoff_s, failure.retry_after_s or 0.0)
