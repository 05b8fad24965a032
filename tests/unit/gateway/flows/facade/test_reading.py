"""LIST out of the mirror: who answers, and with what."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.listing_clients import Desk, desk, document
from tests.support.mirror_data import (
    ACCOUNT,
    CLAIM,
    OTHER_CLUSTER,
    PODS,
    batch,
    delete,
    inventory,
    part,
    request,
    source,
    upsert,
)
from tests.support.mirror_store import MemoryMirror
from tests.support.mirror_writer import Writer

from fairlead.contracts.identity import Resource
from fairlead.gateway.core.claims import AccountClaim
from fairlead.gateway.core.facade.cursors import Cursor
from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.core.states import ResourceState, StateReport
from fairlead.gateway.core.views import StoredObject
from fairlead.gateway.errors import CursorExpired, UnknownAccount
from fairlead.gateway.ports.listing import Room

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
OTHER_CLAIM = AccountClaim(ACCOUNT, OTHER_CLUSTER)
PROTOBUF = "application/vnd.kubernetes.protobuf"


@pytest.fixture
async def mirror() -> MemoryMirror:
    """A mirror in which the account is claimed."""
    memory = MemoryMirror()
    await memory.claim_account(CLAIM, zone="zone", agent="agent")
    return memory


@pytest.fixture
async def reader(mirror: MemoryMirror) -> AsyncIterator[Desk]:
    """A desk over it."""
    async with desk(mirror) as opened:
        yield opened


async def filled(mirror: MemoryMirror, *names: str) -> Writer:
    """A complete reflector with these pods."""
    writer = await Writer.open(mirror)
    events = [upsert(name, number, labels={"app": name[:3]}) for number, name in enumerate(names, 10)]
    await writer.send(*events, checkpoint=50)
    return writer


def row(mirror: MemoryMirror, name: str) -> StoredObject:
    """A row as it is stored."""
    return next(row for held in mirror.tables.reflectors.values() for row in held.rows.values() if row.key.name == name)


async def refused(reader: Desk, **query: Any) -> tuple[int, str]:
    """Code and reason of a refusal."""
    with pytest.raises(Refusal) as refusal:
        await reader.ask(**query)
    return refusal.value.status.code, refusal.value.status.reason


async def test_a_list_shows_the_rows_as_they_are(mirror: MemoryMirror, reader: Desk) -> None:
    """Bodies byte for byte in the order of their keys, kind and version of a list, and a header that tells their age."""
    await filled(mirror, "web-2", "web-1", "dbs-1")
    answer = await reader.ask()
    assert answer is not None
    assert (answer.status, dict(answer.headers)["Content-Type"]) == (200, "application/json")
    assert dict(answer.headers)["Fairlead-Freshness"].startswith("source=store; state=listing; age=")
    assert not isinstance(answer.body, bytes)
    text = b"".join([piece async for piece in answer.body])
    assert all(row(mirror, name).body in text for name in ("web-1", "web-2", "dbs-1"))
    listed = await reader.listed()
    assert (listed["kind"], listed["apiVersion"]) == ("PodList", "v1")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["dbs-1", "web-1", "web-2"]
    assert reader.gate.asked == [(ACCOUNT, "", "pods", "")] * 2


async def test_an_empty_list_is_a_list(mirror: MemoryMirror, reader: Desk) -> None:
    """Nothing there is an answer too, once the first list is complete."""
    await filled(mirror)
    assert (await reader.listed())["items"] == []
    assert await reader.names("/api/v1/namespaces/none/pods") == []


async def test_selectors_select(mirror: MemoryMirror, reader: Desk) -> None:
    """Labels in SQL's place, names by key, fields by a look into bodies."""
    await filled(mirror, "web-1", "web-2", "dbs-1")
    assert await reader.names(labelSelector="app in (web)") == ["web-1", "web-2"]
    assert await reader.names(fieldSelector="metadata.name=web-2") == ["web-2"]
    assert await reader.names(fieldSelector="metadata.name!=web-2", labelSelector="app=web") == ["web-1"]
    assert await reader.names(fieldSelector="status.phase=Running") == []
    assert await reader.names(fieldSelector="status.phase!=Running", limit=2) == ["dbs-1", "web-1"]


