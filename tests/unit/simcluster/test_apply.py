"""Managers' records and server-side apply."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.simcluster.apply import Manager, record_update, server_side_apply
from fairlead.simcluster.errors import StatusError

UPDATE = Manager("kubectl", "Update", "v1")
FIRST, SECOND = Manager("first", "Apply", "v1"), Manager("second", "Apply", "v1")


def _map(**data: str) -> dict[str, Any]:
    return {"metadata": {"name": "one"}, "data": data}


def _owners(obj: dict[str, Any]) -> dict[str, Any]:
    return {record["manager"]: record["fieldsV1"] for record in obj["metadata"].get("managedFields", ())}


def test_an_update_owns_what_it_changed() -> None:
    """And takes it from whoever owned it; what is gone is nobody's."""
    first = _map(a="1", b="1")
    record_update(None, first, UPDATE, "t1")
    second = {**_map(a="2"), "metadata": dict(first["metadata"])}
    record_update(first, second, Manager("other", "Update", "v1"), "t2")

    assert _owners(first) == {"kubectl": {"f:data": {"f:a": {}, "f:b": {}}}}
    assert _owners(second) == {"other": {"f:data": {"f:a": {}}}}


def test_an_update_that_changes_nothing_keeps_the_records() -> None:
    """Time included."""
    first = _map(a="1")
    record_update(None, first, UPDATE, "t1")
    again = {**_map(a="1"), "metadata": dict(first["metadata"])}
    record_update(first, again, UPDATE, "t2")

    assert again == first


def test_status_has_a_record_of_its_own() -> None:
    """Under the subresource's name."""
    old: dict[str, Any] = {"metadata": {"name": "one"}, "spec": {"a": 1}}
    new = {**old, "metadata": dict(old["metadata"]), "status": {"ok": True}}
    record_update(old, new, Manager("kubelet", "Update", "v1", "status"), "t")

    [record] = new["metadata"]["managedFields"]
    assert (record["subresource"], record["fieldsV1"]) == ("status", {"f:status": {"f:ok": {}}})


def test_apply_refuses_what_others_own() -> None:
    """409 names the managers; the same value is shared instead."""
    live = server_side_apply(None, _map(a="1"), FIRST, force=False, time="t1")
    with pytest.raises(StatusError) as caught:
        server_side_apply(live, _map(a="2"), SECOND, force=False, time="t2")
    shared = server_side_apply(live, _map(a="1"), SECOND, force=False, time="t2")

    assert (caught.value.code, caught.value.reason) == (409, "Conflict")
    assert _owners(shared) == {"first": {"f:data": {"f:a": {}}}, "second": {"f:data": {"f:a": {}}}}


def test_apply_gives_up_what_it_no_longer_says() -> None:
    """A field goes when its last owner lets it go."""
    live = server_side_apply(None, _map(a="1", b="1"), FIRST, force=False, time="t1")
    shared = server_side_apply(live, _map(a="1"), SECOND, force=False, time="t2")
    after = server_side_apply(shared, _map(), FIRST, force=False, time="t3")

    assert after["data"] == {"a": "1"}


def test_apply_merges_keyed_lists() -> None:
    """Items of others stay, dropped ones go."""

    def pod(*names: str) -> dict[str, Any]:
        return {"metadata": {"name": "p"}, "spec": {"containers": [{"name": name, "image": "x"} for name in names]}}

    live = server_side_apply(None, pod("a", "b"), FIRST, force=False, time="t1")
    both = server_side_apply(live, pod("c"), SECOND, force=False, time="t2")
    less = server_side_apply(both, pod("a"), FIRST, force=False, time="t3")

    assert [each["name"] for each in both["spec"]["containers"]] == ["a", "b", "c"]
    assert [each["name"] for each in less["spec"]["containers"]] == ["a", "c"]


def test_repeating_an_apply_changes_nothing() -> None:
    """Not even a time."""
    live = server_side_apply(None, _map(a="1"), FIRST, force=False, time="t1")

    assert server_side_apply(live, _map(a="1"), FIRST, force=False, time="t2") == live


def test_force_takes_fields_over() -> None:
    """From Update managers too."""
    live = _map(a="1", b="1")
    record_update(None, live, UPDATE, "t1")
    with pytest.raises(StatusError, match='conflict with "kubectl" using v1'):
        server_side_apply(live, _map(a="2"), FIRST, force=False, time="t2")
    forced = server_side_apply(live, _map(a="2"), FIRST, force=True, time="t2")

    assert forced["data"] == {"a": "2", "b": "1"}
    assert _owners(forced) == {"kubectl": {"f:data": {"f:b": {}}}, "first": {"f:data": {"f:a": {}}}}
