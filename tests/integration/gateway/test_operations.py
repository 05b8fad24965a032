"""Operations: from REST over the link and back, with everything on the way broken once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import psycopg
import pytest
from tests.support.gateway import OTHER_TOKEN, READER_TOKEN, Authorities, RunningGateway, running_gateway
from tests.support.scripted_bridge import ScriptedBridge, bridge, claimed_before, until
from ulid import ULID

from fairlead.contracts.operations import CHUNK_BYTES
from fairlead.contracts.v1 import link_pb2 as pb

SENTINEL = "c2VudGluZWwtb2YtdGhlLXNlY3JldA"
Report = pb.OperationReport


def _apply(name: str = "web", **more: Any) -> dict[str, Any]:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": {"app": "web"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": SENTINEL, "team": "a"},
        },
        "data": {"key": SENTINEL},
    }
    return {"account": "shop", "kind": "apply", "manifest": manifest, **more}


def _get() -> dict[str, Any]:
    return {"account": "shop", "kind": "get", "target": {"kind": "ConfigMap", "namespace": "shop", "name": "web"}}


async def _submit(api: httpx.AsyncClient, request: dict[str, Any], status: int = 202, **query: str) -> dict[str, Any]:
    answer = await api.post("/v1/operations", json=request, params=query)
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def _read(api: httpx.AsyncClient, operation_id: str) -> dict[str, Any]:
    document: dict[str, Any] = (await api.get(f"/v1/operations/{operation_id}")).json()
    return document


async def _ended(api: httpx.AsyncClient, operation_id: str) -> dict[str, Any]:
    answer = await api.get(f"/v1/operations/{operation_id}", params={"wait": "15s"})
    document: dict[str, Any] = answer.json()
    return document


async def _operation(agent: ScriptedBridge, attempt: int = 1) -> pb.Operation:
    def wanted(frame: pb.GatewayFrame) -> bool:
        return frame.HasField("operation") and frame.operation.attempt == attempt

    return (await agent.find(wanted)).operation


async def _database_holds(database: str, needle: str) -> bool:
    """Whether a text stands in any column of the gateway's tables, as text or as bytes."""
    async with await psycopg.AsyncConnection.connect(database) as connection:
        for table in ("operations", "operation_results"):
            cursor = await connection.execute(f"select t::text from fairlead.{table} t")  # noqa: S608 - our own names
            rows = " ".join(row[0] for row in await cursor.fetchall())
            if needle in rows or needle.encode().hex() in rows:
                return True
    return False


async def test_round_trip(gateway: RunningGateway, database: str) -> None:
    """An operation reaches the agent whole, its result reaches the waiting caller, and no byte of a body is stored plainly."""
    async with gateway.api() as api, bridge(gateway) as agent, asyncio.TaskGroup() as group:
        await agent.claim("shop")
        waiting = group.create_task(api.post("/v1/operations", json=_apply(), params={"wait": "10s"}))
        operation = await _operation(agent)
        assert (operation.account, operation.attempt, operation.first_incarnation) == ("shop", 1, "bucket-1")
        assert json.loads(operation.request)["manifest"]["data"] == {"key": SENTINEL}
        assert not await _database_holds(database, SENTINEL)
        assert (await agent.report(operation, Report.STATE_CLAIMED)).HasField("done")
        assert (await _read(api, operation.id))["state"] == "claimed"
        body = json.dumps({"kind": "ConfigMap", "data": {"key": SENTINEL}}).encode()
        done = await agent.report(
            operation, Report.STATE_SUCCEEDED, code=200, message="configured", namespace="shop", name="web",
            uid="u1", version="17", body=body,
        )  # fmt: skip
        assert done.HasField("done")
        answer = await waiting
        assert answer.status_code == 200
        document = answer.json()
        assert document["state"] == "succeeded"
        assert document["subject"]["labels"] == {"app": "web"}
        assert document["subject"]["annotations"] == {"team": "a"}
        assert (document["result"]["code"], document["result"]["resourceVersion"]) == (200, "17")
        assert (await api.get(document["result"]["body"])).json()["data"] == {"key": SENTINEL}
        assert not await _database_holds(database, SENTINEL)


async def test_an_operation_waits_for_its_agent(gateway: RunningGateway) -> None:
    """Without an agent it stays pending; an agent that claims the account gets it at once."""
    await claimed_before(gateway, "shop")
    async with gateway.api() as api:
        submitted = await _submit(api, _apply())
        assert submitted["state"] == "pending"
        async with bridge(gateway) as agent:
            await agent.claim("shop")
            operation = await _operation(agent)
            assert operation.id == submitted["id"]
            await agent.report(
                operation, Report.STATE_FAILED, code=409, reason="Conflict", message="the object has been modified"
            )
        ended = await _ended(api, operation.id)
        assert (ended["state"], ended["result"]["reason"]) == ("failed", "Conflict")


