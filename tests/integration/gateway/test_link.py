"""The link: claims, sessions, data, and how connections end."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress

import grpc
import psycopg
import pytest
from tests.support.gateway import OTHER_TOKEN, Authorities, RunningGateway, running_gateway
from tests.support.mirror_data import PODS as PODS_RESOURCE
from tests.support.mirror_data import delete, part, upsert
from tests.support.scripted_bridge import OTHER_CLUSTER, PODS, ScriptedBridge, bridge, until

from fairlead.contracts.envelope import Batch, Source
from fairlead.contracts.link import PROTOCOL_VERSION
from fairlead.contracts.v1 import link_pb2 as pb


def _source(opened: pb.SessionOpened, account: str = "shop") -> Source:
    return Source(account, "cluster-1", PODS_RESOURCE, "", opened.session, opened.epoch)


async def _names(gateway: RunningGateway, account: str = "shop") -> list[str]:
    async with gateway.api() as api:
        answer = await api.get(f"/v1/accounts/{account}/objects", params={"kind": "Pod"})
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.json()["items"]]


async def test_welcome(gateway: RunningGateway) -> None:
    """Hello is answered with version, heartbeat, window and frame limit."""
    async with bridge(gateway) as agent:
        welcome = (await agent.next("welcome")).welcome
        assert welcome.protocol_version == PROTOCOL_VERSION
        assert welcome.heartbeat_interval_ms == 20_000
        assert welcome.data_window_bytes == 8 * 1024 * 1024
        assert welcome.frame_limit_bytes > welcome.data_window_bytes


async def test_a_neighbour_version_is_spoken_and_a_far_one_refused(gateway: RunningGateway) -> None:
    """One release newer works at the older version; two newer is told to be upgraded."""
    async with bridge(gateway, version=PROTOCOL_VERSION + 1) as agent:
        assert (await agent.next("welcome")).welcome.protocol_version == PROTOCOL_VERSION
    async with bridge(gateway, version=PROTOCOL_VERSION + 2) as agent:
        code, details = await agent.ended()
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "upgrade" in details


@pytest.mark.parametrize("token", ["", "flt_wrong", "flt_admin"])
async def test_strangers_are_not_let_in(gateway: RunningGateway, token: str) -> None:
    """No token, an unknown one and one for another door are refused with what to do."""
    async with bridge(gateway, token=token) as agent:
        code, details = await agent.ended()
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert "token" in details


async def test_batches_become_rows_and_are_acknowledged(gateway: RunningGateway) -> None:
    """A committed batch is acknowledged and readable; a later delete removes its row."""
    async with bridge(gateway) as agent:
        assert [verdict.granted for verdict in await agent.claim("shop")] == [True]
        source = _source(await agent.open())
        first = await agent.send_batch(Batch([source], [part(1, upsert("web", 5), upsert("db", 6))]))
        await agent.until_acked(first)
        assert await _names(gateway) == ["db", "web"]
        second = await agent.send_batch(Batch([source], [part(2, delete("web", 7), checkpoint=7)]))
        await agent.until_acked(second)
        assert await _names(gateway) == ["db"]


async def test_an_account_that_was_not_granted_is_refused(gateway: RunningGateway) -> None:
    """A claim outside the credential's patterns is refused with the reason, and no session is opened for it."""
    async with bridge(gateway) as agent:
        mine, theirs = await agent.claim("shop", "other")
        assert mine.granted
        assert (theirs.granted, theirs.reason) == (False, "not-granted")
        assert "grant" in theirs.message
        answer = await agent.ask(open_session=pb.OpenSession(account="other", resource=PODS, scope="all"))
        assert answer.call_failed.code == pb.CallFailed.CODE_REFUSED


async def test_a_second_cluster_is_refused(gateway: RunningGateway) -> None:
    """Another cluster under a taken name is refused, and cannot open a session either."""
    async with bridge(gateway) as first, bridge(gateway, agent="agent-1") as second:
        await first.claim("shop")
        (verdict,) = await second.claim("shop", cluster=OTHER_CLUSTER)
        assert (verdict.granted, verdict.reason) == (False, "claimed-by-another-cluster")
        answer = await second.ask(open_session=pb.OpenSession(account="shop", resource=PODS, scope="all"))
        assert answer.call_failed.code == pb.CallFailed.CODE_UNAVAILABLE
        assert "claim" in answer.call_failed.message


async def test_parts_of_foreign_accounts_are_dropped(gateway: RunningGateway) -> None:
    """An agent cannot write to an account that its credential does not cover, even with a session's id."""
    async with bridge(gateway, token=OTHER_TOKEN, agent="other-0") as other:
        await other.claim("other")
        opened = await other.open("other")
        async with bridge(gateway) as agent:
            await agent.claim("shop")
            batch = Batch([_source(opened, "other")], [part(1, upsert("intruder", 5))])
            await agent.until_acked(await agent.send_batch(batch))
        assert await _names(gateway, "other") == []


async def test_malformed_batches_are_acknowledged(gateway: RunningGateway) -> None:
    """A batch that nobody can read never stalls the lane."""
    async with bridge(gateway) as agent:
        await agent.claim("shop")
        source = _source(await agent.open())
        await agent.send_batch(b"\xc1 no envelope")
        await agent.until_acked(await agent.send_batch(Batch([source], [part(1, upsert("web", 5))])))
        assert await _names(gateway) == ["web"]


