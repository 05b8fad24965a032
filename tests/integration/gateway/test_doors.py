"""Who is let in, and how: TLS, certificates, tokens and their end."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
from tests.support.gateway import (
    ADMIN_TOKEN,
    AGENT_TOKEN,
    READER_TOKEN,
    Authorities,
    RunningGateway,
    credentials,
    running_gateway,
    settings,
)
from tests.support.scripted_bridge import bridge, until

from fairlead.gateway.service import build
from fairlead.runtime.errors import ConfigurationError

REVOKED_WITHIN_S = 6.0


async def test_a_revoked_token_cuts_its_connection(gateway: RunningGateway) -> None:
    """A token made through the API opens the link at once; its revocation ends the live stream within seconds."""
    async with gateway.api() as api:
        request = {"name": "new-agent", "kind": "agent", "accounts": ["shop"]}
        made = await api.post("/v1/tokens", json=request)
        assert made.status_code == 201
        token = made.json()["token"]
        async with bridge(gateway, token=token) as agent:
            assert [verdict.granted for verdict in await agent.claim("shop", "shop-2")] == [True, False]
            assert (await api.delete("/v1/tokens/new-agent")).status_code == 204
            code, details = await asyncio.wait_for(agent.ended(), REVOKED_WITHIN_S)
            assert code is grpc.StatusCode.ABORTED
            assert "revoked" in details
        async with bridge(gateway, token=token) as agent:
            assert (await agent.ended())[0] is grpc.StatusCode.UNAUTHENTICATED
        assert token not in (await api.get("/v1/tokens")).text


async def test_another_gateway_honours_tokens_and_revocations(database: str, authorities: Authorities) -> None:
    """Tokens stand in the database: made at one gateway, good at the other, revoked at the one, dead at the other."""
    async with (
        running_gateway(database, authorities) as first,
        running_gateway(database, authorities) as second,
        first.api() as api,
    ):
        made = await api.post(
            "/v1/tokens", json={"name": "caller", "kind": "api", "accounts": ["*"], "verbs": ["read"]}
        )
        async with second.api(made.json()["token"]) as caller:

            async def accepted() -> bool:
                return (await caller.get("/v1/accounts")).status_code == 200

            async def refused() -> bool:
                return (await caller.get("/v1/accounts")).status_code == 401

            await until(accepted, within_s=REVOKED_WITHIN_S)
            await api.delete("/v1/tokens/caller")
            await until(refused, within_s=REVOKED_WITHIN_S)


async def test_tokens_open_their_own_door_only(gateway: RunningGateway) -> None:
    """An agent's token is no API token; a reader does not administer; a stranger gets 401 and the way to ask.

    A name that could not stand in the path of its revocation is refused.
    """
    for token in ("", "flt_wrong", AGENT_TOKEN):
        async with gateway.api(token) as api:
            answer = await api.get("/v1/accounts")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
    async with gateway.api(READER_TOKEN) as api:
        assert (await api.get("/v1/tokens")).status_code == 403
    async with gateway.api() as api:
        taken = await api.post("/v1/tokens", json={"name": "reader", "kind": "agent", "accounts": ["*"]})
        assert taken.status_code == 409
        assert (await api.delete("/v1/tokens/reader")).status_code == 404
        for name in ("a/b", "..", "two words", "line\nend"):
            unusable = await api.post("/v1/tokens", json={"name": name, "kind": "agent", "accounts": ["*"]})
            assert unusable.status_code == 400
            assert "`name`" in unusable.json()["detail"]


async def test_tokens_of_the_facade(gateway: RunningGateway) -> None:
    """They read, or read and write; any other verb is refused, they are no API tokens, and several hold at once."""
    async with gateway.api() as api:
        for name, verbs in (("kubectl-1", ["read"]), ("kubectl-2", ["read", "write"])):
            request = {"name": name, "kind": "facade", "accounts": ["shop"], "verbs": verbs}
            made = await api.post("/v1/tokens", json=request)
            assert made.status_code == 201
            assert made.json()["verbs"] == verbs
            async with gateway.api(made.json()["token"]) as caller:
                assert (await caller.get("/v1/accounts")).status_code == 401
        for verbs in ([], ["admin"]):
            request = {"name": "kubectl-3", "kind": "facade", "accounts": ["shop"], "verbs": verbs}
            assert (await api.post("/v1/tokens", json=request)).status_code == 400


async def test_plain_text_to_a_tls_port(gateway: RunningGateway) -> None:
    """Neither door speaks plain text."""
    async with grpc.aio.insecure_channel(gateway.link, options=[("grpc.enable_http_proxy", 0)]) as channel:
        call: Any = channel.stream_stream("/fairlead.contracts.v1.Link/Connect")()
        assert await asyncio.wait_for(call.code(), 10) is grpc.StatusCode.UNAVAILABLE
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(f"http://{gateway.https}/v1/accounts")


async def test_a_gateway_of_another_authority_is_not_trusted(gateway: RunningGateway, tmp_path: Path) -> None:
    """Whoever trusts another CA refuses the gateway's certificate, on both doors."""
    directory = tmp_path / "strange"
    directory.mkdir()
    strange = Authorities(directory)
    trust = grpc.ssl_channel_credentials(strange.read("ca.crt"))
    async with grpc.aio.secure_channel(gateway.link, trust, options=[("grpc.enable_http_proxy", 0)]) as channel:
        call: Any = channel.stream_stream("/fairlead.contracts.v1.Link/Connect")()
        assert await asyncio.wait_for(call.code(), 10) is grpc.StatusCode.UNAVAILABLE
    context = ssl.create_default_context(cafile=directory / "ca.crt")
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(f"https://{gateway.https}/v1/accounts")