async def test_an_account_that_nobody_claimed(gateway: RunningGateway) -> None:
    """Is not found, at once, however long the caller would wait; nothing is stored."""
    async with gateway.api() as api:
        answer = await api.post("/v1/operations", json=_apply(), params={"wait": "60s"})
        assert (answer.status_code, "no agent has ever claimed" in answer.json()["detail"]) == (404, True)
        assert (await api.get("/v1/operations")).json()["items"] == []


async def test_expiry(gateway: RunningGateway) -> None:
    """Nobody to take it before its deadline: expired, and told that it did not run."""
    await claimed_before(gateway, "shop")
    async with gateway.api() as api:
        submitted = await _submit(api, _apply(), deadlineSeconds="300ms")
        ended = await _ended(api, submitted["id"])
        assert ended["state"] == "expired"
        assert "did not run" in ended["result"]["message"]


async def test_silence_ends_as_unknown_and_a_late_truth_counts(gateway: RunningGateway, database: str) -> None:
    """Sent and never answered for is unknown; the true result replaces that, a second result does not."""
    async with gateway.api() as api, bridge(gateway) as agent:
        await agent.claim("shop")
        submitted = await _submit(api, _apply())
        operation = await _operation(agent)
        async with await psycopg.AsyncConnection.connect(database) as connection:
            await connection.execute("update fairlead.operations set deadline_at = now() - interval '1 minute'")
        ended = await _ended(api, submitted["id"])
        assert ended["state"] == "unknown"
        assert "may or may not have taken effect" in ended["result"]["message"]
        await agent.report(operation, Report.STATE_SUCCEEDED, code=201)
        assert (await _read(api, operation.id))["state"] == "succeeded"
        assert (await agent.report(operation, Report.STATE_FAILED, code=500)).HasField("done")
        assert (await _read(api, operation.id))["state"] == "succeeded"


async def test_an_unclaimed_operation_is_sent_again(resending: RunningGateway) -> None:
    """No answer to an attempt: the next one follows, bound to the incarnation of the first."""
    async with resending.api() as api, bridge(resending) as agent:
        await agent.claim("shop")
        await _submit(api, _apply())
        await _operation(agent)
        await agent.send(pb.AgentFrame(heartbeat=pb.Heartbeat(claims_incarnation="bucket-2")))
        second = await _operation(agent, attempt=2)
        assert second.first_incarnation == "bucket-1"
        await agent.report(second, Report.STATE_UNKNOWN, message="the executor died")
        assert (await _read(api, second.id))["state"] == "unknown"


async def test_a_claimed_operation_is_asked_for_again(resending: RunningGateway) -> None:
    """A claim and silence after it: the operation is asked for again and stays claimed."""
    async with resending.api() as api, bridge(resending) as agent:
        await agent.claim("shop")
        await _submit(api, _apply())
        await agent.report(await _operation(agent), Report.STATE_CLAIMED)
        second = await _operation(agent, attempt=2)
        assert (await _read(api, second.id))["state"] == "claimed"
        await agent.report(second, Report.STATE_SUCCEEDED, code=200)


async def test_without_an_executor_it_is_tried_again_under_the_present_incarnation(gateway: RunningGateway) -> None:
    """A declined attempt certainly did not run: the next one starts anew."""
    async with gateway.api() as api, bridge(gateway) as agent:
        await agent.claim("shop")
        await _submit(api, _apply())
        await agent.send(pb.AgentFrame(heartbeat=pb.Heartbeat(claims_incarnation="bucket-2")))
        await agent.report(await _operation(agent), Report.STATE_NO_EXECUTOR)
        second = await _operation(agent, attempt=2)
        assert second.first_incarnation == "bucket-2"
        await agent.report(second, Report.STATE_SUCCEEDED, code=200)


async def test_a_new_connection_takes_over(gateway: RunningGateway) -> None:
    """When the agent dials anew, what was given to the old connection is asked for at once on the new one."""
    async with gateway.api() as api:
        async with bridge(gateway) as first:
            await first.claim("shop")
            await _submit(api, _apply())
            operation = await _operation(first)
            await first.report(operation, Report.STATE_CLAIMED)
        async with bridge(gateway) as second:
            await second.claim("shop")
            again = await _operation(second, attempt=2)
            assert again.id == operation.id
            await second.report(again, Report.STATE_SUCCEEDED, code=200)
        assert (await _ended(api, operation.id))["state"] == "succeeded"


