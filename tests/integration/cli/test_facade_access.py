"""Tokens and kubeconfigs as commands make them open the gateway's Kubernetes API, and nothing else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.support.gateway import ADMIN_TOKEN, Authorities, RunningGateway, running_gateway
from tests.support.scripted_bridge import bridge

from fairlead.cli.app import run

PODS = "/api/v1/namespaces/shop/pods"


@pytest.fixture
async def gateway(database: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway at which an agent claimed an account."""
    async with running_gateway(database, Authorities(tmp_path)) as started, bridge(started) as agent:
        await agent.claim("shop")
        yield started


async def fairlead(gateway: RunningGateway, *arguments: str) -> int:
    """Run a command as administrator; returns its exit code."""

    def command() -> int:
        try:
            run([*arguments, "--gateway", f"https://{gateway.https}", "--token", ADMIN_TOKEN,
                 "--ca-file", str(gateway.authorities.directory / "ca.crt")])  # fmt: skip
        except SystemExit as done:
            return int(done.code or 0)
        return 0

    return await asyncio.to_thread(command)


async def status(kubeconfig: dict[str, Any], gateway: RunningGateway, token: str, method: str = "GET") -> int:
    """What a client gets that uses a kubeconfig and a token."""
    server = kubeconfig["clusters"][0]["cluster"]["server"]
    context = ssl.create_default_context(cafile=gateway.authorities.directory / "ca.crt")
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        answer = await client.request(method, server + PODS, headers={"Authorization": f"Bearer {token}"}, json={})
        return answer.status_code


async def test_tokens_change_under_a_kubeconfig(gateway: RunningGateway, tmp_path: Path) -> None:
    """Old and new hold at once; the file has the new one; the old one ends by name, within seconds."""
    file, written = tmp_path / "token", tmp_path / "kubeconfig"
    create = ("accounts", "token", "create", "shop", "--file", str(file))
    assert await fairlead(gateway, *create, "--name", "first") == 0
    first = file.read_text().strip()
    assert await fairlead(gateway, "kubeconfig", "shop", "--facade-token-file", str(file), "-o", str(written)) == 0
    kubeconfig = yaml.safe_load(written.read_text())
    assert kubeconfig["users"][0]["user"] == {"tokenFile": str(file)}
    assert await fairlead(gateway, *create, "--name", "second") == 0
    second = file.read_text().strip()
    assert first != second
    for token in (first, second):
        assert await status(kubeconfig, gateway, token) not in (401, 403)
    assert await fairlead(gateway, "accounts", "token", "revoke", "shop", "first") == 0
    async with asyncio.timeout(10):
        while await status(kubeconfig, gateway, first) != 401:  # noqa: ASYNC110 - the answer is another program's
            await asyncio.sleep(0.1)
    assert await status(kubeconfig, gateway, second) not in (401, 403)


async def test_a_reader_does_not_write(
    gateway: RunningGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does the token open another account, or REST; who wrote stands in the journal."""
    for name, more in (("looker", ["--read-only"]), ("writer", [])):
        file = str(tmp_path / name)
        assert await fairlead(gateway, "kubeconfig", "shop", "--name", name, "-o", file, *more) == 0
    looker, writer = (yaml.safe_load((tmp_path / name).read_text()) for name in ("looker", "writer"))
    token = looker["users"][0]["user"]["token"]
    assert await status(looker, gateway, token) not in (401, 403)
    assert await status(looker, gateway, token, "POST") == 403
    looker["clusters"][0]["cluster"]["server"] += "-2"
    assert await status(looker, gateway, token) in (401, 403)
    async with gateway.api(token) as api:
        assert (await api.get("/v1/accounts")).status_code == 401
    await status(writer, gateway, writer["users"][0]["user"]["token"], "POST")
    capsys.readouterr()
    assert await fairlead(gateway, "accounts", "writes", "shop") == 0
    shown = capsys.readouterr().out
    assert "writer" in shown
    assert "looker" not in shown
