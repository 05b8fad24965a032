"""The observation protocol's rules on the watcher's side, one by one."""

from __future__ import annotations

import pytest
from tests.support.watching import key, seen, session

from fairlead.contracts.envelope import Change, Part
from fairlead.watcher.core import session as module
from fairlead.watcher.core.session import Known, Session, VersionsRanBackwards


def drain(subject: Session) -> list[Part]:
    """Take and deliver everything that a session has to say."""
    parts = []
    while (part := subject.take(100, 10**6)) is not None:
        parts.append(part)
        subject.outbox.delivered(part.number)
    return parts


def listed(subject: Session, *names: tuple[str, int], version: int) -> Session:
    """Let a session list the given objects."""
    subject.list_begins()
    subject.listed([seen(name, at) for name, at in names])
    subject.list_ends(version, consistent=True)
    return subject


def test_a_list_sends_only_what_differs() -> None:
    """An object that the gateway holds with this epoch, version and UID is not sent again."""
    subject = session(known={key("same"): Known(1, 5, "uid-same"), key("old"): Known(1, 4, "uid-old")})
    listed(subject, ("same", 5), ("old", 6), ("new", 7), version=9)

    events = [event.key.name for part in drain(subject) for event in part.events]

    assert sorted(events) == ["new", "old"]


def test_everything_is_sent_in_a_new_epoch() -> None:
    """Rows of another epoch are no reason to keep an object back."""
    subject = session(epoch=2, known={key("a"): Known(1, 5, "uid-a")})
    listed(subject, ("a", 5), version=9)

    assert sum(len(part.events) for part in drain(subject)) == 1


def test_no_checkpoint_before_the_list_is_told_whole() -> None:
    """The first checkpoint comes with or after the last state of the list, never before its inventory."""
    subject = session()
    subject.list_begins()
    subject.listed([seen("a", 3)])
    early = subject.take(100, 10**6)
    subject.list_ends(9, consistent=True)
    subject.changed(seen("b", 12))
    late = drain(subject)

    assert early is not None
    assert early.checkpoint is None
    assert [part.checkpoint for part in late if part.inventory] == [9]
    assert [part.checkpoint for part in late if part.events] == [12]


def test_an_inventory_lists_unsent_objects_without_a_version() -> None:
    """What is still to be sent is told to exist, but not in which version."""
    subject = listed(session(known={key("a"): Known(1, 3, "uid-a")}), ("a", 3), ("b", 4), version=9)
    inventory = next(part.inventory for part in drain(subject) if part.inventory)

    assert inventory.snapshot == 9
    assert {entry.key.name: entry.version for entry in inventory.entries} == {"a": 3, "b": None}


def test_large_inventories_come_in_ranges_without_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chunks cover every key exactly once; the outermost ones are open; only the last carries the checkpoint."""
    monkeypatch.setattr(module, "INVENTORY_CHUNK_ENTRIES", 2)
    subject = session(known={key(name): Known(1, 1, f"uid-{name}") for name in "abcde"})
    listed(subject, *((name, 1) for name in "edcba"), version=9)
    parts = [part for part in drain(subject) if part.inventory]
    chunks = [part.inventory for part in parts if part.inventory]

    assert chunks[0].first is None
    assert chunks[-1].until is None
    assert [chunk.until for chunk in chunks[:-1]] == [chunk.first for chunk in chunks[1:]]
    assert [entry.key.name for chunk in chunks for entry in chunk.entries] == list("abcde")
    assert [part.checkpoint for part in parts] == [None, None, 9]


def test_an_empty_resource_is_told_too() -> None:
    """No object is news: an inventory without entries removes what the gateway still holds."""
    parts = drain(listed(session(), version=9))

    assert [part.inventory.entries for part in parts if part.inventory] == [[]]


def test_resume_sends_changes_only() -> None:
    """After a resume there is no list, and checkpoints go on from the stored one."""
    subject = session(checkpoint=20)
    subject.resume()
    subject.changed(seen("a", 21))
    subject.deleted(seen("b", 22))
    parts = drain(subject)

    assert [(event.key.name, event.change) for part in parts for event in part.events] == [
        ("a", Change.UPSERT),
        ("b", Change.DELETE),
    ]
    assert parts[-1].checkpoint == 22


def test_an_incomplete_map_is_never_told() -> None:
    """After a resume nothing is known to be absent: no inventory before the API server listed the names."""
    subject = session(checkpoint=20)
    subject.resume()
    subject.tell_inventory()

    assert drain(subject) == []


def test_names_listed_after_a_resume_wait_for_the_watch() -> None:
    """The base counts once the watch was read up to its version, with what the watch showed beyond it."""
    subject = session(checkpoint=20)
    subject.resume()
    subject.changed(seen("born", 24))
    subject.deleted(seen("dead", 25))
    subject.base_listed(23, {key("kept"): ("uid-kept", 3), key("dead"): ("uid-dead", 4)})
    drain(subject)
    subject.tell_inventory()
    inventory = next(part.inventory for part in drain(subject) if part.inventory)

    assert {entry.key.name: entry.version for entry in inventory.entries} == {"kept": 3, "born": 24}


def test_a_base_from_the_future_waits() -> None:
    """A names list newer than the watch's position is not told before the watch caught up."""
    subject = session(checkpoint=20)
    subject.resume()
    subject.base_listed(23, {key("kept"): ("uid-kept", 3)})
    subject.tell_inventory()
    assert drain(subject) == []
    subject.bookmark(23)
    subject.tell_inventory()

    assert any(part.inventory for part in drain(subject))


