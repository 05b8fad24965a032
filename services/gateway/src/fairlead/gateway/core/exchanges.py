"""An exchange that another gateway carries: what one gateway says to the other beside the request and its answer themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

PREFIX = "/peers/"
"""Behind it stand the account, and path and query of the API server."""
ID, ANSWER_WITHIN, IDLE = "fairlead-exchange-id", "fairlead-answer-within", "fairlead-idle"
OUTCOME = "fairlead-exchange-outcome"
"""On every answer of a gateway that knows its peer; without it somebody else has answered."""
PROOF = b"fairlead peer"
"""Who can fingerprint this with a key of `gateway.keyFile` is a gateway of the same database."""

Header = tuple[str, str]


class Outcome(StrEnum):
    """What became of an exchange."""

    ANSWERED = "answered"
    """The API server's own answer follows."""
    UNAVAILABLE = "unavailable"
    LOST = "lost"
    REFUSED = "refused"


STATUS = {Outcome.UNAVAILABLE: 503, Outcome.LOST: 504, Outcome.REFUSED: 502}


def wrapped(headers: Iterable[Header], id_: str, answer_within_s: float, idle_s: float) -> tuple[Header, ...]:
    """The headers of a request on its way to the other gateway."""
    return (*headers, (ID, id_), (ANSWER_WITHIN, f"{answer_within_s:g}"), (IDLE, f"{idle_s:g}"))


def unwrapped(headers: Mapping[str, str]) -> tuple[tuple[Header, ...], str, float, float]:
    """Headers for the API server, id, and the two times in seconds.

    Raises:
        ValueError: it is no exchange of a gateway.

    """
    own = {ID, ANSWER_WITHIN, IDLE}
    if not own <= headers.keys() or not headers[ID]:
        raise ValueError(f"a gateway sends {', '.join(sorted(own))}")
    kept = tuple((name, value) for name, value in headers.items() if name not in own)
    return kept, headers[ID], float(headers[ANSWER_WITHIN]), float(headers[IDLE])


def marked(headers: Iterable[Header], outcome: Outcome) -> tuple[Header, ...]:
    """The headers of an answer on its way back; what an API server says under our name is left out."""
    return (*((name, value) for name, value in headers if name.lower() != OUTCOME), (OUTCOME, outcome.value))


def outcome_of(headers: Iterable[Header]) -> tuple[Outcome | None, tuple[Header, ...]]:
    """What became of an exchange, None where no gateway says so; and the headers of the answer itself."""
    kept: list[Header] = []
    found: Outcome | None = None
    for name, value in headers:
        if name.lower() != OUTCOME:
            kept.append((name, value))
        elif value in set(Outcome):
            found = Outcome(value)
    return found, tuple(kept)
