"""OpenAPI documents, fetched once and kept."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace

import pytest
from tests.support.facade_doubles import (
    ACCOUNT,
    MemoryJournal,
    MemoryShelf,
    ScriptedTunnel,
    a_request,
    answering,
    in_pieces,
    whole,
)
from tests.support.services import eventually

from fairlead.gateway.core.facade.statuses import Refusal, login_refused
from fairlead.gateway.core.facade.targets import Target, Verb
from fairlead.gateway.errors import TunnelLost, TunnelRefused, TunnelUnavailable
from fairlead.gateway.flows.facade import openapi as module
from fairlead.gateway.flows.facade.discovery import DiscoveryDocuments
from fairlead.gateway.flows.facade.openapi import OpenApiDocuments
from fairlead.gateway.flows.facade.passthrough import Bounds, Passthrough
from fairlead.gateway.ports.documents import DISCOVERY, OPENAPI
from fairlead.gateway.ports.facade import FacadeAnswer
from fairlead.gateway.ports.tunnel import TunnelAnswer, TunnelRequest

APPS = "/openapi/v3/apis/apps/v1"
INDEX = b'{"paths":{"apis/apps/v1":{"serverRelativeURL":"/openapi/v3/apis/apps/v1?hash=A"}}}'


def cluster(request: TunnelRequest, sent: bytes) -> TunnelAnswer:
    """An API server with one group version, an index and v2."""
    body, etag = {
        "/openapi/v3": (INDEX, None),
        APPS: (b"schemas of apps", "A"),
        "/openapi/v2": (b"all schemas", "V2"),
    }.get(request.target, (b"", None))
    assert sent == b""
    if not body:
        return TunnelAnswer(404, (), in_pieces(b""))
    if etag and ("if-none-match", f'"{etag}"') in request.headers:
        return TunnelAnswer(304, (("Etag", f'"{etag}"'),), in_pieces(b""))
    headers = (("Content-Type", "application/json"), *((("Etag", f'"{etag}"'),) if etag else ()))
    return TunnelAnswer(200, headers, in_pieces(body))


class Kept:
    """Documents with everything that they stand on."""

    def __init__(self, fresh_s: float = 60.0) -> None:
        self.shelf = MemoryShelf()
        self.shelf.put(DISCOVERY, b'{"items":[]}')
        self.tunnel = ScriptedTunnel(cluster)
        self.discovery = DiscoveryDocuments(self.shelf, 10_000)
        self.fresh_s = fresh_s
        self.restart()

    def restart(self) -> None:
        """Another process, the same database."""
        through = Passthrough(self.tunnel, MemoryJournal(), Bounds(), self.discovery.unsettle)
        self.subject = OpenApiDocuments(self.shelf, through, self.discovery, 10_000, self.fresh_s)

    async def get(self, target: str, **headers: str) -> FacadeAnswer:
        """Ask for a document that there must be."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.subject.answer(replace(a_request("GET", target), headers=named))
        assert answer is not None
        return answer

    @property
    def asked(self) -> int:
        """How often the cluster was asked."""
        return len(self.tunnel.requests)


async def test_a_document_is_fetched_once() -> None:
    """Then it comes from memory, packed for clients that take it so."""
    kept = Kept()
    assert await whole(await kept.get("/openapi/v2?timeout=32s")) == b"all schemas"
    packed = await kept.get("/openapi/v2", accept_encoding="gzip")

    assert gzip.decompress(await whole(packed)) == b"all schemas"
    assert dict(packed.headers)["Content-Encoding"] == "gzip"
    assert kept.asked == 1
    assert kept.tunnel.requests[0].target == "/openapi/v2"
    assert ("accept-encoding", "gzip") in kept.tunnel.requests[0].headers


async def test_media_types_are_kept_apart() -> None:
    """The bytes are not looked into; the cluster is asked for just the one."""
    kept = Kept()
    protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    for accept in (protobuf, "application/json", protobuf):
        await kept.get("/openapi/v2", accept=accept)

    assert [dict(each.headers)["accept"] for each in kept.tunnel.requests] == [protobuf, "application/json"]