async def test_same_id_same_operation(gateway: RunningGateway) -> None:
    """The same id and request is one operation; another request under the id is refused."""
    identity = str(ULID())
    await claimed_before(gateway, "shop")
    async with gateway.api() as api:
        first = await _submit(api, _apply(id=identity))
        assert first["id"] == identity
        assert (await _submit(api, _apply(id=identity)))["createdAt"] == first["createdAt"]
        answer = await api.post("/v1/operations", json=_apply("other"), headers={"Idempotency-Key": identity})
        assert answer.status_code == 409
        assert "another request" in answer.json()["detail"]


async def test_bodies_in_chunks(gateway: RunningGateway) -> None:
    """Requests and results beyond a frame travel in chunks, in any order, some of them twice."""
    async with gateway.api() as api, bridge(gateway) as agent:
        await agent.claim("shop")
        large = "x" * (3 * CHUNK_BYTES)
        request = _apply()
        request["manifest"]["data"]["large"] = large
        await _submit(api, request)
        chunks = [(await agent.next("operation")).operation for _ in range(4)]
        assert [(each.chunk, each.last) for each in chunks] == [(0, False), (1, False), (2, False), (3, True)]
        assert json.loads(b"".join(each.request for each in chunks))["manifest"]["data"]["large"] == large
        body = json.dumps({"large": large}).encode()
        pieces = [body[start : start + CHUNK_BYTES] for start in range(0, len(body), CHUNK_BYTES)]
        for number in (1, 0, 1, 2, 3):
            last = number == len(pieces) - 1
            await agent.report(
                chunks[0], Report.STATE_SUCCEEDED, code=200, chunk=number, last=last, body=pieces[number]
            )
        ended = await _ended(api, chunks[0].id)
        assert ended["result"]["bodyBytes"] == len(body)
        assert (await api.get(ended["result"]["body"])).json() == {"large": large}


async def test_a_body_without_its_beginning_is_asked_for_again(gateway: RunningGateway) -> None:
    """The last chunk alone is no result: the agent is told to begin anew."""
    async with gateway.api() as api, bridge(gateway) as agent:
        await agent.claim("shop")
        await _submit(api, _get())
        operation = await _operation(agent)
        answer = await agent.report(operation, Report.STATE_SUCCEEDED, code=200, chunk=1, last=True, body=b"}")
        assert answer.call_failed.code == pb.CallFailed.CODE_UNAVAILABLE
        await agent.report(operation, Report.STATE_SUCCEEDED, code=200, chunk=0, last=False, body=b"{")
        assert (await _ended(api, operation.id))["state"] == "succeeded"


async def test_a_restarted_gateway_goes_on(database: str, authorities: Authorities) -> None:
    """Pending and claimed operations outlive the gateway; both end under the next one."""
    async with running_gateway(database, authorities) as gateway:
        await claimed_before(gateway, "shop-2")
    async with running_gateway(database, authorities) as gateway, gateway.api() as api, bridge(gateway) as agent:
        await agent.claim("shop")
        claimed = await _submit(api, _apply("claimed"))
        await agent.report(await _operation(agent), Report.STATE_CLAIMED)
        pending = await _submit(api, {**_get(), "account": "shop-2"})
    async with running_gateway(database, authorities) as gateway, gateway.api() as api, bridge(gateway) as agent:
        assert (await _read(api, claimed["id"]))["state"] == "claimed"
        await agent.claim("shop", "shop-2")
        for _ in range(2):
            operation = (await agent.next("operation")).operation
            await agent.report(operation, Report.STATE_SUCCEEDED, code=200, body=b"{}")
        assert (await _ended(api, claimed["id"]))["state"] == "succeeded"
        assert (await _ended(api, pending["id"]))["state"] == "succeeded"


async def test_two_gateways(database: str, authorities: Authorities) -> None:
    """An operation given to one gateway goes out over the other, is sent once, and its end is noticed by the first."""
    async with (
        running_gateway(database, authorities) as first,
        running_gateway(database, authorities) as second,
        first.api() as api,
        bridge(second) as agent,
        asyncio.TaskGroup() as group,
    ):
        await agent.claim("shop")
        waiting = group.create_task(api.post("/v1/operations", json=_apply(), params={"wait": "10s"}))
        operation = await _operation(agent)
        await agent.report(operation, Report.STATE_SUCCEEDED, code=200)
        assert (await waiting).json()["state"] == "succeeded"
        assert not [frame for frame in agent.received if frame.HasField("operation")]


async def test_a_lost_key_is_told(database: str, authorities: Authorities) -> None:
    """Without the key of a stored request the operation ends with what happened, instead of waiting for ever."""
    async with running_gateway(database, authorities) as gateway, gateway.api() as api:
        await claimed_before(gateway, "shop")
        submitted = await _submit(api, _apply())
    (authorities.directory / "operations.key").unlink()
    async with running_gateway(database, authorities) as gateway, gateway.api() as api, bridge(gateway) as agent:
        await agent.claim("shop")
        ended = await _ended(api, submitted["id"])
        assert (ended["state"], ended["result"]["reason"]) == ("failed", "KeyLost")