async def test_pages_go_on_from_tokens(mirror: MemoryMirror, reader: Desk) -> None:
    """All objects once, and every page has the version of the first, though things change meanwhile."""
    writer = await filled(mirror, *(f"web-{number}" for number in range(7)))
    page = await reader.listed(limit=3)
    names = [item["metadata"]["name"] for item in page["items"]]
    version, pages = page["metadata"]["resourceVersion"], 1
    while token := page["metadata"].get("continue"):
        await writer.send(upsert("web-0", 100 + pages), checkpoint=100 + pages)
        page = await reader.listed(**{"limit": 3, "continue": token})
        assert page["metadata"]["resourceVersion"] == version
        names += [item["metadata"]["name"] for item in page["items"]]
        pages += 1
    assert (names, pages) == ([f"web-{number}" for number in range(7)], 3)
    assert len(reader.gate.asked) == 1


async def test_pages_with_fields_end_where_their_items_end(mirror: MemoryMirror, reader: Desk) -> None:
    """A limit counts what is shown, not what is read."""
    await filled(mirror, *(f"web-{number}" for number in range(5)))
    first = await reader.listed(limit=2, fieldSelector="status.phase!=Failed")
    rest = await reader.listed(**{"continue": first["metadata"]["continue"], "fieldSelector": "status.phase!=Failed"})
    assert [len(page["items"]) for page in (first, rest)] == [2, 3]
    assert "continue" not in rest["metadata"]


async def test_tokens_expire_with_what_they_go_on_from(mirror: MemoryMirror, reader: Desk) -> None:
    """A forgotten deletion might be missed; and a token of another account, or of none, is no place."""
    writer = await filled(mirror, "web-1", "web-2", "web-3")
    token = (await reader.listed(limit=1))["metadata"]["continue"]
    await writer.send(delete("web-3", 60), checkpoint=60)
    assert (await reader.listed(**{"continue": token}))["items"]
    await mirror.collect_garbage(datetime.now(UTC) + timedelta(days=1))
    assert await refused(reader, **{"continue": token}) == (410, "Expired")
    assert await refused(reader, **{"continue": "fairlead.x"}) == (400, "BadRequest")
    assert await reader.ask(**{"continue": "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"}) is None


async def test_versions_of_lists(mirror: MemoryMirror, reader: Desk) -> None:
    """Exact as long as nothing happened, 410 for what is past, 504 for what is to come, the cluster for what it knows better."""
    writer = await filled(mirror, "web-1")
    ours = (await reader.listed())["metadata"]["resourceVersion"]
    assert (await reader.listed(resourceVersion=ours, resourceVersionMatch="Exact"))["metadata"][
        "resourceVersion"
    ] == ours
    assert (await reader.listed(resourceVersion=ours))["metadata"]["resourceVersion"] == ours
    await writer.send(upsert("web-2", 60), checkpoint=60)
    assert await refused(reader, resourceVersion=ours, resourceVersionMatch="Exact") == (410, "Expired")
    newer = (await reader.listed(resourceVersion=ours))["metadata"]["resourceVersion"]
    assert int(newer) > int(ours)
    nonce = mirror.tables.nonces[ACCOUNT]
    assert await refused(reader, resourceVersion=Cursor(nonce, 10**6)) == (504, "Timeout")
    assert await refused(reader, resourceVersion=Cursor((nonce + 1) % 2**48, 1)) == (410, "Expired")
    assert await reader.names(resourceVersion=60) == ["web-1", "web-2"]
    assert await reader.ask(resourceVersion=61) is None
    assert await refused(reader, resourceVersion=60, resourceVersionMatch="Exact") == (410, "Expired")


async def test_the_first_list_must_be_complete(mirror: MemoryMirror, reader: Desk) -> None:
    """Rows that are only some of them are no list; nor are those of another version of the kind."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web-1", 10))
    assert await reader.ask() is None
    await writer.send(upsert("web-2", 11), checkpoint=11)
    assert await reader.names() == ["web-1", "web-2"]
    assert await reader.ask("/apis/apps/v1/deployments") is None
    assert await reader.ask("/api/v2/pods") is None


async def test_a_namespace_of_an_account_that_is_limited_to_some(mirror: MemoryMirror, reader: Desk) -> None:
    """Its own reflector answers for it; what all namespaces hold nobody here knows."""
    opened = await mirror.open_session(request(namespace="shop"))
    origin = source(opened, namespace="shop")
    await mirror.commit(
        [batch(origin, [part(1, upsert("web", 10), checkpoint=20, inventory=inventory(20, [("web", "u1", 10)]))])]
    )
    assert await reader.names("/api/v1/namespaces/shop/pods") == ["web"]
    assert await reader.ask("/api/v1/namespaces/other/pods") is None
    assert await reader.ask() is None


async def test_writes_are_waited_for(mirror: MemoryMirror, reader: Desk) -> None:
    """While the mirror lacks a write of the caller's the cluster answers; a client that goes on from a cursor starts anew."""
    await filled(mirror, "web-1", "web-2")
    token = (await reader.listed(limit=1))["metadata"]["continue"]
    reader.gate.open = False
    assert await reader.ask() is None
    assert await reader.ask(resourceVersion=0) is None
    assert await reader.ask(watch=True) is None
    assert (await reader.listed(**{"continue": token}))["items"]


