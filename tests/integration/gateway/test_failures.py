"""A database that is away, a gateway as a process, and configurations that are wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.support.gateway import Authorities, running_gateway, settings
from tests.support.mirror_data import PODS, part, upsert
from tests.support.scripted_bridge import bridge, until
from tests.support.services import eventually

from fairlead.cli.parts.postgres import Postgres
from fairlead.contracts.envelope import Batch, Source


async def _run(configuration: Path, *arguments: str) -> asyncio.subprocess.Process:
    environment = {"PATH": os.defpath, "FAIRLEAD_CONFIG": str(configuration)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fairlead.gateway", *arguments,
        env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


def _configuration(directory: Path, document: dict[str, Any]) -> Path:
    path = directory / "fairlead.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def _document(database: str, directory: Path, **gateway: Any) -> dict[str, Any]:
    section = settings(database, directory, **gateway).gateway.model_dump(mode="json", by_alias=True)
    section["database"]["dsn"] = database
    return {"health": {"enabled": False}, "gateway": section}


async def test_commits_wait_for_the_database(postgres_server: Postgres, authorities: Authorities) -> None:
    """While the database is away nothing is acknowledged or lost, calls are told to wait, readers get 503; then all goes on."""
    dsn = postgres_server.create_database("gateway")
    async with running_gateway(dsn, authorities) as gateway, gateway.api() as api, bridge(gateway) as agent:
        await agent.claim("shop")
        opened = await agent.open()
        source = Source("shop", "cluster-1", PODS, "", opened.session, opened.epoch)
        await asyncio.to_thread(postgres_server.kill)
        sent = await agent.send_batch(Batch([source], [part(1, upsert("web", 5))]))
        answer = await api.get("/v1/operations")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        await eventually(lambda: "database" in gateway.scope.not_ready(), what="not ready")
        assert agent.acked < sent
        await asyncio.to_thread(postgres_server.start)
        await agent.until_acked(sent)
        await eventually(lambda: not gateway.scope.not_ready(), what="ready again")
        items = (await api.get("/v1/accounts/shop/objects", params={"kind": "Pod"})).json()["items"]
        assert [item["name"] for item in items] == ["web"]


async def test_a_process_that_waits_for_its_database(postgres_server: Postgres, authorities: Authorities) -> None:
    """Started before its database, the gateway waits, says so, then opens its doors; SIGTERM ends it with 0."""
    dsn = postgres_server.create_database("gateway")
    directory = authorities.directory
    configuration = _configuration(directory, _document(dsn, directory))
    await asyncio.to_thread(postgres_server.kill)
    process = await _run(configuration)
    try:
        assert process.stderr is not None
        while "waiting for the database" not in (await asyncio.wait_for(process.stderr.readline(), 30)).decode():
            pass
        assert not (directory / "addresses.json").exists()
        await asyncio.to_thread(postgres_server.start)
        await eventually((directory / "addresses.json").exists, what="open doors")
        address = json.loads((directory / "addresses.json").read_text())["https"]
        async with httpx.AsyncClient(verify=False, trust_env=False) as client:  # noqa: S501 - only whether it is ready

            async def ready() -> bool:
                return (await client.get(f"https://{address}/readyz")).status_code == 200

            await until(ready)
    finally:
        process.send_signal(signal.SIGTERM)
        _, stderr = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, stderr.decode()


async def test_migrate_ends_and_is_needed_where_starting_may_not_change(
    database: str, authorities: Authorities
) -> None:
    """With `migrate: false` an empty database is refused with the command to run; after it the gateway starts."""
    document = _document(database, authorities.directory)
    document["gateway"]["database"]["migrate"] = False
    configuration = _configuration(authorities.directory, document)
    refused = await _run(configuration)
    _, stderr = await asyncio.wait_for(refused.communicate(), 30)
    assert refused.returncode == 2
    assert "fairlead gateway migrate" in stderr.decode()
    migrated = await _run(configuration, "migrate")
    _, stderr = await asyncio.wait_for(migrated.communicate(), 30)
    assert migrated.returncode == 0, stderr.decode()
    started = await _run(configuration)
    try:
        await eventually((authorities.directory / "addresses.json").exists, what="open doors")
    finally:
        started.send_signal(signal.SIGTERM)
        _, stderr = await asyncio.wait_for(started.communicate(), 30)
    assert started.returncode == 0, stderr.decode()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"database": {"dsn": ""}, "keyFile": None}, ["gateway.database", "gateway.keyFile"]),
        ({"database": {"dsn": "no dsn at all ="}}, ["connection string"]),
        (
            {"credentials": [{"name": "a", "kind": "api", "accounts": ["*"]}]},
            ["set one of sha256, tokenFile, certificate"],
        ),
        ({"credentials": [{"name": "a", "kind": "api", "accounts": ["*"], "tokenFile": "/nowhere"}]}, ["/nowhere"]),
        ({"link": {"tls": {"certFile": "/nowhere.crt", "keyFile": "/nowhere.key"}}}, ["/nowhere.crt", "/nowhere.key"]),
    ],
)
async def test_bad_configurations(authorities: Authorities, change: dict[str, Any], told: list[str]) -> None:
    """Faults of the configuration are all named, and the exit code is 2."""
    document = _document("postgresql://nobody@127.0.0.1:1/none", authorities.directory)
    document["gateway"] |= change
    process = await _run(_configuration(authorities.directory, document))
    _, stderr = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2, stderr.decode()
    assert all(each in stderr.decode() for each in told), stderr.decode()