async def test_client_certificates(database: str, authorities: Authorities) -> None:
    """With a client CA a certificate names the agent; one that no credential names, or none at all, is refused."""
    authorities.client("stranger")
    files = authorities.directory
    link = {
        "tls": {
            "certFile": str(files / "gateway.crt"),
            "keyFile": str(files / "gateway.key"),
            "clientCaFile": str(files / "ca.crt"),
        }
    }
    named = {"name": "by-certificate", "kind": "agent", "accounts": ["shop"], "certificate": "agent-*"}
    async with running_gateway(database, authorities, link=link, credentials=[*credentials(), named]) as gateway:
        async with bridge(gateway, token="", certificate="agent-shop") as agent:
            assert [verdict.granted for verdict in await agent.claim("shop", "shop-2")] == [True, False]
        async with bridge(gateway, token="", certificate="stranger") as agent:
            assert (await agent.ended())[0] is grpc.StatusCode.UNAUTHENTICATED
        async with bridge(gateway) as agent:
            assert (await agent.ended())[0] is grpc.StatusCode.UNAVAILABLE


async def test_doors_without_tls_stay_on_loopback(database: str, authorities: Authorities) -> None:
    """Without certificates nothing is open to the network: such a configuration is refused with what to do."""
    plain = {"tls": {"certFile": None, "keyFile": None}}
    chosen = settings(database, authorities.directory, link={"host": "192.0.2.1", **plain}, https={"port": 0, **plain})
    with pytest.raises(ConfigurationError) as refused:
        build(chosen)
    assert [problem.partition(":")[0] for problem in refused.value.problems] == ["gateway.link.host"]
    async with running_gateway(
        database, authorities, link={"host": "", **plain}, https={"port": 0, **plain}
    ) as gateway:
        assert gateway.link.startswith("127.0.0.1:")
        assert gateway.https.startswith("127.0.0.1:")
        async with httpx.AsyncClient(trust_env=False) as client:
            headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
            assert (await client.get(f"http://{gateway.https}/v1/accounts")).status_code == 401
            assert (await client.get(f"http://{gateway.https}/v1/accounts", headers=headers)).status_code == 200


async def test_a_taken_port_is_told(gateway: RunningGateway, database: str, authorities: Authorities) -> None:
    """A port that somebody holds is a fault of the configuration, named by its setting."""
    link = {"port": int(gateway.link.rpartition(":")[2])}
    with pytest.raises(ConfigurationError, match=r"gateway\.link\.port: cannot listen"):
        async with running_gateway(database, authorities, link=link):
            pass
    https = {"host": "127.0.0.1", "port": int(gateway.https.rpartition(":")[2])}
    with pytest.raises(ConfigurationError, match=r"gateway\.https\.port: cannot listen"):
        async with running_gateway(database, authorities, https=https):
            pass