@pytest.mark.parametrize("query", [
    {"fieldSelector": "spec.containers=x"}, {"labelSelector": "a in b"}, {"limit": "x"}, {"accept": PROTOBUF},
    {"accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}, {"path": "/api/v1/secrets"},
    {"path": "/api/v1/namespaces/a\0b/pods"}, {"path": "/api/v1/po\0ds"},
])  # fmt: skip
async def test_what_rows_cannot_say_is_left_to_the_cluster(
    mirror: MemoryMirror, reader: Desk, query: dict[str, str]
) -> None:
    """It answers, or says what is wrong; but a client that goes on from here has to begin anew."""
    await filled(mirror, "web-1")
    assert await reader.ask(**query) is None
    ours = Cursor(mirror.tables.nonces[ACCOUNT], 1)
    assert await refused(reader, **query, resourceVersion=ours) == (410, "Expired")


async def test_withheld_rows_make_a_list_live(mirror: MemoryMirror, reader: Desk) -> None:
    """A list without them would tell that they are gone; where they are not asked for they do not matter."""
    writer = await filled(mirror, "web-1")
    await writer.send(upsert("web-2", 60, object=b"", withheld="too large"), checkpoint=60)
    assert await reader.ask() is None
    assert await reader.ask(limit=1) is None
    assert await reader.ask(watch=True) is None
    assert await reader.names(fieldSelector="metadata.name=web-1") == ["web-1"]


@pytest.mark.parametrize("selector", ["app=web", "app=other", "!app"])
async def test_withheld_rows_may_have_any_labels(mirror: MemoryMirror, reader: Desk, selector: str) -> None:
    """Their labels went with their bodies: a list by labels that left them out would tell that they are gone."""
    writer = await filled(mirror, "web-1")
    await writer.send(upsert("web-2", 60, object=b"", withheld="too large"), checkpoint=60)
    assert await reader.ask(labelSelector=selector) is None
    assert await reader.ask(labelSelector=selector, watch=True) is None


async def test_redacted_config_maps_are_live_and_redacted_pods_are_not(mirror: MemoryMirror, reader: Desk) -> None:
    """Clouddriver writes new versions of ConfigMaps from what it reads."""
    writer = await filled(mirror, "web-1")
    await writer.send(upsert("web-2", 60, redacted=True), checkpoint=60)
    assert await reader.names() == ["web-1", "web-2"]
    maps = await mirror.open_session(request(resource=CONFIG_MAPS))
    origin = source(maps, resource=CONFIG_MAPS)
    await mirror.commit([batch(origin, [part(1, upsert("plain", 10), checkpoint=10)])])
    assert await reader.names("/api/v1/configmaps") == ["plain"]
    await mirror.commit([batch(origin, [part(2, upsert("secret", 11, redacted=True), checkpoint=11)])])
    assert await reader.ask("/api/v1/configmaps") is None


@pytest.mark.parametrize("query", [{}, {"labelSelector": "app=web"}])
async def test_a_row_that_becomes_hidden_breaks_a_list_off(
    mirror: MemoryMirror, reader: Desk, small_pages: None, query: dict[str, str]
) -> None:
    """What was sent is not the whole, and nobody can take it for it."""
    writer = await filled(mirror, "web-1", "web-2", "web-3")
    answer = await reader.ask(**query)
    assert answer is not None
    assert not isinstance(answer.body, bytes)
    assert await anext(answer.body)
    await writer.send(upsert("web-3", 60, object=b"", withheld="too large"), checkpoint=60)
    with pytest.raises(Exception, match="must not be shown"):
        _ = [piece async for piece in answer.body]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of one row."""
    monkeypatch.setattr("fairlead.gateway.flows.facade.lists.ROOM", Room(rows=1))


@pytest.mark.parametrize("what", ["accept", "close all"])
async def test_rows_that_are_taken_away_break_a_list_off(
    mirror: MemoryMirror, reader: Desk, small_pages: None, what: str
) -> None:
    """Another cluster's account, a restored database: the rest would look as if objects were gone."""
    await filled(mirror, "web-1", "web-2", "web-3")
    answer = await reader.ask()
    assert answer is not None
    assert not isinstance(answer.body, bytes)
    assert await anext(answer.body)
    if what == "accept":
        await mirror.claim_account(OTHER_CLAIM, zone="zone", agent="other")
        await mirror.accept_cluster(ACCOUNT)
    else:
        await mirror.close_sessions(CloseReason.RESTORED)
    with pytest.raises(CursorExpired):
        _ = [piece async for piece in answer.body]


async def test_lists_of_stale_rows(mirror: MemoryMirror, reader: Desk) -> None:
    """For a while they are served; then nobody answers while the agent is away, and the cluster while it is there."""
    await filled(mirror, "web-1")
    since = datetime.now(UTC)
    await mirror.mark_stale([ACCOUNT], since - timedelta(seconds=290), "away")
    answer = await reader.ask()
    assert answer is not None
    assert "state=stale" in dict(answer.headers)["Fairlead-Freshness"]
    held = next(iter(mirror.tables.reflectors.values()))
    held.lost = since - timedelta(seconds=310), "away"
    assert await refused(reader) == (503, "ServiceUnavailable")
    await mirror.record_states([StateReport(ACCOUNT, PODS, "", ResourceState.STALE, since - timedelta(seconds=310))])
    assert await reader.ask() is None
    for state in (ResourceState.REFUSED, ResourceState.GONE):
        await mirror.record_states([StateReport(ACCOUNT, PODS, "", state, since)])
        assert await reader.ask() is None


async def test_namespaces_are_told_however_old(mirror: MemoryMirror, reader: Desk) -> None:
    """Clouddriver takes a failure for an empty list."""
    opened = await mirror.open_session(request(resource=NAMESPACES))
    event = upsert("shop", 10, namespace="")
    await mirror.commit([batch(source(opened, resource=NAMESPACES), [part(1, event, checkpoint=10)])])
    for state in ResourceState:
        await mirror.record_states([StateReport(ACCOUNT, NAMESPACES, "", state, datetime(2020, 1, 1, tzinfo=UTC))])
        assert await reader.names("/api/v1/namespaces") == ["shop"]


async def test_metadata_alone(mirror: MemoryMirror, reader: Desk) -> None:
    """Of each object its metadata, in a list of its own kind."""
    await filled(mirror, "web-1", "web-2")
    form = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    answer = await reader.ask(accept=f"{PROTOBUF};{form[17:]},{form},application/json")
    assert answer is not None
    listed = await document(answer)
    assert listed["kind"] == "PartialObjectMetadataList"
    assert [(item["kind"], item["metadata"]["name"]) for item in listed["items"]] == [
        ("PartialObjectMetadata", "web-1"),
        ("PartialObjectMetadata", "web-2"),
    ]


async def test_tables_are_made_page_by_page(mirror: MemoryMirror, small_pages: None) -> None:
    """Columns stand once, rows of all pages behind them; what the renderer cannot make is the cluster's."""
    await filled(mirror, "web-1", "web-2")
    accept = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"
    asked = []

    def render(group: str, plural: str, bodies: Sequence[bytes], include: str) -> bytes | None:
        asked.append((group, plural, include))
        rows = [{"cells": [json.loads(body)["metadata"]["name"]]} for body in bodies]
        return json.dumps({"columnDefinitions": [{"name": "Name"}], "rows": rows}).encode()

    async with desk(mirror, tables=render) as reader:
        answer = await reader.ask(accept=accept, includeObject="None")
        assert answer is not None
        table = await document(answer)
    assert (table["kind"], table["columnDefinitions"]) == ("Table", [{"name": "Name"}])
    assert [each["cells"] for each in table["rows"]] == [["web-1"], ["web-2"]]
    assert set(asked) == {("", "pods", "None")}
    async with desk(mirror, tables=lambda *_: None) as reader:
        assert await reader.ask(accept=accept) is None


async def test_an_unknown_account_is_said_to_be_one(reader: Desk, mirror: MemoryMirror) -> None:
    """Whoever asks decides what that means."""
    mirror.tables.accounts.clear()
    with pytest.raises(UnknownAccount):
        await reader.ask()
