"""The query of a LIST or WATCH."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core.facade.continuation import Continuation
from fairlead.gateway.core.facade.coverage import Coverage
from fairlead.gateway.core.facade.cursors import Cursor
from fairlead.gateway.core.facade.listing import (
    ListOptions,
    Match,
    Parameter,
    Unanswerable,
    WatchOptions,
    carries_cursor,
    list_options,
    version_at,
    watch_options,
)
from fairlead.gateway.core.facade.statuses import Refusal

OURS = Cursor(7, 100)
TOKEN = Continuation(OURS, ObjectKey("shop", "web"))
NAMES = {
    "rv": "resourceVersion", "match": "resourceVersionMatch", "token": "continue", "limit": "limit",
    "initial": "sendInitialEvents", "bookmarks": "allowWatchBookmarks", "timeout": "timeoutSeconds",
}  # fmt: skip


def query(**values: object) -> Parameter:
    """Parameters of a query by their short names."""
    named = {NAMES[name]: str(value) for name, value in values.items()}
    return lambda name: named.get(name, "")


@pytest.mark.parametrize(("values", "options"), [
    ({}, ListOptions(Match.NEWEST, None, 0)), ({"limit": 500}, ListOptions(Match.NEWEST, None, 500)),
    ({"rv": "0"}, ListOptions(Match.ANY, None, 0)), ({"rv": "0", "match": "NotOlderThan"}, ListOptions(Match.ANY, None, 0)),
    ({"rv": OURS}, ListOptions(Match.NOT_OLDER, OURS, 0)), ({"rv": 5}, ListOptions(Match.NOT_OLDER, 5, 0)),
    ({"rv": OURS, "limit": 2}, ListOptions(Match.EXACT, OURS, 2)),
    ({"rv": OURS, "limit": 2, "match": "NotOlderThan"}, ListOptions(Match.NOT_OLDER, OURS, 2)),
    ({"rv": 5, "match": "Exact"}, ListOptions(Match.EXACT, 5, 0)),
    ({"token": TOKEN, "limit": 9}, ListOptions(Match.NOT_OLDER, None, 9, TOKEN)),
])  # fmt: skip
def test_lists_are_read(values: dict[str, object], options: ListOptions) -> None:
    """As the table of semantics in Kubernetes' API concepts has it."""
    assert list_options(query(**values)) == options


@pytest.mark.parametrize("values", [
    {"limit": "-1"}, {"limit": "x"}, {"limit": "9" * 11}, {"rv": "x"}, {"rv": "01"}, {"match": "Exact"}, {"rv": 5, "match": "x"},
    {"rv": "0", "match": "Exact"}, {"token": "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"}, {"token": TOKEN, "match": "Exact", "rv": 5},
    {"token": TOKEN, "rv": 5}, {"initial": "true"},
])  # fmt: skip
def test_lists_that_make_no_sense_are_left_to_the_api_server(values: dict[str, object]) -> None:
    """It words the failure, and knows its own tokens."""
    with pytest.raises(Unanswerable):
        list_options(query(**values))


def test_a_broken_token_of_ours_is_refused() -> None:
    """Nobody else can say anything about it."""
    with pytest.raises(Refusal) as refusal:
        list_options(query(token="fairlead.x"))
    assert refusal.value.status.code == 400


@pytest.mark.parametrize(("values", "options"), [
    ({}, WatchOptions(None, newest=True, initial=True, ends_initial=False, bookmarks=False, timeout_s=None)),
    ({"rv": "0", "timeout": "300"},
     WatchOptions(None, newest=True, initial=True, ends_initial=False, bookmarks=False, timeout_s=300)),
    ({"rv": OURS, "bookmarks": "true"},
     WatchOptions(OURS, newest=False, initial=False, ends_initial=False, bookmarks=True, timeout_s=None)),
    ({"initial": "true", "match": "NotOlderThan", "bookmarks": "1"},
     WatchOptions(None, newest=True, initial=True, ends_initial=True, bookmarks=True, timeout_s=None)),
    ({"initial": "false", "match": "NotOlderThan"},
     WatchOptions(None, newest=True, initial=False, ends_initial=False, bookmarks=False, timeout_s=None)),
    ({"initial": "true", "match": "NotOlderThan", "rv": 5},
     WatchOptions(5, newest=False, initial=True, ends_initial=True, bookmarks=False, timeout_s=None)),
])  # fmt: skip
def test_watches_are_read(values: dict[str, object], options: WatchOptions) -> None:
    """Without a version a watch begins with what there is."""
    assert watch_options(query(**values)) == options


@pytest.mark.parametrize(("values", "part"), [
    ({"initial": "true"}, "requires setting resourceVersionMatch to NotOlderThan"),
    ({"initial": "true", "match": "Exact"}, "requires setting resourceVersionMatch to NotOlderThan"),
    ({"match": "NotOlderThan"}, "forbidden for watch unless sendInitialEvents is provided"),
])  # fmt: skip
def test_initial_events_need_a_match(values: dict[str, object], part: str) -> None:
    """And a match needs initial events: 422, as the API server says it."""
    with pytest.raises(Refusal) as refusal:
        watch_options(query(**values))
    status = refusal.value.status
    assert (status.code, status.reason, part in status.message) == (422, "Invalid", True)


@pytest.mark.parametrize("values", [{"timeout": "x"}, {"bookmarks": "maybe"}, {"rv": "x"}, {"token": TOKEN}])
def test_watches_that_make_no_sense_are_left_to_the_api_server(values: dict[str, object]) -> None:
    """It words the failure."""
    with pytest.raises(Unanswerable):
        watch_options(query(**values))


def test_what_goes_on_from_here_is_known() -> None:
    """Cursors and tokens of ours, nothing else."""
    assert carries_cursor(query(rv=OURS))
    assert carries_cursor(query(token=TOKEN))
    assert not any(carries_cursor(query(rv=version)) for version in ("", "0", "77", "x"))


@given(st.text(), st.text(), st.text())
def test_any_query_can_be_read(version: str, limit: str, token: str) -> None:
    """Options, or one of the two ways to say no."""
    try:
        list_options(query(rv=version, limit=limit, token=token))
    except (Unanswerable, Refusal):
        return


def test_a_cursor_is_told_by_what_the_account_has() -> None:
    """Another account's is 410, one that was not given out yet 504, and a forgotten one can still be no older than now."""
    shown = Coverage(7, 100, 50)
    assert version_at(Cursor(7, 60), shown, exact=True) == Cursor(7, 60)
    assert version_at(Cursor(7, 10), shown, exact=False) == Cursor(7, 100)
    for cursor, exact, code in ((Cursor(8, 60), False, 410), (Cursor(7, 101), False, 504), (Cursor(7, 49), True, 410)):
        with pytest.raises(Refusal) as refusal:
            version_at(cursor, shown, exact=exact)
        assert refusal.value.status.code == code
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    with pytest.raises(Refusal) as refusal:
        version_at(Cursor(7, 101), shown, exact=True)
    assert refusal.value.status.details == {"causes": [cause]}
    assert refusal.value.status.retry_after_s == 1
