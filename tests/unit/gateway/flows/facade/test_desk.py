"""The desk: each request finds who answers it, each failure its Status."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.support.facade_doubles import (
    ACCOUNT,
    MemoryJournal,
    MemoryShelf,
    ScriptedStore,
    ScriptedTunnel,
    a_request,
    answering,
    whole,
)

from fairlead.gateway.core.facade.admission import Admission
from fairlead.gateway.core.facade.cursors import Cursor
from fairlead.gateway.core.facade.statuses import NOT_SENT, OUTCOME_UNKNOWN
from fairlead.gateway.core.tokens import Grant, Kind, Verb
from fairlead.gateway.errors import (
    CursorExpired,
    DatabaseUnavailable,
    TunnelLost,
    TunnelRefused,
    TunnelUnavailable,
    UnknownAccount,
)
from fairlead.gateway.flows.facade import desk
from fairlead.gateway.flows.facade.desk import FacadeDesk
from fairlead.gateway.flows.facade.discovery import DiscoveryDocuments
from fairlead.gateway.flows.facade.openapi import OpenApiDocuments
from fairlead.gateway.flows.facade.passthrough import Bounds, Passthrough
from fairlead.gateway.ports.documents import DISCOVERY
from fairlead.gateway.ports.facade import FacadeAnswer, FacadeRequest
from fairlead.gateway.ports.tunnel import TunnelAnswer, TunnelRequest

PODS, POD = "/api/v1/namespaces/a/pods", "/api/v1/namespaces/a/pods/p"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
READER = Grant("reader", Kind.FACADE, ("shop",), frozenset({Verb.READ}))
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Front:
    """A desk with everything behind it."""

    def __init__(self, short: int = 5, lasting: int = 5) -> None:
        self.shelf = MemoryShelf()
        self.shelf.put(DISCOVERY, b'{"items":[]}')
        self.tunnel = ScriptedTunnel(answering(200, b"live"))
        self.store = ScriptedStore()
        self.journal = MemoryJournal()
        self.known_away = False
        discovery = DiscoveryDocuments(self.shelf, 10_000)
        cluster = Passthrough(self.tunnel, self.journal, Bounds(), discovery.unsettle)
        openapi = OpenApiDocuments(self.shelf, cluster, discovery, 10_000, 60.0)
        self.desk = FacadeDesk(
            self.shelf, discovery, openapi, self.store, cluster, Admission(short, lasting), lambda: self.known_away
        )

    async def ask(self, request: FacadeRequest) -> tuple[int, bytes]:
        """Status and body of the answer."""
        async with self.desk.serve(request) as answer:
            return answer.status, await whole(answer)

    async def refusal(self, request: FacadeRequest) -> tuple[int, str, str]:
        """Code, reason and message of the Status that the answer must be."""
        async with self.desk.serve(request) as answer:
            document = json.loads(await whole(answer))
        assert document["code"] == answer.status
        return answer.status, document["reason"], document["message"]

    def fails(self, error: Exception) -> None:
        """Let the tunnel fail."""

        def fail(request: TunnelRequest, sent: bytes) -> TunnelAnswer:
            raise error

        self.tunnel.script = fail


@pytest.fixture
def front() -> Front:
    """A desk of the test's own."""
    return Front()


async def test_discovery_does_not_ask_the_cluster(front: Front) -> None:
    """Nor does it depend on an agent."""
    front.tunnel.away = True
    assert (await front.ask(a_request("GET", "/apis")))[0] == 200

    assert not front.tunnel.requests


async def test_discovery_is_live_after_definitions_were_written(front: Front) -> None:
    """As long as the agent may not have told of it; without an agent what is stored serves."""
    await front.ask(a_request("POST", DEFINITIONS, body=b"{}"))
    assert await front.ask(a_request("GET", "/apis")) == (200, b"live")
    front.tunnel.away = True
    status, body = await front.ask(a_request("GET", "/apis"))

    assert (status, json.loads(body)["kind"]) == (200, "APIGroupList")


