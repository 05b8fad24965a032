"""Which operations may be done twice, and why."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.contracts.operations import READS, Kind, OperationRequest


@dataclass(frozen=True, slots=True)
class Repeatability:
    """Whether running an operation once more, after an unknown first run, can do harm."""

    safe: bool
    why: str


_READ = Repeatability(True, "it changes nothing")
_FENCED = Repeatability(True, "its precondition (resourceVersion) fails once it took effect")
_FENCED_DELETION = Repeatability(True, "its precondition (uid or resourceVersion) fails once it took effect")
_UNFENCED: dict[Kind, Repeatability] = {
    Kind.APPLY: Repeatability(False, "it would overwrite changes made by the same field manager since"),
    Kind.CREATE: Repeatability(False, "it would bring back an object that was deleted since, or make a second one of a generated name"),
    Kind.REPLACE: Repeatability(False, "it would overwrite changes made since"),
    Kind.PATCH: Repeatability(False, "it would overwrite changes made since; a JSON patch may even apply twice"),
    Kind.SCALE: Repeatability(False, "it would undo a later scale"),
    Kind.RESTART: Repeatability(False, "it would replace all pods a second time"),
    Kind.PAUSE: Repeatability(False, "it would pause what was resumed since"),
    Kind.RESUME: Repeatability(False, "it would resume what was paused since"),
    Kind.UNDO: Repeatability(False, "the revision before would be another one by then: it would go back and forth"),
    Kind.RUN_JOB: Repeatability(False, "the Job's work would be done twice"),
    Kind.DELETE: Repeatability(False, "it would delete an object created under the same name or labels since"),
}  # fmt: skip
_NEVER_FENCED = frozenset({Kind.CREATE, Kind.APPLY, Kind.RUN_JOB})


def repeatability(kind: Kind, *, fenced: bool) -> Repeatability:
    """Say whether an operation of this kind is safe to repeat, and why.

    Args:
        kind: of operation.
        fenced: whether it expects something that is no more once it took effect (`is_fenced`). A creation cannot.

    """
    if kind in READS:
        return _READ
    if fenced and kind not in _NEVER_FENCED:
        return _FENCED_DELETION if kind is Kind.DELETE else _FENCED
    return _UNFENCED[kind]


def is_fenced(request: OperationRequest) -> bool:
    """Whether a request expects something that is no more once it took effect.

    A resourceVersion fences every change; a UID a deletion alone, for a change of an object leaves its UID as it is.
    """
    return bool(request.resource_version) or (request.kind is Kind.DELETE and bool(request.uid))
