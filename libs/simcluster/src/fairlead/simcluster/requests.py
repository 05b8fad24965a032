"""The log of requests, for tests to ask what a client really did."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(slots=True)
class LoggedRequest:
    """One request; `code` is 0 until it is answered (a watch: until it is accepted)."""

    time: float
    method: str
    path: str
    query: str
    verb: str
    resource: str
    user: str
    user_agent: str
    audit_id: str
    accept: str = ""
    code: int = 0
    ended: bool = False

    @property
    def is_write(self) -> bool:
        """Whether it asked for a change."""
        return self.method in WRITES


class RequestLog:
    """The last requests, oldest first, bounded."""

    def __init__(self, limit: int = 20_000) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=limit)
        self.total = 0

    def add(self, request: LoggedRequest) -> LoggedRequest:
        """Remember a request."""
        self._entries.append(request)
        self.total += 1
        return request

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def matching(
        self, *, verb: str = "", resource: str = "", path: str = "", audit_id: str = ""
    ) -> list[LoggedRequest]:
        """The requests with these traits (empty: any); `path` is a prefix."""
        return [
            each
            for each in self._entries
            if verb in ("", each.verb)
            and resource in ("", each.resource)
            and each.path.startswith(path)
            and audit_id in ("", each.audit_id)
        ]

    def writes(self) -> list[LoggedRequest]:
        """The requests that asked for a change."""
        return [each for each in self._entries if each.is_write]