async def test_discovery_does_not_wait_for_an_agent_that_hangs(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live is better, stored is good enough: every kubectl waits for discovery."""
    monkeypatch.setattr(desk, "PATIENCE_S", 0.05)
    await front.ask(a_request("POST", DEFINITIONS, body=b"{}"))
    front.tunnel.held = asyncio.Event()
    status, body = await front.ask(a_request("GET", "/apis"))

    assert (status, json.loads(body)["kind"]) == (200, "APIGroupList")
    assert front.tunnel.open == 0


async def test_schemas_are_kept(front: Front) -> None:
    """Asked for once."""
    for _ in range(2):
        assert await front.ask(a_request("GET", "/openapi/v2")) == (200, b"live")

    assert len(front.tunnel.requests) == 1


async def test_lists_come_from_the_store_or_else_the_cluster(front: Front) -> None:
    """What the store cannot say, the cluster does."""
    front.store.found = FacadeAnswer(200, (), b"stored")
    assert await front.ask(a_request("GET", PODS)) == (200, b"stored")
    front.store.found = None
    assert await front.ask(a_request("GET", PODS)) == (200, b"live")
    assert await front.ask(a_request("GET", PODS, kubectl_command="kubectl delete")) == (200, b"live")

    assert len(front.store.asked) == 2


@pytest.mark.parametrize(
    ("flag", "verb"), [("", "list"), ("?watch", "watch"), ("?watch=true", "watch"), ("?watch=false", "list")]
)
async def test_a_flag_makes_a_watch(front: Front, flag: str, verb: str) -> None:
    """A flag without a value too."""
    front.store.found = FacadeAnswer(200, (), b"stored")
    await front.ask(a_request("GET", PODS + flag))

    assert [each.verb for each in front.store.asked] == [verb]


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", POD), ("GET", f"{POD}/log"), ("GET", "/healthz"), ("GET", "/apis/metrics.k8s.io/v1beta1/pods/p"),
     ("POST", PODS), ("PUT", POD), ("PATCH", f"{POD}/status"), ("DELETE", POD), ("DELETE", PODS)],
)  # fmt: skip
async def test_the_rest_is_live(front: Front, method: str, target: str) -> None:
    """And a write has its line in the journal, and nothing else has."""
    assert await front.ask(a_request(method, target, body=None if method == "GET" else b"{}")) == (200, b"live")

    assert len(front.journal.finished) == (method != "GET")
    assert not front.store.asked


@pytest.mark.parametrize(
    "query", ["watch=1&resourceVersion={}", "resourceVersion={}", "resourceVersionMatch=Exact&resourceVersion={}"]
)
async def test_a_cursor_of_the_mirror_is_not_for_the_cluster(front: Front, query: str) -> None:
    """Its number would mean nothing there; the client begins anew, and gets all of it from one source."""
    target = f"{PODS}?{query.format(Cursor(7, 1))}"
    code, reason, _ = await front.refusal(a_request("GET", target, fairlead_read="live"))
    assert (code, reason) == (410, "Expired")
    assert not front.tunnel.requests

    assert await front.ask(a_request("GET", target.replace(str(Cursor(7, 1)), "12"), fairlead_read="live")) == (
        200,
        b"live",
    )


async def test_streams_end_with_their_client(front: Front) -> None:
    """Whatever stands behind an answer is left when the desk is: an exchange, a stream of the store."""
    closed = asyncio.Event()

    async def stream() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"line"
        finally:
            closed.set()

    front.store.found = FacadeAnswer(200, (), stream())
    async with front.desk.serve(a_request("GET", f"{PODS}?watch=1")) as answer:
        assert not isinstance(answer.body, bytes)
        assert await anext(answer.body) == b"line"
    assert closed.is_set()
    async with front.desk.serve(a_request("GET", POD)):
        assert front.tunnel.open == 1

    assert front.tunnel.open == 0


async def test_nothing_was_sent_says_so(front: Front) -> None:
    """503, and clients repeat it by themselves."""
    front.tunnel.away = True
    async with front.desk.serve(a_request("PATCH", POD, body=b"{}")) as answer:
        assert (answer.status, dict(answer.headers)["Retry-After"]) == (503, "1")
        assert NOT_SENT in json.loads(await whole(answer))["message"]


async def test_a_lost_answer_is_never_repeated_by_itself(front: Front) -> None:
    """504, without Retry-After, for reading and writing alike."""
    front.fails(TunnelLost("the link broke"))
    for method, target in (("GET", POD), ("POST", PODS)):
        async with front.desk.serve(a_request(method, target, body=b"{}")) as answer:
            assert answer.status == 504
            assert "Retry-After" not in dict(answer.headers)
            assert OUTCOME_UNKNOWN in json.loads(await whole(answer))["message"]


async def test_nothing_temporary_is_forbidden(front: Front) -> None:
    """Clouddriver would take a 403 for the cluster's word, and evict what it knows; a 401 ends its patience."""
    temporary = [TunnelUnavailable("x"), TunnelLost("x"), TunnelRefused("x"), DatabaseUnavailable("x"), ValueError("x")]
    for error in temporary:
        front.fails(error)
        assert (await front.ask(a_request("GET", POD)))[0] in (500, 501, 503, 504), error
    front.tunnel.away = True
    for outage in (False, True):
        front.shelf.outage.away = outage
        assert (await front.ask(a_request("GET", POD)))[0] == 503


async def test_nobody_waits_for_a_database_that_is_known_to_be_away(front: Front) -> None:
    """Lists and writes fail at once; what does not need it goes on."""
    front.known_away = True
    front.store.found = FacadeAnswer(200, (), b"stored")
    for method, target in (("GET", PODS), ("POST", PODS), ("DELETE", POD)):
        assert (await front.refusal(a_request(method, target, body=b"{}")))[0] == 503
    assert (front.store.asked, front.journal.begun, front.tunnel.requests) == ([], [], [])
    assert await front.ask(a_request("GET", POD)) == (200, b"live")
    assert (await front.ask(a_request("GET", "/apis")))[0] == 200


async def test_an_account_that_nobody_claimed_is_not_there(front: Front) -> None:
    """Those who may see it are told so; to others nothing is told."""
    front.tunnel.away = True
    for target in ("/apis", "/openapi/v2", PODS, POD):
        assert (await front.refusal(a_request("GET", target, account="ghost")))[0] == 404
        code, _, message = await front.refusal(a_request("GET", target, account="ghost", caller=READER))
        assert (code, "not granted" in message) == (403, True)


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (CursorExpired("old"), 410, "Expired"),
        (DatabaseUnavailable("away"), 503, "ServiceUnavailable"),
        (UnknownAccount("no"), 404, "NotFound"),
        (RuntimeError("defect"), 500, "InternalError"),
    ],
)
async def test_failures_of_the_store(front: Front, error: Exception, code: int, reason: str) -> None:
    """Each has its Status; a defect says nothing of itself."""
    front.store.error = error
    found = await front.refusal(a_request("GET", PODS))

    assert found[:2] == (code, reason)
    assert "defect" not in found[2]


