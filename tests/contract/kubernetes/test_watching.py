"""WATCH: order, resume, bookmarks, ends."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.kubernetes.client import Api

WATCH_LIST = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}


async def test_changes_come_in_order_with_growing_versions(api: Api) -> None:
    """ADDED, MODIFIED, DELETED of one object, each whole and with its own version."""
    version = await api.version()
    async with api.watch(api.core("configmaps"), resourceVersion=version, labelSelector="t=1") as watch:
        await api.config_map("one", {"t": "1"}, a="1")
        await api.patch(api.core("configmaps", "one"), {"data": {"a": "2"}})
        await api.delete(api.core("configmaps", "one"))
        events: list[dict[str, Any]] = [event for _ in range(3) if (event := await watch.next())]

    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert [event["object"]["data"]["a"] for event in events] == ["1", "2", "2"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert versions[0] > int(version)
    assert {event["object"]["kind"] for event in events} == {"ConfigMap"}
    assert list(events[0]["object"])[:3] == ["kind", "apiVersion", "metadata"]


async def test_a_watch_resumes_after_a_version(api: Api) -> None:
    """Everything newer than the version comes, nothing else."""
    first = await api.config_map("a")
    await api.config_map("b")
    await api.delete(api.core("configmaps", "a"))
    version = first["metadata"]["resourceVersion"]
    async with api.watch(api.core("configmaps"), resourceVersion=version, labelSelector="!x") as watch:
        events = await _named(watch, 2)

    assert events == [("ADDED", "b"), ("DELETED", "a")]


async def _named(watch: Any, count: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    while len(found) < count:
        [event] = await watch.take(1)
        if event[1] != "kube-root-ca.crt":
            found.append(event)
    return found


async def test_the_version_of_a_delete_may_be_resumed_from(api: Api) -> None:
    """After a delete's version nothing of that object comes again."""
    await api.config_map("a")
    version = await api.version()
    async with api.watch(api.core("configmaps"), resourceVersion=version) as watch:
        await api.delete(api.core("configmaps", "a"))
        deleted = await watch.until("DELETED")
    resumed = deleted["object"]["metadata"]["resourceVersion"]
    async with api.watch(api.core("configmaps"), resourceVersion=resumed) as watch:
        await api.config_map("b")
        assert await _named(watch, 1) == [("ADDED", "b")]


@pytest.mark.parametrize("version", ["", "0"])
async def test_a_watch_without_a_version_begins_with_what_is_there(api: Api, version: str) -> None:
    """Synthetic ADDED events, then changes."""
    await api.config_map("a")
    await api.config_map("b")
    params = {"resourceVersion": version} if version else {}
    async with api.watch(api.core("configmaps"), fieldSelector="metadata.name!=kube-root-ca.crt", **params) as watch:
        assert sorted(await watch.take(2)) == [("ADDED", "a"), ("ADDED", "b")]
        await api.delete(api.core("configmaps", "a"))
        assert await watch.take(1) == [("DELETED", "a")]


async def test_watch_list_ends_its_initial_events_with_a_bookmark(api: Api) -> None:
    """ADDED of everything, the annotated BOOKMARK, then live events with greater versions."""
    await api.config_map("a", {"t": "1"})
    await api.config_map("b", {"t": "1"})
    async with api.watch(api.core("configmaps"), labelSelector="t=1", **WATCH_LIST) as watch:
        assert sorted(await watch.take(2)) == [("ADDED", "a"), ("ADDED", "b")]
        bookmark = await watch.next()
        await api.config_map("c", {"t": "1"})
        live = await watch.until("ADDED")

    assert bookmark is not None
    assert bookmark["type"] == "BOOKMARK"
    metadata = bookmark["object"]["metadata"]
    assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert (bookmark["object"]["kind"], bookmark["object"]["apiVersion"]) == ("ConfigMap", "v1")
    assert int(live["object"]["metadata"]["resourceVersion"]) > int(metadata["resourceVersion"])