async def test_a_superseded_session_is_told(gateway: RunningGateway) -> None:
    """Parts of a session that another one replaced are answered with its end."""
    async with bridge(gateway) as agent:
        await agent.claim("shop")
        old = await agent.open()
        await agent.open()
        await agent.send_batch(Batch([_source(old)], [part(1, upsert("late", 5))]))
        closed = (await agent.next("session_closed")).session_closed
        assert (closed.session, closed.reason) == (old.session, "superseded")


async def test_a_gap_that_lasts_closes_the_session(gateway: RunningGateway) -> None:
    """A missing part number ends the session after some seconds, without any further frame."""
    async with bridge(gateway) as agent:
        await agent.claim("shop")
        opened = await agent.open()
        await agent.send_batch(Batch([_source(opened)], [part(2, upsert("web", 5))]))
        closed = (await agent.next("session_closed", within_s=20)).session_closed
        assert (closed.session, closed.reason) == (opened.session, "gap")


async def test_an_agent_beyond_its_window_is_cut_off(gateway: RunningGateway) -> None:
    """Unacknowledged data beyond the granted window ends the connection; the frames before are the agent's to resend."""
    async with bridge(gateway) as agent:
        await agent.claim("shop")
        source = _source(await agent.open())
        event = upsert("big", 5)
        event.object = b'{"metadata":{"name":"big"},"pad":"' + b"x" * (6 * 1024 * 1024) + b'"}'
        batch = Batch([source], [part(1, event)])
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            for _ in range(20):
                await agent.send_batch(batch)
        code, _ = await agent.ended()
        assert code is not grpc.StatusCode.OK


async def test_a_frame_over_the_limit_is_refused(gateway: RunningGateway) -> None:
    """The transport itself refuses a frame beyond Welcome's limit."""
    async with bridge(gateway) as agent:
        limit = (await agent.next("welcome")).welcome.frame_limit_bytes
        await agent.send_batch(b"x" * (limit + 1))
        code, _ = await agent.ended()
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_lost_agent_makes_its_accounts_stale(gateway: RunningGateway) -> None:
    """When the last connection of an account ends, its resources are stale since then, and no row is gone."""
    async with bridge(gateway) as agent:
        await agent.claim("shop")
        source = _source(await agent.open())
        await agent.until_acked(await agent.send_batch(Batch([source], [part(1, upsert("web", 5), checkpoint=5)])))
    async with gateway.api() as api:

        async def stale() -> bool:
            (resource,) = (await api.get("/v1/accounts/shop/resources")).json()["items"]
            return bool(resource["state"] == "stale")

        await until(stale)
        account = (await api.get("/v1/accounts/shop")).json()
        assert (account["connected"], account["agents"]) == (False, [])
    assert await _names(gateway) == ["web"]


async def test_heartbeats_and_silence(database: str, authorities: Authorities) -> None:
    """The gateway beats, and ends a connection on which nothing is heard for three intervals."""
    link = {"heartbeatSeconds": 0.2}
    async with running_gateway(database, authorities, link=link) as gateway, bridge(gateway) as agent:
        await agent.next("heartbeat")
        code, details = await agent.ended()
        assert code is grpc.StatusCode.ABORTED
        assert "nothing was heard" in details


async def test_an_old_connection_is_drained(database: str, authorities: Authorities) -> None:
    """At its age a connection is asked to change over, serves on meanwhile, and is ended after the grace."""
    link = {"maxAgeSeconds": 0.5, "graceSeconds": 3}
    async with running_gateway(database, authorities, link=link) as gateway, bridge(gateway) as agent:
        drain = (await agent.next("drain")).drain
        assert "age" in drain.reason
        assert [verdict.granted for verdict in await agent.claim("shop")] == [True]
        code, _ = await agent.ended()
        assert code is grpc.StatusCode.OK


async def test_stop_drains_and_commits(database: str, authorities: Authorities) -> None:
    """A gateway that stops asks agents to leave and acknowledges what it took."""
    async with running_gateway(database, authorities, stopGraceSeconds=2) as gateway:
        agents = bridge(gateway)
        agent: ScriptedBridge = await agents.__aenter__()
        await agent.claim("shop")
        source = _source(await agent.open())
        sent = await agent.send_batch(Batch([source], [part(1, upsert("web", 5))]))
    try:
        await agent.next("drain")
        await agent.until_acked(sent)
        code, _ = await agent.ended()
        assert code is grpc.StatusCode.OK
    finally:
        await agents.__aexit__(None, None, None)


async def test_documents_are_put_together_and_stored(gateway: RunningGateway, database: str) -> None:
    """A document in chunks stands in the database; one with a wrong hash does not, and both are acknowledged."""
    content = b"0123456789" * 1000
    right = hashlib.sha256(content).hexdigest()
    async with bridge(gateway) as agent:
        await agent.claim("shop")
        number = 0
        for path, digest in (("apis/apps/v1", right), ("apis/batch/v1", "0" * 64)):
            for chunk, start in enumerate(range(0, len(content), 4000)):
                number += 1
                document = pb.Document(
                    id=number, account="shop", kind=pb.Document.KIND_OPENAPI_V3, path=path, sha256=digest, chunk=chunk,
                    last=start + 4000 >= len(content), content=content[start : start + 4000],
                )  # fmt: skip
                await agent.send(pb.AgentFrame(document=document))
        await agent.until_acked(number)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        cursor = await connection.execute("select path, content from fairlead.documents")
        assert await cursor.fetchall() == [("apis/apps/v1", content)]
