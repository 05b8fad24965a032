"""Requests that go through, and what the journal hears of writes."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from tests.support.facade_doubles import (
    ACCOUNT,
    MemoryJournal,
    ScriptedTunnel,
    a_request,
    answering,
    whole,
)
from tests.support.services import eventually

from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.core.facade.targets import Target, target_of
from fairlead.gateway.errors import DatabaseUnavailable, TunnelLost, TunnelRefused, TunnelUnavailable
from fairlead.gateway.flows.facade import passthrough as module
from fairlead.gateway.flows.facade.passthrough import Bounds, Passthrough
from fairlead.gateway.ports.facade import FacadeRequest
from fairlead.gateway.ports.tunnel import TunnelAnswer, TunnelRequest

PODS = "/api/v1/namespaces/a/pods"
POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "p", "namespace": "a", "uid": "u", "resourceVersion": "7"},
}
CREATED = answering(201, json.dumps(POD).encode(), Content_Type="application/json")


class Through:
    """A passage with what stands at both its ends."""

    def __init__(self, script: ScriptedTunnel | None = None, bounds: Bounds | None = None) -> None:
        self.tunnel = script or ScriptedTunnel(CREATED)
        self.journal = MemoryJournal()
        self.told: list[tuple[str, Target]] = []
        self.subject = Passthrough(
            self.tunnel, self.journal, bounds or Bounds(), lambda account, target: self.told.append((account, target))
        )

    async def write(self, request: FacadeRequest) -> tuple[int, bytes]:
        """Let a write through; status and body of its answer."""
        async with self.subject.write(request, target(request)) as answer:
            return answer.status, await whole(answer)

    @property
    def ends(self) -> list[tuple[int | None, int | None, bool]]:
        """Status, version and dispatch of each ended write."""
        return [
            (written.status if written else None, written.version if written else None, dispatched)
            for _, written, dispatched in self.journal.finished
        ]


def target(request: FacadeRequest) -> Target:
    """What a request is about."""
    found = target_of(request.method, request.path, watching=bool(request.parameter("watch")))
    assert found is not None
    return found


async def test_a_request_goes_as_it_came() -> None:
    """Path, query and body byte for byte; headers but for those of the connection."""
    through = Through()
    sent = f"{PODS}?fieldManager=a%20b&fieldValidation=Strict&x=%2F"
    request = a_request(
        "POST", sent, body=b'{"a": 1}', content_type="application/json", host="gateway", authorization="x"
    )
    assert await through.write(request) == (201, json.dumps(POD).encode())
    [asked] = through.tunnel.requests

    assert (asked.account, asked.method, asked.target, asked.headers) == (
        ACCOUNT, "POST", sent, (("content-type", "application/json"),),
    )  # fmt: skip
    assert through.tunnel.bodies == [b'{"a": 1}']
    assert asked.id == through.journal.begun[0].id


async def test_an_answer_comes_as_it_went() -> None:
    """Coded bodies stay coded; a redirection stays within the account."""
    packed = gzip.compress(b"list")
    headers = {
        "Content-Encoding": "gzip",
        "Content-Length": str(len(packed)),
        "Location": "/api/v1/x",
        "Connection": "close",
    }
    through = Through(
        ScriptedTunnel(answering(301, packed, **{key.replace("-", "_"): each for key, each in headers.items()}))
    )
    request = a_request("GET", PODS)
    async with through.subject.read(request, target(request)) as answer:
        assert (answer.status, await whole(answer)) == (301, packed)

    assert dict(answer.headers) == {
        "Content-Encoding": "gzip", "Content-Length": str(len(packed)), "Location": f"/accounts/{ACCOUNT}/api/v1/x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "answer_s", "idle_s"),
    [(PODS, 1.0, 3.0), (f"{PODS}?watch=1", 2.0, 0.0), (f"{PODS}/p/log?follow=true", 2.0, 0.0)],
)
async def test_what_lasts_may_be_silent(sent: str, answer_s: float, idle_s: float) -> None:
    """A watch without events and a log without lines are no fault; the answer to a list must go on."""
    through = Through(bounds=Bounds(answer_s=1.0, lasting_answer_s=2.0, idle_s=3.0))
    request = a_request("GET", sent)
    async with through.subject.read(request, target(request)):
        [asked] = through.tunnel.requests

    assert (asked.answer_within_s, asked.idle_s, asked.writes) == (answer_s, idle_s, False)


async def test_the_journal_knows_before_and_after() -> None:
    """Before anything is sent that it will be; before the client has the answer what it did."""
    through = Through()
    request = a_request("POST", PODS, body=b"{}")
    async with through.subject.write(request, target(request)) as answer:
        assert through.ends == [(201, 7, True)]
        await whole(answer)

    assert len(through.journal.begun) == 1
    assert through.ends == [(201, 7, True)]
    assert [account for account, _ in through.told] == [ACCOUNT]


async def test_a_packed_answer_is_understood() -> None:
    """API servers pack large answers for clients that take it."""
    packed = gzip.compress(json.dumps(POD).encode())
    through = Through(ScriptedTunnel(answering(200, packed, Content_Type="application/json", Content_Encoding="gzip")))
    assert await through.write(a_request("PATCH", f"{PODS}/p", body=b"{}")) == (200, packed)

    assert through.ends == [(200, 7, True)]


async def test_a_refused_write_changes_nothing() -> None:
    """The answer is the API server's; nobody is told of a change."""
    through = Through(ScriptedTunnel(answering(409, b'{"kind":"Status"}', Content_Type="application/json")))
    assert (await through.write(a_request("PUT", f"{PODS}/p", body=b"{}")))[0] == 409

    assert through.ends == [(409, None, True)]
    assert through.told == []