async def test_results_are_erased(database: str, authorities: Authorities) -> None:
    """A result's body can be read for its time and not longer; the history stays."""
    short = {"resultSeconds": 0.3}
    async with running_gateway(database, authorities, operations=short) as gateway, gateway.api() as api:
        async with bridge(gateway) as agent:
            await agent.claim("shop")
            await _submit(api, _get())
            operation = await _operation(agent)
            await agent.report(operation, Report.STATE_SUCCEEDED, code=200, body=b'{"a":1}')

        async def erased() -> bool:
            return (await api.get(f"/v1/operations/{operation.id}/result")).status_code == 404

        await until(erased)
        assert (await _read(api, operation.id))["result"]["body"] is None


async def test_history_ends(database: str, authorities: Authorities, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended operations are forgotten after their time, with their results; what has not ended never is."""
    monkeypatch.setattr("fairlead.gateway.flows.operations.CLEAN_UP_S", 0.1)
    short = {"historySeconds": 0.3}
    async with running_gateway(database, authorities, operations=short) as gateway, gateway.api() as api:
        await claimed_before(gateway, "shop-2")
        waiting = await _submit(api, _get() | {"account": "shop-2"})
        async with bridge(gateway) as agent:
            await agent.claim("shop")
            await _submit(api, _get())
            operation = await _operation(agent)
            await agent.report(operation, Report.STATE_SUCCEEDED, code=200, body=b"{}")

        async def forgotten() -> bool:
            return (await api.get(f"/v1/operations/{operation.id}")).status_code == 404

        await until(forgotten)
        assert [each["id"] for each in (await api.get("/v1/operations")).json()["items"]] == [waiting["id"]]
    async with await psycopg.AsyncConnection.connect(database) as connection:
        cursor = await connection.execute("select count(*) from fairlead.operation_results")
        assert await cursor.fetchone() == (0,)


async def test_history(gateway: RunningGateway) -> None:
    """Operations are listed newest first, by filters and in pages, and only of accounts that the caller may see."""
    await claimed_before(gateway, "shop", "shop-2")
    await claimed_before(gateway, "other", token=OTHER_TOKEN)
    async with gateway.api() as api, gateway.api(READER_TOKEN) as reader:
        submitted = [await _submit(api, _get() | {"account": name}) for name in ("shop", "other", "shop", "shop-2")]
        ids = [each["id"] for each in submitted]
        listed = (await api.get("/v1/operations")).json()["items"]
        assert [each["id"] for each in listed] == ids[::-1]
        assert [each["id"] for each in (await reader.get("/v1/operations")).json()["items"]] == [ids[3], ids[2], ids[0]]
        page = (
            await api.get("/v1/operations", params={"account": "shop", "limit": "1", "state": "pending,sent"})
        ).json()
        assert ([each["id"] for each in page["items"]], page["continue"]) == ([ids[2]], ids[2])
        rest = (await api.get("/v1/operations", params={"account": "shop", "continue": page["continue"]})).json()
        assert [each["id"] for each in rest["items"]] == [ids[0]]
        by_name = (
            await api.get("/v1/operations", params={"name": "web", "namespace": "shop", "account": "other"})
        ).json()
        assert [each["id"] for each in by_name["items"]] == [ids[1]]
        assert (await api.get("/v1/operations", params={"name": "nobody"})).json()["items"] == []
        assert (await reader.get(f"/v1/operations/{ids[1]}")).status_code == 404
        assert (await reader.post("/v1/operations", json=_apply())).status_code == 403


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"account": "shop", "kind": "apply", "manifest": {"kind": "List"}}, "manifest"),
        ({"account": "shop", "kind": "delete"}, "target"),
        (
            {"account": "shop", "kind": "get", "target": {"kind": "Pod", "name": "a"}, "nameSpace": "x", "b": 1},
            "nameSpace",
        ),
        ({"account": "shop", "kind": "get", "target": {"kind": "Pod", "name": "a"}, "id": "no-ulid"}, "ULID"),
        ([], "JSON object"),
    ],
)
async def test_bad_requests(gateway: RunningGateway, request_: Any, told: str) -> None:
    """What is wrong with a request is told in the problem, all of it at once."""
    async with gateway.api() as api:
        answer = await api.post("/v1/operations", json=request_)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert told in answer.text


async def test_a_body_over_the_limit(gateway: RunningGateway) -> None:
    """A request larger than any API server takes is refused without being kept."""
    async with gateway.api() as api:
        request = _apply()
        request["manifest"]["data"]["large"] = "x" * (5 * 1024 * 1024)
        answer = await api.post("/v1/operations", json=request)
        assert answer.status_code == 413
