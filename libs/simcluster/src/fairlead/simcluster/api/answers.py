"""What a handler gives back: a whole answer, or a stream to be served."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from fairlead.simcluster.api.logs import LogCursor
    from fairlead.simcluster.api.watching import WatchCursor
    from fairlead.simcluster.errors import StatusError


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, in pieces so that a large list is never copied."""

    code: int
    pieces: list[bytes]
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WatchAnswer:
    """A watch to be served until its time is over."""

    cursor: WatchCursor
    timeout_s: float | None
    resource: str


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """A log to be followed until its container has ended."""

    cursor: LogCursor


def json_answer(document: Any, code: int = 200, **headers: str) -> Answer:
    """A JSON document as an answer."""
    return Answer(code, [msgspec.json.encode(document) + b"\n"], headers=headers)


def failure(error: StatusError) -> Answer:
    """A failed request's answer."""
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s is not None else {}
    return json_answer(error.document(), error.code, **headers)
