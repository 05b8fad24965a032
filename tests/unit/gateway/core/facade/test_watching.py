"""What a watch tells its client."""

from __future__ import annotations

import json
import random

import pytest

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.facade import watching
from fairlead.gateway.core.facade.selection import Selection, parse_selection
from fairlead.gateway.core.facade.watching import Chunk, Occurrence, Told, Viewer

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
ALL = Selection("", "pods")
WEB = parse_selection(PODS, "", "app=web", "")
KEY = ObjectKey("shop", "a")


def state(change: int, added: int, app: str = "web", key: ObjectKey = KEY) -> Occurrence:
    """An object as it is now."""
    return Occurrence(change, key, json.dumps({"metadata": {"labels": {"app": app}}}).encode(), added)


def gone(change: int) -> Occurrence:
    """An object that is gone."""
    return Occurrence(change, KEY, uid="u1", version=5)


def test_what_came_behind_the_client_is_added() -> None:
    """Anything else is modified, or gone."""
    viewer = Viewer(ALL, 10)
    assert [viewer.tell(event) for event in (state(12, 11), state(12, 10), gone(12))] == [
        Told.ADDED,
        Told.MODIFIED,
        Told.DELETED,
    ]


def test_a_client_that_knows_nothing_is_told_of_everything_as_added() -> None:
    """Also of rows of before anybody counted when they came."""
    viewer = Viewer(ALL, -1)
    assert [viewer.tell(state(9, added)) for added in (0, 9)] == [Told.ADDED, Told.ADDED]
    viewer.moved_on(Chunk(-1, 9, settled=True))
    assert [viewer.tell(state(10, 4)), viewer.tell(gone(11))] == [Told.MODIFIED, Told.DELETED]


def test_what_is_known_moves_on_where_everything_was_told() -> None:
    """An object that changes between two readings of one catching-up is added, not modified."""
    viewer = Viewer(ALL, 10)
    viewer.moved_on(Chunk(10, 20, settled=False))
    assert viewer.tell(state(25, 15)) is Told.ADDED
    viewer.moved_on(Chunk(20, 30, settled=True))
    assert viewer.tell(state(31, 15)) is Told.MODIFIED


def test_other_namespaces_and_names_are_not_told() -> None:
    """Keys decide without a look at bodies."""
    shop = Viewer(parse_selection(PODS, "shop", "", "metadata.name=a"), 10)
    told = [shop.tell(state(12, 1, key=key)) for key in (KEY, ObjectKey("shop", "b"), ObjectKey("other", "a"))]
    assert told == [Told.MODIFIED, None, None]


def test_an_object_that_leaves_a_selection_is_deleted_for_its_watchers() -> None:
    """Once; and one that comes into it is added, however old it is."""
    viewer = Viewer(WEB, 10, members=set())
    steps = [state(11, 1, "db"), state(12, 1), state(13, 1), state(14, 1, "db"), state(15, 1, "db"), gone(16)]
    assert [viewer.tell(step) for step in steps] == [None, Told.ADDED, Told.MODIFIED, Told.DELETED, None, None]


def test_members_that_are_ahead_of_the_client_do_not_count_yet() -> None:
    """The client may have had what they lack, so it is told once too often rather than once too little."""
    viewer = Viewer(WEB, 10)
    viewer.remember(set(), 20)
    assert viewer.tell(state(15, 5, "db")) is Told.DELETED
    viewer.moved_on(Chunk(10, 15, settled=True))
    assert viewer.tell(state(21, 5, "db")) is Told.DELETED
    viewer.moved_on(Chunk(15, 25, settled=False))
    assert viewer.tell(state(26, 5, "db")) is Told.DELETED
    viewer.moved_on(Chunk(25, 30, settled=True))
    assert viewer.tell(state(31, 5, "db")) is None


def test_too_many_members_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then deletions are told also of what the client may not have: bounded, and never wrong."""
    monkeypatch.setattr(watching, "MEMBERS_LIMIT", 2)
    viewer = Viewer(WEB, 10, members=set())
    for number in range(3):
        viewer.tell(state(11 + number, 11 + number, key=ObjectKey("shop", f"o{number}")))
    assert viewer.members is None
    viewer.moved_on(Chunk(10, 20, settled=True))
    assert [viewer.tell(state(21, 5, "db")), viewer.tell(state(22, 5))] == [Told.DELETED, Told.MODIFIED]


@pytest.mark.parametrize("seed", range(60))
def test_a_client_ends_with_what_is_selected(seed: int) -> None:
    """Whatever happens, wherever the client begins and however it reads, its objects are those of the selection in the end."""
    chance = random.Random(seed)  # noqa: S311 - a test's choices
    selection = chance.choice([ALL, WEB])
    rows: dict[ObjectKey, Occurrence] = {}
    dead: dict[ObjectKey, Occurrence] = {}
    client: dict[ObjectKey, bytes] = {}
    viewer = Viewer(selection, -1, members=set() if selection.fickle and chance.random() < 0.7 else None)
    listed_at = chance.choice([0, 40])
    watched_at = listed_at + chance.randint(0, 5)
    for change in range(1, 150):
        key = ObjectKey("shop", chance.choice("abcdef"))
        if key in rows and chance.random() < 0.3:
            del rows[key]
            dead[key] = Occurrence(change, key, uid="u", version=change)
        else:
            dead.pop(key, None)
            added = rows[key].added if key in rows else change
            rows[key] = state(change, added, chance.choice(["web", "db"]), key)
        if change == listed_at:
            client = {key: row.body for key, row in rows.items() if selection.shows(row.body)}
            viewer = Viewer(selection, change)
        if listed_at and change == watched_at:
            viewer.remember({key for key, row in rows.items() if selection.shows(row.body)}, change)
        if change == 149 or (change > watched_at and chance.random() < 0.3):
            _read(viewer, client, [*rows.values(), *dead.values()], change, chance, last=change == 149)
    assert client == {key: row.body for key, row in rows.items() if selection.shows(row.body)}


def _read(
    viewer: Viewer,
    client: dict[ObjectKey, bytes],
    happened: list[Occurrence],
    now: int,
    chance: random.Random,
    *,
    last: bool,
) -> None:
    """Read some pages, not always to the end."""
    while True:
        events = sorted((each for each in happened if each.change > viewer.position), key=lambda each: each.change)
        limit = chance.randint(1, 4)
        more = len(events) > limit
        page = events[:limit]
        for event in page:
            told = viewer.tell(event)
            if told is Told.DELETED:
                client.pop(event.key, None)
            elif told is not None:
                assert event.key in client or told is Told.ADDED or viewer.selection.fickle
                client[event.key] = event.body
        viewer.moved_on(Chunk(viewer.position, page[-1].change if more else now, settled=not more))
        if not more or (not last and chance.random() < 0.3):
            return