@pytest.mark.parametrize(
    ("error", "dispatched"),
    [(TunnelUnavailable("away"), False), (TunnelRefused("no"), False), (TunnelLost("broke"), True)],
)
async def test_the_end_of_a_write_without_answer(error: Exception, dispatched: bool) -> None:
    """Whether it may have taken effect is known."""

    def fail(request: TunnelRequest, sent: bytes) -> TunnelAnswer:
        raise error

    through = Through(ScriptedTunnel(fail))
    with pytest.raises(type(error)):
        await through.write(a_request("POST", PODS, body=b"{}"))

    assert through.ends == [(None, None, dispatched)]


async def test_an_answer_that_breaks_off_is_lost() -> None:
    """The client has seen nothing of it, so it is told that the outcome is unknown."""

    def break_off(request: TunnelRequest, sent: bytes) -> TunnelAnswer:
        async def body() -> object:
            yield b'{"kind"'
            raise TunnelLost("broke")

        return TunnelAnswer(201, (), body())  # type: ignore[arg-type]

    through = Through(ScriptedTunnel(break_off))
    with pytest.raises(TunnelLost):
        await through.write(a_request("POST", PODS, body=b"{}"))

    assert through.ends == [(None, None, True)]


async def test_a_deletion_that_may_be_a_dry_run_tells_nothing_of_its_object() -> None:
    """Its answer looks the same, and lists would wait long for the end of an object that stays."""
    through = Through()
    request = a_request("DELETE", f"{PODS}/p", body=b"dryRun: [All]", content_type="application/yaml")
    assert (await through.write(request))[0] == 201

    assert through.ends == [(201, None, True)]


async def test_without_a_journal_nothing_is_sent() -> None:
    """A write of which nobody would know does not happen."""
    through = Through()
    through.journal.outage.away = True
    with pytest.raises(DatabaseUnavailable):
        await through.write(a_request("POST", PODS, body=b"{}"))

    assert not through.tunnel.requests


async def test_a_refused_login_of_the_agent_is_not_the_clients() -> None:
    """Never 401: it would send people to renew credentials that are right; the journal knows that nothing was done."""
    through = Through(ScriptedTunnel(answering(401, b"{}", Content_Type="application/json")))

    with pytest.raises(Refusal) as refused:
        await through.write(a_request("POST", PODS))
    with pytest.raises(Refusal):
        async with through.subject.read(a_request("GET", PODS), target(a_request("GET", PODS))):
            pass

    assert refused.value.status.code == 503
    assert refused.value.status.retry_after_s
    assert [end[0] for end in through.ends] == [401]
    assert not through.told


async def test_a_client_that_hangs_up_leaves_an_ended_row() -> None:
    """Its write was on its way: the outcome is unknown."""
    through = Through()
    through.tunnel.held = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        work = group.create_task(through.write(a_request("POST", PODS, body=b"{}")))
        await eventually(lambda: bool(through.tunnel.requests))
        work.cancel()

    assert through.ends == [(None, None, True)]
    assert through.tunnel.open == 0


async def test_a_body_that_says_that_it_is_too_large_is_not_begun() -> None:
    """Neither sent nor journalled."""
    through = Through(bounds=Bounds(body_bytes=3))
    with pytest.raises(Refusal, match="limit is 3"):
        await through.write(a_request("POST", PODS, body=b"1234", content_length="4"))

    assert not through.journal.begun
    assert not through.tunnel.requests


async def test_a_body_that_turns_out_too_large_is_broken_off() -> None:
    """The API server never had it whole, so that it changed nothing."""
    through = Through(bounds=Bounds(body_bytes=6))
    with pytest.raises(Refusal, match="limit is 6"):
        await through.write(a_request("POST", PODS, body=b"12345678"))

    assert through.ends == [(None, None, False)]
    assert through.tunnel.open == 0


async def test_a_large_answer_streams_after_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a deleted collection has no measure; what it did in detail stays unknown."""
    monkeypatch.setattr(module, "ANSWER_BYTES", 10)
    body = json.dumps({"kind": "PodList", "items": [POD] * 20}).encode()
    through = Through(ScriptedTunnel(answering(200, body, Content_Type="application/json")))
    assert await through.write(a_request("DELETE", PODS, body=b"{}")) == (200, body)

    assert through.ends == [(200, None, True)]


async def test_many_writes_at_once_have_a_smaller_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits to be looked into is bounded, however many come."""
    monkeypatch.setattr(module, "LARGE_AT_ONCE", 1)
    monkeypatch.setattr(module, "SMALL_ANSWER_BYTES", 10)
    through = Through()
    through.tunnel.held = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(through.write(a_request("POST", PODS, body=b"{}")))
        await eventually(lambda: len(through.tunnel.requests) == 2)
        through.tunnel.held.set()
    assert sorted(version or 0 for _, version, _ in through.ends) == [0, 7]

    await through.write(a_request("POST", PODS, body=b"{}"))
    assert through.ends[-1] == (201, 7, True)


async def test_a_deletion_may_be_a_rehearsal() -> None:
    """Kubectl says so in the body."""
    through = Through(ScriptedTunnel(answering(200, json.dumps(POD).encode(), Content_Type="application/json")))
    await through.write(a_request("DELETE", f"{PODS}/p", body=b'{"dryRun":["All"]}', content_type="application/json"))

    [(_, written, _)] = through.journal.finished
    assert written is not None
    assert written.dry_run