def test_a_cluster_that_is_behind_ends_the_epoch() -> None:
    """A consistent read below anything seen or stored means a restored cluster."""
    with pytest.raises(VersionsRanBackwards):
        session(highest=30).probe(29)
    session(highest=30).probe(30)


@pytest.mark.parametrize(
    "stored",
    [Known(1, 7, "uid-a"), Known(1, 5, "other"), Known(1, 5, None)],
    ids=["newer row", "other uid", "tombstone"],
)
def test_a_list_that_contradicts_the_gateway_ends_the_epoch(stored: Known) -> None:
    """An object older than what the gateway holds, which is itself not newer than the list, cannot be of one history."""
    subject = session(known={key("a"): stored})
    subject.list_begins()
    subject.listed([seen("a", 5)])

    with pytest.raises(VersionsRanBackwards):
        subject.list_ends(8, consistent=True)


def test_a_row_newer_than_the_list_is_no_contradiction() -> None:
    """A list may be older than what was sent before; the guard keeps the newer row."""
    subject = session(known={key("a"): Known(1, 7, "uid-a")})
    subject.list_begins()
    subject.listed([seen("a", 5)])
    subject.list_ends(6, consistent=False)


def test_a_fetched_object_counts_only_while_the_watch_agrees() -> None:
    """The answer of a read by name may be old by the time it arrives."""
    subject = listed(session(known={key("a"): Known(1, 3, "uid-a")}), ("a", 3), version=9)
    drain(subject)

    assert subject.fetched(seen("a", 3))
    assert not subject.fetched(seen("a", 2))
    assert not subject.fetched(seen("gone", 2))
    assert [event.key.name for part in drain(subject) for event in part.events] == ["a"]


def test_checkpoints_stay_below_what_is_skipped() -> None:
    """While a state waits behind its predecessor, the checkpoint stays below the first version it skipped."""
    subject = listed(session(), version=9)
    drain(subject)
    subject.changed(seen("a", 10))
    first = subject.take(100, 10**6)
    subject.changed(seen("a", 11))
    subject.changed(seen("a", 12))
    subject.changed(seen("b", 13))
    second = subject.take(100, 10**6)

    assert first is not None
    assert second is not None
    assert (first.checkpoint, second.checkpoint) == (10, 10)
    assert subject.checkpoint == 10


def test_bookmarks_are_told_once() -> None:
    """An empty part carries a checkpoint only when it is news."""
    subject = listed(session(), version=9)
    drain(subject)
    subject.bookmark(15)
    subject.tell_checkpoint()
    subject.tell_checkpoint()

    assert [part.checkpoint for part in drain(subject)] == [15]


def test_objects_over_the_bus_limit_become_stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that cannot travel is told with identity and version, and why it is not there."""
    monkeypatch.setattr(module, "OBJECT_BYTES_MAX", 10)
    subject = listed(session(), version=9)
    drain(subject)
    subject.changed(seen("large", 10, body=b"x" * 11))
    event = drain(subject)[0].events[0]

    assert (event.object, event.withheld, event.version) == (b"", "too large", 10)


def test_a_deletion_within_a_streaming_list_is_no_ghost() -> None:
    """What is deleted before the list's end is in no inventory, and its deletion goes out."""
    subject = session()
    subject.list_begins()
    subject.listed([seen("a", 3), seen("b", 4)])
    subject.delisted(seen("a", 7))
    subject.list_ends(9, consistent=True)

    parts = drain(subject)

    assert [entry.key.name for part in parts if part.inventory for entry in part.inventory.entries] == ["b"]
    assert {event.key.name: event.change for part in parts for event in part.events} == {
        "a": Change.DELETE,
        "b": Change.UPSERT,
    }


def test_a_later_state_within_a_streaming_list_ends_the_suspicion() -> None:
    """A list that begins with a lagging cache and catches up before its end contradicts nothing."""
    subject = session(checkpoint=5, known={key("a"): Known(1, 8, "uid-a"), key("b"): Known(1, 8, None)})
    subject.list_begins()
    subject.listed([seen("a", 5), seen("b", 6)])
    subject.listed([seen("a", 8)])
    subject.delisted(seen("b", 8))
    subject.list_ends(9, consistent=False)

    assert subject.objects == 1


def test_what_waits_unsent_is_bounded() -> None:
    """While nothing is taken, inventories and checkpoints do not pile up; afterwards the newest checkpoint is told."""
    subject = session(checkpoint=5)
    subject.resume()
    subject.base_listed(5, {key("a"): ("uid-a", 3)})
    for version in range(6, 100):
        subject.bookmark(version)
        subject.tell_checkpoint()
        subject.tell_inventory()

    waiting = drain(subject)
    subject.bookmark(100)
    subject.tell_checkpoint()

    assert len(waiting) <= 2
    assert [part.checkpoint for part in drain(subject)] == [100]


def test_the_first_inventory_after_a_resume_follows_its_base() -> None:
    """It is told as soon as the watch has reached the list of names, not an interval later."""
    subject = session(checkpoint=5)
    subject.resume()
    subject.base_listed(9, {key("a"): ("uid-a", 3)})
    assert drain(subject) == []
    subject.bookmark(9)

    (part,) = drain(subject)
    assert part.inventory is not None