async def test_a_client_that_has_it_gets_nothing_twice() -> None:
    """By its ETag, whoever made that."""
    kept = Kept()
    for target in ("/openapi/v2", "/openapi/v3"):
        etag = dict((await kept.get(target)).headers)["ETag"]
        again = await kept.get(target, if_none_match=etag)
        assert (again.status, again.body) == (304, b"")


async def test_time_makes_it_ask_again_and_304_is_enough() -> None:
    """The document stays; nothing is sent that is there."""
    kept = Kept(fresh_s=0.0)
    await kept.get("/openapi/v2")
    assert await whole(await kept.get("/openapi/v2")) == b"all schemas"

    assert kept.asked == 2
    assert ("if-none-match", '"V2"') in kept.tunnel.requests[1].headers


async def test_what_the_cluster_serves_makes_it_ask_again() -> None:
    """A definition that came or went changes schemas; so may one that was written through here just now."""
    kept = Kept()
    await kept.get("/openapi/v2")
    kept.shelf.put(DISCOVERY, b'{"items":[{"metadata":{"name":"new"},"versions":[]}]}')
    await kept.get("/openapi/v2")
    assert kept.asked == 2
    kept.discovery.unsettle(
        ACCOUNT, Target(Verb.PATCH, "apiextensions.k8s.io", "v1", "customresourcedefinitions", name="x")
    )
    await kept.get("/openapi/v2")

    assert kept.asked == 3


async def test_what_came_and_went_makes_it_ask_again() -> None:
    """What was fetched in between may tell of a definition that is gone."""
    kept = Kept()
    await kept.get("/openapi/v2")
    kept.shelf.put(DISCOVERY, b'{"items":[{"metadata":{"name":"brief"},"versions":[]}]}')
    kept.shelf.put(DISCOVERY, b'{"items":[]}')
    await kept.get("/openapi/v2")

    assert kept.asked == 2


async def test_a_state_named_by_its_hash_is_never_asked_for_again() -> None:
    """However old; another hash is, and gets what there is."""
    kept = Kept(fresh_s=0.0)
    first = await kept.get(f"{APPS}?hash=A")
    again = await kept.get(f"{APPS}?hash=A")
    assert kept.asked == 1
    assert "immutable" in dict(first.headers)["Cache-Control"]
    assert await whole(again) == b"schemas of apps"
    other = await kept.get(f"{APPS}?hash=B")

    assert kept.asked == 2
    assert "immutable" not in dict(other.headers)["Cache-Control"]


async def test_it_outlives_the_gateway_and_the_agent() -> None:
    """What is stored is served, however old, with its age."""
    kept = Kept()
    await kept.get("/openapi/v2")
    kept.restart()
    kept.tunnel.away = True
    answer = await kept.get("/openapi/v2")

    assert await whole(answer) == b"all schemas"
    assert "stored=" in dict(answer.headers)["Fairlead-Freshness"]


@pytest.mark.parametrize("error", [TunnelLost("broke"), TunnelRefused("no"), Refusal(login_refused())])
async def test_whatever_is_in_the_way_does_not_take_it_away(error: Exception) -> None:
    """An agent that lost its own credentials is as good as away."""
    kept = Kept(fresh_s=0.0)
    await kept.get("/openapi/v2")

    def fail(request: TunnelRequest, sent: bytes) -> TunnelAnswer:
        raise error

    kept.tunnel.script = fail
    assert await whole(await kept.get("/openapi/v2")) == b"all schemas"


@pytest.mark.parametrize("error", [TunnelUnavailable("away"), TunnelLost("broke")])
async def test_what_was_never_fetched_fails_as_the_tunnel_does(error: Exception) -> None:
    """There is nothing to serve instead."""
    kept = Kept()

    def fail(request: TunnelRequest, sent: bytes) -> TunnelAnswer:
        raise error

    kept.tunnel.script = fail
    with pytest.raises(type(error)):
        await kept.get("/openapi/v2")


async def test_a_cluster_in_trouble_does_not_take_it_away() -> None:
    """A failure of the API server serves the kept one; its word that there is none is passed on."""
    kept = Kept(fresh_s=0.0)
    await kept.get("/openapi/v2")
    for code in (503, 429):
        kept.tunnel.script = answering(code)
        assert await whole(await kept.get("/openapi/v2")) == b"all schemas"
    kept.tunnel.script = answering(404, b"gone")
    answer = await kept.get("/openapi/v2")

    assert (answer.status, await whole(answer)) == (404, b"gone")


