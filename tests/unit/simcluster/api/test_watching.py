"""The cursor of a watch."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.simcluster.calls import MAPS, Hands, config_map, events

from fairlead.simcluster.api.answers import WatchAnswer
from fairlead.simcluster.api.watching import WatchCursor, error_line
from fairlead.simcluster.errors import StatusError

WATCH_LIST = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"


def _cursor(hands: Hands, query: str, path: str = MAPS) -> WatchCursor:
    answer = hands.answer("GET", f"{path}?watch=1&{query}")
    assert isinstance(answer, WatchAnswer)
    return answer.cursor


def _types(lines: bytes) -> list[str]:
    return [event["type"] for event in events(lines)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "drop"]), st.booleans()), max_size=25))
def test_following_a_watch_gives_the_lists_state(steps: list[tuple[str, str, bool]]) -> None:
    """Initial events and changes, applied in order, are the collection; with a selector too."""
    hands = Hands()
    for name, what, chosen in steps[:5]:
        _step(hands, name, what, chosen=chosen)
    cursors = {"": _cursor(hands, ""), "pick%3Dyes": _cursor(hands, "labelSelector=pick=yes")}
    for name, what, chosen in steps[5:]:
        _step(hands, name, what, chosen=chosen)

    for selector, cursor in cursors.items():
        seen: dict[str, str] = {}
        for event in events(cursor.take(1 << 20)):
            metadata = event["object"]["metadata"]
            if event["type"] == "DELETED":
                del seen[metadata["name"]]
            else:
                assert (event["type"] == "ADDED") == (metadata["name"] not in seen)
                seen[metadata["name"]] = metadata["resourceVersion"]
        listed = hands.get(MAPS + ("?labelSelector=pick=yes" if selector else ""))["items"]
        assert seen == {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in listed}


def _step(hands: Hands, name: str, what: str, *, chosen: bool) -> None:
    if what == "drop":
        hands.call("DELETE", f"{MAPS}/{name}")
        return
    manifest = config_map(name)
    manifest["metadata"]["labels"] = {"pick": "yes" if chosen else "no"}
    if hands.call("PUT", f"{MAPS}/{name}", manifest)[0] == 404:
        hands.call("POST", MAPS, manifest)


def test_a_cursor_gives_about_what_is_asked() -> None:
    """Whole lines, a few at a time, nothing lost."""
    hands = Hands()
    for number in range(10):
        hands.call("POST", MAPS, config_map(f"m-{number}"))
    cursor = _cursor(hands, "resourceVersion=0")
    chunks = []
    while chunk := cursor.take(1):
        chunks.append(chunk)

    assert len(chunks) == 10
    assert all(len(events(chunk)) == 1 for chunk in chunks)


def test_bookmarks_wait_for_changes_to_be_told() -> None:
    """A bookmark never overtakes an event."""
    hands = Hands()
    cursor = _cursor(hands, f"resourceVersion={hands.state.store.version}")
    hands.call("POST", MAPS, config_map("a"))

    assert cursor.bookmark() == b""
    assert _types(cursor.take(1 << 20)) == ["ADDED"]
    hands.call("POST", "/api/v1/namespaces", {"metadata": {"name": "more"}})
    [bookmark] = events(cursor.bookmark())
    assert bookmark["object"]["metadata"]["resourceVersion"] == str(hands.state.store.version)


def test_watch_list_marks_its_end_at_the_snapshot() -> None:
    """Changes made while the initial events go out come after the bookmark."""
    hands = Hands()
    for name in "ab":
        hands.call("POST", MAPS, config_map(name))
    answer = hands.answer("GET", f"{MAPS}?{WATCH_LIST}")
    assert isinstance(answer, WatchAnswer)
    first = answer.cursor.take(1)
    hands.call("DELETE", f"{MAPS}/b")

    assert _types(first + answer.cursor.take(1 << 20)) == ["ADDED", "ADDED", "BOOKMARK", "DELETED"]


def test_a_slow_reader_is_told_that_it_is_too_late() -> None:
    """410 inside the stream when the history has moved past it."""
    hands = Hands()
    cursor = _cursor(hands, f"resourceVersion={hands.state.store.version}")
    hands.call("POST", MAPS, config_map("a"))
    hands.state.store.compact()

    [event] = events(cursor.take(1 << 20))
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert cursor.ended


def test_a_restored_store_ends_the_watch() -> None:
    """Without a word, as a restarted server would."""
    hands = Hands()
    backup = hands.state.store.backup()
    cursor = _cursor(hands, f"resourceVersion={hands.state.store.version}")
    hands.state.store.restore(backup)

    assert cursor.take(1 << 20) == b""
    assert cursor.ended


def test_a_server_over_an_old_etcd_cannot_stream_lists() -> None:
    """An ERROR event, code 500, and the end."""
    hands = Hands()
    hands.state.watch_list = False
    [event] = hands.watch(f"{MAPS}?{WATCH_LIST}")

    assert (event["type"], event["object"]["code"]) == ("ERROR", 500)
    assert "RequestWatchProgress" in event["object"]["message"]


def test_error_lines_carry_a_status() -> None:
    """One line."""
    [event] = events(error_line(StatusError(418, "Teapot", "short and stout")))

    assert event["object"]["reason"] == "Teapot"
