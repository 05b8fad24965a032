"""Versions, history, snapshots, owners and restored backups."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.simcluster.store import CompactedError, Store, encode_entry, object_key


def _obj(name: str, value: int = 0, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", "uid": f"uid-{name}", **metadata}, "data": {"v": value}}


def _values(store: Store, version: int) -> dict[str, int]:
    return {entry.name: entry.decoded()["data"]["v"] for entry in store.table("t").snapshot(version)}


def test_entries_keep_their_bytes_and_find_their_metadata() -> None:
    """The body is what goes out; metadata is a part of it."""
    entry = encode_entry({"kind": "X", "apiVersion": "v1", **_obj("a", labels={"l": "1"})}, 7)

    assert entry.body == (
        b'{"metadata":{"name":"a","namespace":"ns","uid":"uid-a","labels":{"l":"1"},"resourceVersion":"7"},'
        b'"data":{"v":0}}'
    )
    assert entry.metadata == entry.body[12 : entry.metadata_end]
    assert entry.metadata.endswith(b'"resourceVersion":"7"}')
    assert (entry.key, entry.labels) == ("ns/a", {"l": "1"})
    assert encode_entry({"metadata": {"name": "bare"}}, 0).body == b'{"metadata":{"name":"bare"}}'


def test_keys_sort_as_in_etcd() -> None:
    """By the text `namespace/name`: `a-b` comes before `a`."""
    assert sorted([object_key("a", "x"), object_key("a-b", "x")]) == ["a-b/x", "a/x"]
    assert object_key("", "node") == "node"


def test_one_counter_for_all_tables() -> None:
    """Each write takes the next version; a delete carries the last state under its own."""
    store = Store()
    first, second = store.write("t", _obj("a", 1)), store.write("u", _obj("b"))
    gone = store.remove("t", _obj("a", 1))

    assert [first.version, second.version, gone.version] == [2, 3, 4]
    assert b'"resourceVersion":"4"' in gone.body
    assert store.get("t", "ns/a") is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.booleans()), max_size=40))
def test_snapshots_are_the_past(steps: list[tuple[str, int, bool]]) -> None:
    """The snapshot at any version is the state as it was then."""
    store = Store()
    states: dict[int, dict[str, int]] = {store.version: {}}
    for name, value, delete in steps:
        present = dict(states[store.version])
        if delete and name in present:
            store.remove("t", _obj(name, present.pop(name)))
        else:
            store.write("t", _obj(name, value))
            present[name] = value
        states[store.version] = present

    for version, state in states.items():
        assert _values(store, version) == state


@given(st.integers(1, 30), st.integers(1, 30))
def test_history_gives_what_came_after_a_version(writes: int, start: int) -> None:
    """Changes after a version, or CompactedError when they are forgotten."""
    store = Store(history_limit=5)
    for number in range(writes):
        store.write("t", _obj("a", number))
    table = store.table("t")

    if start < table.floor:
        with pytest.raises(CompactedError):
            table.sequence_after(start)
        return
    after = table.history[table.sequence_after(start) - table.first_sequence :]
    assert [change.version for change in after] == list(range(max(start, 1) + 1, store.version + 1))


def test_history_is_bounded() -> None:
    """At most twice the limit is kept."""
    store = Store(history_limit=5)
    for number in range(100):
        store.write("t", _obj("a", number))

    assert len(store.table("t").history) <= 10


def test_compaction_forgets() -> None:
    """Older snapshots and resumes fail, the present stays; a table made later knows it too."""
    store = Store()
    store.write("t", _obj("a", 1))
    old = store.version
    store.write("t", _obj("a", 2))
    store.compact()

    with pytest.raises(CompactedError):
        store.table("t").snapshot(old)
    with pytest.raises(CompactedError):
        store.table("late").sequence_after(old)
    assert _values(store, store.version) == {"a": 2}
    assert store.table("t").sequence_after(store.version) == 2


def test_dependents_are_found_by_their_owner() -> None:
    """As long as they are there and name it."""
    store = Store()
    owned = _obj("b", ownerReferences=[{"uid": "uid-a"}])
    store.write("t", owned)

    assert [entry.name for _, entry in store.owned_by("uid-a")] == ["b"]
    store.write("t", _obj("b"))
    assert store.owned_by("uid-a") == []
    store.write("t", owned)
    store.remove("t", owned)
    assert store.owned_by("uid-a") == []


def test_listeners_hear_changes() -> None:
    """Watches of the table are woken and the store's listeners told."""
    store, heard = Store(), []
    store.listeners.append(lambda table, change: heard.append((table.name, change.type, change.entry.name)))
    store.table("t").listeners.add(lambda: heard.append(("t", "woken", "")))
    store.write("t", _obj("a"))
    store.write("t", _obj("a", 1))

    assert heard == [("t", "woken", ""), ("t", "ADDED", "a"), ("t", "woken", ""), ("t", "MODIFIED", "a")]


def test_a_restored_backup_runs_backwards() -> None:
    """Objects and version of the backup, watches ended, history gone."""
    store = Store()
    store.write("t", _obj("a", 1, ownerReferences=[{"uid": "o"}]))
    backup = store.backup()
    table = store.table("t")
    for number in range(5):
        store.write("t", _obj("b", number))
    store.restore(backup)

    assert store.version == backup.version
    assert table.closings == 1
    assert _values(store, store.version) == {"a": 1}
    assert [entry.name for _, entry in store.owned_by("o")] == ["a"]
    store.restore(backup, bump=1000)
    assert store.version == backup.version + 1000