async def test_many_who_ask_make_one_request() -> None:
    """The others wait for what it brings."""
    kept = Kept()
    kept.tunnel.held = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(kept.get("/openapi/v2")) for _ in range(20)]
        await eventually(lambda: kept.asked > 0)
        kept.tunnel.held.set()

    assert {await whole(each.result()) for each in asking} == {b"all schemas"}
    assert kept.asked == 1
    assert not kept.subject._flights


async def test_what_the_index_no_longer_names_is_forgotten() -> None:
    """Schemas of groups that are gone do not pile up."""
    kept = Kept()
    kept.shelf.put(OPENAPI, b"old", "/openapi/v3/apis/gone/v1 application/json")
    await kept.get("/openapi/v2")
    await kept.get(APPS)
    await kept.get("/openapi/v3")

    assert sorted(path for _, kind, path in kept.shelf.documents if kind == OPENAPI) == [
        "/openapi/v2 application/json", "/openapi/v3 application/json", f"{APPS} application/json",
    ]  # fmt: skip


async def test_a_database_that_is_away_costs_only_the_keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """The document that was just fetched is served all the same."""
    kept = Kept()
    asked = kept.shelf.keep

    async def away(*arguments: object) -> None:
        kept.shelf.outage.away = True
        await asked(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(kept.shelf, "keep", away)

    assert await whole(await kept.get("/openapi/v2")) == b"all schemas"


async def test_a_small_body_that_becomes_a_large_one_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed, a kilobyte holds a megabyte: what a cluster sends must not fill the memory of all."""
    monkeypatch.setattr(module, "PLAIN_BYTES", 1000)
    kept = Kept()
    kept.tunnel.script = answering(200, gzip.compress(bytes(1001)), Content_Encoding="gzip")
    assert await kept.subject.answer(a_request("GET", "/openapi/v2")) is None
    kept.tunnel.script = answering(200, b"no gzip", Content_Encoding="gzip")
    assert await kept.subject.answer(a_request("GET", "/openapi/v2")) is None

    assert not [kind for _, kind, _ in kept.shelf.documents if kind == OPENAPI]


async def test_an_agent_that_hangs_does_not_hold_up_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client waits a moment for the newest; then nobody does for a while."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    kept = Kept()
    await kept.get("/openapi/v2")
    kept.shelf.put(DISCOVERY, b'{"items":[{"metadata":{"name":"new"},"versions":[]}]}')
    kept.tunnel.held = asyncio.Event()
    for _ in range(3):
        assert await whole(await kept.get("/openapi/v2")) == b"all schemas"

    assert kept.asked == 2
    assert kept.tunnel.open == 0


async def test_documents_are_held_before_anybody_asks() -> None:
    """The forms that kubectl asks for; what is there in the state that the index names is not fetched again."""
    kept = Kept()
    await kept.subject.hold(ACCOUNT)
    asked = [(each.target, dict(each.headers)["accept"]) for each in kept.tunnel.requests]
    protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    assert asked == [("/openapi/v2", protobuf), ("/openapi/v3", "application/json"), (APPS, "application/json")]
    kept.restart()
    await kept.subject.hold(ACCOUNT)
    assert [each.target for each in kept.tunnel.requests[3:]] == ["/openapi/v2", "/openapi/v3"]
    kept.tunnel.away = True

    assert await whole(await kept.get(f"{APPS}?hash=A")) == b"schemas of apps"


async def test_a_cluster_without_a_document_has_the_others_held() -> None:
    """Old ones have no v3."""
    kept = Kept()
    kept.tunnel.script = answering(404)
    await kept.subject.hold(ACCOUNT)

    assert [each.target for each in kept.tunnel.requests] == ["/openapi/v2", "/openapi/v3"]


async def test_a_document_without_measure_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes through; so does a media type that is not known."""
    monkeypatch.setattr(module, "DOCUMENT_BYTES", 5)
    kept = Kept()

    assert await kept.subject.answer(a_request("GET", "/openapi/v2")) is None
    assert await kept.subject.answer(a_request("GET", "/openapi/v2", accept="text/html")) is None
    assert not [kind for _, kind, _ in kept.shelf.documents if kind == OPENAPI]