async def test_watch_list_of_nothing_ends_at_once(api: Api) -> None:
    """An empty collection gives just the bookmark."""
    async with api.watch(api.core("secrets"), **WATCH_LIST) as watch:
        bookmark = await watch.next()

    assert bookmark is not None
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_watch_list_without_bookmarks_never_tells_the_end(api: Api) -> None:
    """Without allowWatchBookmarks there is no end of the initial events."""
    await api.config_map("a", {"t": "1"})
    options = {**WATCH_LIST, "allowWatchBookmarks": "false"}
    async with api.watch(api.core("configmaps"), labelSelector="t=1", timeoutSeconds="2", **options) as watch:
        events = await watch.rest()

    assert [event["type"] for event in events] == ["ADDED"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sendInitialEvents": "true"}, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        ({"sendInitialEvents": "true", "resourceVersionMatch": "Exact"}, 'supported values: "NotOlderThan"'),
        ({"resourceVersionMatch": "NotOlderThan"}, "forbidden for watch unless sendInitialEvents is provided"),
    ],
)
async def test_watch_list_has_rules(api: Api, params: dict[str, str], message: str) -> None:
    """422 before the stream."""
    answer = await api.get(api.core("configmaps"), watch="1", **params)

    assert answer.failure[:2] == (422, "Invalid")
    assert message in answer.failure[2]


async def test_a_selected_object_that_leaves_is_deleted(api: Api) -> None:
    """Leaving the selector is DELETED with the last selected state under the new version; coming back is ADDED."""
    version = await api.version()
    async with api.watch(api.core("configmaps"), resourceVersion=version, labelSelector="in=yes") as watch:
        await api.config_map("a", {"in": "yes"})
        left = (await api.patch(api.core("configmaps", "a"), {"metadata": {"labels": {"in": "no"}}})).json
        await api.patch(api.core("configmaps", "a"), {"metadata": {"labels": {"in": "yes"}}})
        events: list[dict[str, Any]] = [event for _ in range(3) if (event := await watch.next())]

    assert [event["type"] for event in events] == ["ADDED", "DELETED", "ADDED"]
    gone = events[1]["object"]["metadata"]
    assert gone["labels"] == {"in": "yes"}
    assert gone["resourceVersion"] == left["metadata"]["resourceVersion"]


async def test_a_watch_ends_in_time_after_a_bookmark(api: Api) -> None:
    """The stream ends cleanly at timeoutSeconds, and a bookmark tells how far it came."""
    await api.config_map("a", {"t": "1"})
    version = await api.version()
    async with api.watch(
        api.core("configmaps"), resourceVersion=version, allowWatchBookmarks="true", timeoutSeconds="4"
    ) as watch:
        await api.config_map("b", {"t": "2"})
        events = await watch.rest()

    types = [event["type"] for event in events]
    assert "BOOKMARK" in types
    bookmark = next(event for event in events if event["type"] == "BOOKMARK")
    assert set(bookmark["object"]) == {"kind", "apiVersion", "metadata"}
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) > int(version)


async def test_an_old_version_is_told_inside_the_stream(api: Api) -> None:
    """200, then one ERROR event with a Status 410 Expired, then the end."""
    first = await api.config_map("a")
    await api.config_map("b")
    await api.config_map("c")
    await api.compact()
    async with api.watch(
        api.core("configmaps"), resourceVersion=first["metadata"]["resourceVersion"], timeoutSeconds="5"
    ) as watch:
        assert watch.response.status == 200
        events = await watch.rest()

    [event] = events
    assert event["type"] == "ERROR"
    status = event["object"]
    assert (status["kind"], status["reason"], status["code"]) == ("Status", "Expired", 410)


async def test_a_watch_from_the_future_waits(api: Api) -> None:
    """No error, no events, a clean end."""
    async with api.watch(api.core("configmaps"), resourceVersion="99999999999", timeoutSeconds="1") as watch:
        assert watch.response.status == 200
        assert await watch.rest() == []


async def test_a_version_that_is_no_number_fails(api: Api) -> None:
    """500 without a reason, as the server has it."""
    answer = await api.get(api.core("configmaps"), watch="1", resourceVersion="abc")

    assert answer.code == 500
    assert 'resourceVersion: Invalid value: "abc"' in answer.failure[2]


async def test_one_watch_covers_all_namespaces(api: Api) -> None:
    """A cluster-wide watch sees the namespace's objects."""
    version = await api.version()
    async with api.watch("/api/v1/configmaps", resourceVersion=version, labelSelector="wide=yes") as watch:
        await api.config_map("a", {"wide": "yes"})
        event = await watch.until("ADDED")

    assert event["object"]["metadata"]["namespace"] == api.namespace
