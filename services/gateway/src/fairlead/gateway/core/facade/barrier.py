"""Which writes lists have to wait for, and what the mirror must hold before they need not (read your writes)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from fairlead.contracts.operations import Kind
from fairlead.contracts.repeatability import repeatability
from fairlead.gateway.core.facade.answers import Written, version_of
from fairlead.gateway.core.facade.targets import Target, Verb
from fairlead.gateway.core.operations import Operation, State

UNKNOWN_HOLD_S = 30.0
"""How long a write whose effect or version is not known makes lists live: what it did is long in the mirror by then."""
HOLD_LIMIT_S = 900.0
"""No write holds lists for longer: by then an inventory has put the mirror right, or readers know it as stale."""
_FRUITLESS = frozenset({"token", "exec", "attach", "portforward", "proxy", "log"})
"""Subresources whose writes leave the object as it was."""


class Wait(StrEnum):
    """What a list waits for."""

    END = "end"
    """The write is under way."""
    VERSION = "version"
    """The mirror holds the object in this version or a later one, or knows it as gone since."""
    GONE = "gone"
    """The mirror knows that this object is gone."""
    TIME = "time"
    """What the write did is not known; nothing but time tells."""


class Outcome(StrEnum):
    """How a write ended."""

    OPEN = "open"
    DONE = "done"
    REFUSED = "refused"
    """The API server refused it (4xx): nothing changed."""
    FAILED = "failed"
    """The API server failed (5xx): it may have taken effect."""
    LOST = "lost"
    """The answer was lost: it may have taken effect."""
    UNSENT = "unsent"
    """It never reached the API server."""
    UNKNOWN = "unknown"
    """The gateway that carried it died: it may have taken effect."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a write asks of the mirror. ``plural`` is empty where only the kind is known."""

    id: str
    account: str
    group: str
    plural: str
    namespace: str
    name: str
    wait: Wait
    uid: str = ""
    version: int | None = None
    kind: str = ""
    hold_s: float = HOLD_LIMIT_S
    """It holds lists for no longer than this."""


def outcome_of(status: int | None, *, dispatched: bool) -> Outcome:
    """Name the end of a write by the answer's status; None when there was no answer."""
    if status is None:
        return Outcome.LOST if dispatched else Outcome.UNSENT
    if 200 <= status < 300:
        return Outcome.DONE
    return Outcome.REFUSED if 400 <= status < 500 else Outcome.FAILED


def changes_something(target: Target) -> bool:
    """Whether a write may change an object of the kind that its path names."""
    return target.subresource not in _FRUITLESS


def mark_begun(id_: str, account: str, target: Target) -> Mark | None:
    """What lists wait for while a write is under way."""
    if not changes_something(target):
        return None
    return Mark(id_, account, target.group, target.plural, _namespace(target), target.name, Wait.END)


def mark_ended(begun: Mark, target: Target, outcome: Outcome, written: Written | None) -> Mark | None:
    """What lists wait for after a write; None for nothing.

    ``/scale`` and ``/status`` answer with UID and version of the object itself, so they need no rule of their own.
    """
    if outcome in (Outcome.REFUSED, Outcome.UNSENT) or (written is not None and written.dry_run):
        return None
    unknown = replace(begun, wait=Wait.TIME, hold_s=UNKNOWN_HOLD_S)
    if outcome is not Outcome.DONE or written is None or target.verb is Verb.DELETE_COLLECTION:
        return unknown
    known = replace(
        begun,
        namespace=written.namespace or begun.namespace,
        name=begun.name or written.name,
        uid=written.uid,
        version=written.version,
    )
    if written.deleted and (written.uid or written.version):
        return replace(known, wait=Wait.GONE)
    return replace(known, wait=Wait.VERSION) if written.version else unknown


def mark_of_operation(operation: Operation) -> Mark | None:
    """What lists wait for after an operation through REST that has just ended.

    Of a deletion it is not known whether it was waited for, so that it holds lists for a short time only.
    """
    outcome = operation.outcome
    if outcome is None or repeatability(operation.kind, fenced=False).safe:
        return None
    if outcome.state not in (State.SUCCEEDED, State.UNKNOWN):
        return None
    place, subject = outcome.resource, operation.subject
    mark = Mark(
        operation.id,
        operation.account,
        place.group if place else subject.api_version.rpartition("/")[0],
        place.plural if place else "",
        outcome.namespace or subject.namespace,
        outcome.name or subject.name,
        Wait.TIME,
        outcome.uid,
        version_of(outcome.version),
        subject.kind.partition(".")[0],
        UNKNOWN_HOLD_S,
    )
    if outcome.state is State.UNKNOWN:
        return mark
    if operation.kind is Kind.DELETE:
        return replace(mark, wait=Wait.GONE) if mark.uid else mark
    return replace(mark, wait=Wait.VERSION, hold_s=HOLD_LIMIT_S) if mark.version else mark


def _namespace(target: Target) -> str:
    """Where the object stands; requests for a namespace itself name it as their own (``RequestInfo``)."""
    return "" if (target.group, target.plural) == ("", "namespaces") else target.namespace