async def test_the_journal_comes_first(front: Front) -> None:
    """Without it nothing is sent, and the client may try again."""
    front.journal.outage.away = True
    code, _, message = await front.refusal(a_request("POST", PODS, body=b"{}"))

    assert (code, NOT_SENT in message) == (503, True)
    assert not front.tunnel.requests


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (a_request("OPTIONS", PODS), 405),
        (a_request("TRACE", "/"), 405),
        (a_request("POST", "/apis"), 405),
        (a_request("GET", "/api/v1/../secret"), 400),
        (a_request("GET", f"{POD}/exec"), 501),
        (a_request("GET", PODS, upgrade="SPDY/3.1"), 501),
        (a_request("GET", PODS, fairlead_read="?"), 400),
        (a_request("GET", PODS, impersonate_user="root"), 403),
        (a_request("POST", PODS, caller=READER), 403),
        (a_request("POST", PODS, body=b"", content_length=str(10**9)), 413),
    ],
)
async def test_what_is_refused_at_the_door(front: Front, request_: FacadeRequest, code: int) -> None:
    """Nothing of it reaches the cluster."""
    assert (await front.refusal(request_))[0] == code
    assert not front.tunnel.requests


async def test_an_account_has_its_measure() -> None:
    """Beyond it clients are told to come back; watches do not use up what requests have."""
    front = Front(short=1, lasting=1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(front.desk.serve(a_request("GET", f"{PODS}?watch=1", fairlead_read="live")))
        first = await stack.enter_async_context(front.desk.serve(a_request("GET", POD)))
        assert first.status == 200
        for target in (POD, f"{POD}/log"):
            async with front.desk.serve(a_request("GET", target)) as answer:
                assert (answer.status, dict(answer.headers)["Retry-After"]) == (429, "1")
        assert (await front.ask(a_request("GET", POD, account="other")))[0] == 200

    assert (await front.ask(a_request("GET", POD)))[0] == 200


async def test_refusals_of_discovery_are_readable(front: Front) -> None:
    """client-go reads no Status where it asked for aggregated discovery, but it shows plain text."""
    request = replace(a_request("GET", "/apis", caller=READER, account="other"), headers={"accept": AGGREGATED})
    async with front.desk.serve(request) as answer:
        assert dict(answer.headers)["Content-Type"].startswith("text/plain")
        assert b"not granted" in await whole(answer)


async def test_a_failure_while_sending_is_the_clients(front: Front) -> None:
    """It is not answered a second time, and the exchange ends."""
    with pytest.raises(ConnectionError):
        async with front.desk.serve(a_request("GET", POD)):
            raise ConnectionError

    assert front.tunnel.open == 0
    assert ACCOUNT not in {account for account, _ in front.desk.admission._counts}
