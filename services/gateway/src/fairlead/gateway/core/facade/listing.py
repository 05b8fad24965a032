"""What the query of a LIST or WATCH asks for (k8s.io/apimachinery, ``ListOptions`` and their validation)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from fairlead.gateway.core.facade.continuation import Continuation, MalformedToken, is_ours, parse_token
from fairlead.gateway.core.facade.coverage import Coverage
from fairlead.gateway.core.facade.cursors import Cursor, parse_position
from fairlead.gateway.core.facade.statuses import Refusal, Status, expired

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You must start a new list without the"
    " continue parameter."
)
"""k8s.io/apiserver, storage ``continueExpired``."""
_NUMBER_DIGITS = 10

Parameter = Callable[[str], str]
"""Gives the value of a query parameter, empty when it is missing."""


class Unanswerable(Exception):
    """The rows cannot answer it; the API server answers it itself, or says what is wrong with it."""


class Match(StrEnum):
    """How a LIST's version is to be taken."""

    NEWEST = ""
    ANY = "any"
    NOT_OLDER = "NotOlderThan"
    EXACT = "Exact"


@dataclass(frozen=True, slots=True)
class ListOptions:
    """A LIST."""

    match: Match
    position: Cursor | int | None
    """None for `Match.NEWEST` and `Match.ANY`."""
    limit: int
    """0: everything."""
    after: Continuation | None = None


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """A WATCH. ``position`` is None when any state will do as the start."""

    position: Cursor | int | None
    newest: bool
    """The start must not be older than what was written here."""
    initial: bool
    """Begin with what there is."""
    ends_initial: bool
    """Say where that ends."""
    bookmarks: bool
    timeout_s: int | None


def carries_cursor(parameter: Parameter) -> bool:
    """Whether a request goes on from an answer out of the rows: then nobody else can answer it."""
    if is_ours(parameter("continue")):
        return True
    try:
        return isinstance(parse_position(parameter("resourceVersion")), Cursor)
    except ValueError:
        return False


def list_options(parameter: Parameter) -> ListOptions:
    """Read the query of a LIST.

    Raises:
        Unanswerable: it is for the API server to say.
        Refusal: a token of ours that cannot be read.

    """
    limit = _number(parameter("limit")) or 0
    token, version, match = parameter("continue"), parameter("resourceVersion"), parameter("resourceVersionMatch")
    if parameter("sendInitialEvents") or (match and (not version or token)):
        raise Unanswerable
    if token:
        if version not in ("", "0") or not is_ours(token):
            raise Unanswerable
        return ListOptions(Match.NOT_OLDER, None, limit, _after(token))
    position = _position(version)
    if position is None:
        if match not in ("", Match.NOT_OLDER):
            raise Unanswerable
        return ListOptions(Match.NEWEST if version == "" else Match.ANY, None, limit)
    if match not in ("", Match.NOT_OLDER, Match.EXACT):
        raise Unanswerable
    # Without a match, a limit means that the first page of a certain list is asked for.
    exact = match == Match.EXACT or (not match and limit > 0)
    return ListOptions(Match.EXACT if exact else Match.NOT_OLDER, position, limit)


def watch_options(parameter: Parameter) -> WatchOptions:
    """Read the query of a WATCH.

    Raises:
        Unanswerable: it is for the API server to say.
        Refusal: initial events without a match.

    """
    match, version = parameter("resourceVersionMatch"), parameter("resourceVersion")
    initial = _flag(parameter("sendInitialEvents"))
    if initial is not None and match != Match.NOT_OLDER:
        raise Refusal(_invalid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    if initial is None and match:
        raise Refusal(_invalid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
    if parameter("continue"):
        raise Unanswerable
    position = _position(version)
    return WatchOptions(
        position,
        newest=position is None,
        initial=position is None if initial is None else initial,
        ends_initial=initial is True,
        bookmarks=_flag(parameter("allowWatchBookmarks")) is True,
        timeout_s=_number(parameter("timeoutSeconds")),
    )


def _after(token: str) -> Continuation:
    try:
        return parse_token(token)
    except MalformedToken:
        raise Refusal(Status(400, "BadRequest", "continue key is not valid")) from None


def _position(version: str) -> Cursor | int | None:
    try:
        return (parse_position(version) or None) if version else None
    except ValueError:
        raise Unanswerable from None


def _number(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _NUMBER_DIGITS:
        raise Unanswerable
    return int(text)


def _flag(text: str) -> bool | None:
    if text and text not in TRUE | FALSE:
        raise Unanswerable
    return text in TRUE if text else None


def _invalid(message: str) -> Status:
    cause = {"reason": "FieldValueForbidden", "message": f"Forbidden: {message}", "field": "resourceVersionMatch"}
    return Status(
        422,
        "Invalid",
        f'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: {message}',
        {"group": "meta.k8s.io", "kind": "ListOptions", "causes": [cause]},
    )


def version_at(position: Cursor, shown: Coverage, *, exact: bool) -> Cursor:
    """The version of a list that a client asks for at a cursor, by what the account's changes are now.

    Raises:
        Refusal: the cursor is another account's, forgotten, or was not given out yet.

    """
    if position.nonce != shown.nonce or (exact and position.change < shown.floor):
        raise Refusal(too_old(position, Cursor(shown.nonce, shown.floor)))
    if position.change > shown.change:
        raise Refusal(too_large(position, shown.change))
    return position if exact else Cursor(shown.nonce, shown.change)


def too_large(position: Cursor, change: int) -> Status:
    """A cursor that was not given out yet (k8s.io/apiserver, storage ``NewTooLargeResourceVersionError``)."""
    message = f"Too large resource version: {position}, current: {Cursor(position.nonce, change)}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return Status(504, "Timeout", message, {"causes": [cause]}, retry_after_s=1)


def too_old(position: Cursor | int, oldest: Cursor) -> Status:
    """A position that nobody can go on from."""
    return expired(f"too old resource version: {position} ({oldest})")
