"""The server as a client sees it: authentication, faults, the log, the ends of watches."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.unit.simcluster.calls import config_map

from fairlead.simcluster import SimCluster
from fairlead.simcluster.server import Gate

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
async def cluster() -> AsyncIterator[SimCluster]:
    """A cluster without controllers, with bookmarks every fifth of a second."""
    async with SimCluster(controllers=False, bookmark_interval_s=0.2) as cluster:
        yield cluster


@asynccontextmanager
async def _session(cluster: SimCluster, **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cadata=cluster.ca_certificate.decode())
    sent = {"Authorization": f"Bearer {cluster.admin_token}", **headers}
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(cluster.server, headers=sent, connector=connector) as session:
        yield session


async def _line(response: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(5):
        event: dict[str, Any] = json.loads(await response.content.readline())
    return event


async def _until_broken(response: aiohttp.ClientResponse) -> bytes:
    """What arrives before the connection breaks; a clean end is a failure."""
    received = b""
    try:
        while chunk := await response.content.readany():
            received += chunk
    except aiohttp.ClientError:
        return received
    raise AssertionError("the stream ended cleanly")


def test_the_gate_knows_tokens_and_certificates() -> None:
    """Anonymous without either, nobody with a wrong token."""
    gate = Gate()
    certificate = {"subject": ((("organizationName", "system:masters"),), (("commonName", "admin"),))}
    user = gate.user("", certificate)

    assert user is not None
    assert (user.name, user.groups) == ("admin", ("system:masters", "system:authenticated"))
    assert gate.user("Bearer wrong", None) is None
    anonymous = gate.user("", None)
    assert anonymous is not None
    assert anonymous.anonymous


async def test_client_certificates_open_the_door(cluster: SimCluster, tmp_path: Path) -> None:
    """As the admin, over TLS."""
    pair = cluster.authority.client("carol", ["ops"])
    (tmp_path / "client.pem").write_bytes(pair.key + pair.certificate)
    context = ssl.create_default_context(cadata=cluster.ca_certificate.decode())
    context.load_cert_chain(tmp_path / "client.pem")
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    async with (
        aiohttp.ClientSession(cluster.server, connector=aiohttp.TCPConnector(ssl=context)) as session,
        session.post(path, data=b"{}") as response,
    ):
        user = (await response.json())["status"]["userInfo"]

    assert user == {"username": "carol", "groups": ["ops", "system:authenticated"]}


async def test_revoked_tokens_are_unauthorized(cluster: SimCluster) -> None:
    """401 at once."""
    token = cluster.add_user("temporary")
    async with _session(cluster, Authorization=f"Bearer {token}") as session:
        async with session.get(MAPS) as before:
            pass
        cluster.revoke(token)
        async with session.get(MAPS) as after:
            pass

    assert (before.status, after.status) == (200, 401)


async def test_anonymous_clients_see_nothing_but_health(cluster: SimCluster) -> None:
    """403 for discovery."""
    async with _session(cluster, Authorization="") as session:
        async with session.get("/readyz") as open_door:
            pass
        async with session.get("/apis") as closed:
            message = (await closed.json())["message"]

    assert (open_door.status, closed.status) == (200, 403)
    assert message == 'forbidden: User "system:anonymous" cannot get path "/apis"'


async def test_every_request_is_logged(cluster: SimCluster) -> None:
    """Method, path, agent, audit id and code."""
    async with _session(cluster, **{"User-Agent": "suite/1"}) as session:
        async with session.post(MAPS, json=config_map("a"), headers={"Audit-ID": "op.1"}) as made:
            assert made.headers["Audit-Id"] == "op.1"
        async with session.get("/api/v1/pods"):
            pass

    [write] = cluster.requests.writes()
    assert (write.method, write.path, write.verb, write.code) == ("POST", MAPS, "create", 201)
    assert (write.user_agent, write.audit_id, write.user) == ("suite/1", "op.1", "admin")
    assert [each.verb for each in cluster.requests] == ["create", "list"]


async def test_scripted_failures_are_answered(cluster: SimCluster) -> None:
    """500, 429 with Retry-After in plain text, 403; each as often as asked, and nothing takes effect."""
    cluster.faults.fail(500, resource="configmaps", verbs=["create"], times=1)
    cluster.faults.throttle(7, resource="secrets")
    cluster.faults.refuse("pods")
    async with _session(cluster) as session:
        async with session.post(MAPS, json=config_map("a")) as failed:
            assert (await failed.json())["reason"] == "InternalError"
        async with session.post(MAPS, json=config_map("a")) as made:
            pass
        async with session.get("/api/v1/secrets") as throttled:
            text = await throttled.text()
        async with session.get("/api/v1/pods?watch=1") as refused:
            message = (await refused.json())["message"]

    assert [each.status for each in (failed, made, throttled, refused)] == [500, 201, 429, 403]
    assert (throttled.headers["Retry-After"], text.strip()) == ("7", "Too many requests, please try again later.")
    assert 'User "admin" cannot watch resource "pods"' in message


async def test_slow_answers_come_late(cluster: SimCluster) -> None:
    """But they come."""
    cluster.faults.slow(0.2, resource="configmaps")
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with _session(cluster) as session, session.get(MAPS) as response:
        assert response.status == 200

    assert loop.time() - started >= 0.2


@pytest.mark.parametrize("after", [False, True])
async def test_a_connection_may_break_before_or_after_the_effect(cluster: SimCluster, after: bool) -> None:
    """The client cannot tell which; the cluster can."""
    cluster.faults.hang_up(resource="configmaps", verbs=["create"], times=1, after_handling=after)
    async with _session(cluster) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(MAPS, json=config_map("a"))

    assert (cluster.get("configmaps", "a") is not None) is after


async def test_a_watch_is_told_changes_and_bookmarks(cluster: SimCluster) -> None:
    """At once, and every so often."""
    params = {"watch": "1", "resourceVersion": str(cluster.version), "allowWatchBookmarks": "1"}
    async with _session(cluster) as session, session.get(MAPS, params=params) as response:
        cluster.create(config_map("a"))
        first, second, third = [await _line(response) for _ in range(3)]

    assert [first["type"], second["type"], third["type"]] == ["ADDED", "BOOKMARK", "BOOKMARK"]


async def test_a_watch_can_be_cut_in_mid_line(cluster: SimCluster) -> None:
    """Part of a line arrives, then the connection breaks."""
    async with _session(cluster) as session, session.get(MAPS, params={"watch": "1"}) as response:
        cluster.create(config_map("a"))
        await _line(response)
        assert cluster.faults.cut_watches(mid_line=True) == 1
        received = await _until_broken(response)

    assert b"\n" not in received


async def test_the_next_watch_can_be_cut_after_some_bytes(cluster: SimCluster) -> None:
    """Wherever that is; the one after it is whole."""
    cluster.create(config_map("a"))
    cluster.faults.cut_after(50, resource="configmaps")
    params = {"watch": "1", "timeoutSeconds": "1"}
    async with _session(cluster) as session:
        async with session.get(MAPS, params=params) as response:
            received = await _until_broken(response)
        async with session.get(MAPS, params=params) as whole:
            assert (await _line(whole))["type"] == "ADDED"

    assert len(received) <= 50


async def test_open_watches_can_expire(cluster: SimCluster) -> None:
    """410 inside the stream, then a clean end."""
    async with _session(cluster) as session, session.get(MAPS, params={"watch": "1"}) as response:
        cluster.create(config_map("a"))
        await _line(response)
        cluster.faults.expire_watches(resource="configmaps")
        event = await _line(response)
        rest = await response.content.read()

    assert (event["type"], event["object"]["code"], rest) == ("ERROR", 410, b"")


async def test_held_watches_are_silent_until_released(cluster: SimCluster) -> None:
    """Nothing is lost."""
    cluster.faults.hold_watches("configmaps")
    async with _session(cluster) as session, session.get(MAPS, params={"watch": "1"}) as response:
        cluster.create(config_map("a"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await response.content.readline()
        cluster.faults.release_watches()
        assert (await _line(response))["object"]["metadata"]["name"] == "a"


async def test_large_lists_are_streamed_whole(cluster: SimCluster) -> None:
    """Several megabytes in pieces make one document."""
    for number in range(6):
        cluster.create(config_map(f"m-{number}", a="x" * 900_000))
    async with _session(cluster) as session, session.get(MAPS) as response:
        document = json.loads(await response.read())

    assert len(document["items"]) == 6
