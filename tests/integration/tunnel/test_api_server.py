"""Through the tunnel to a real kube-apiserver, with the rights that the generated users of nats-server give."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.tunnel.test_exchanges import pieces, whole
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.tunnel_way import Way, request, standing

from fairlead.cli.nats_config import authorization
from fairlead.cli.parts.nats_server import NatsServer

JSON = ("Accept", "application/json")


@pytest.fixture
def kubeconfig(control_plane: ControlPlane, tmp_path: Path) -> Path:
    """Of the administrator."""
    document = json.loads(control_plane.kubeconfig.read_text())
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps({**document, "current-context": "admin"}))
    return file


@pytest.fixture
async def way(nats_servers: Callable[..., NatsServer], kubeconfig: Path) -> AsyncIterator[Way]:
    """Each part with its own user of nats-server."""
    server = nats_servers(config=authorization(lambda user: f'"{user}"'))

    def as_user(name: str) -> str:
        return server.url.replace("nats://", f"nats://{name}@")

    users = {name: as_user(name) for name in ("bridge", "executor")}
    async with standing(as_user("watcher"), kubeconfig, bus_urls=users) as way:
        yield way


async def ask(way: Way, method: str, target: str, content_type: str = "", body: Any = None) -> tuple[int, Any]:
    """Send a request; gives status and document."""
    headers = (JSON, ("Content-Type", content_type)) if content_type else (JSON,)
    content = pieces(json.dumps(body).encode()) if body is not None else None
    async with way.tunnel.exchange(request(method, target, headers=headers, body=content)) as answer:
        return answer.status, json.loads(await whole(answer.body))


PATCHES = [
    ("application/merge-patch+json", {"data": {"rig": "sloop"}}),
    ("application/strategic-merge-patch+json", {"data": {"rig": "sloop"}}),
    ("application/json-patch+json", [{"op": "replace", "path": "/data/rig", "value": "sloop"}]),
    ("application/apply-patch+yaml", {"apiVersion": "v1", "kind": "ConfigMap", "data": {"rig": "sloop"}}),
]


async def test_a_life(way: Way, namespace: str, control_plane: ControlPlane) -> None:
    """Created, read, patched in each way, replaced, deleted; each write once in the API server's own log."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    cargo = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cargo"}, "data": {"rig": "cutter"}}
    assert (await ask(way, "POST", path, "application/json", cargo))[0] == 201
    status, again = await ask(way, "POST", path, "application/json", cargo)
    assert (status, again["reason"]) == (409, "AlreadyExists")
    for content_type, patch in PATCHES:
        query = "?fieldManager=test&force=true" if "apply" in content_type else ""
        status, patched = await ask(way, "PATCH", f"{path}/cargo{query}", content_type, patch)
        assert (status, patched["data"]) == (200, {"rig": "sloop"})
        assert (await ask(way, "PUT", f"{path}/cargo", "application/json", cargo))[0] == 200
    assert (await ask(way, "GET", f"{path}/cargo"))[1]["data"] == {"rig": "cutter"}
    assert (await ask(way, "DELETE", f"{path}/cargo"))[1]["status"] == "Success"
    assert (await ask(way, "GET", f"{path}/cargo"))[0] == 404

    writes = [
        each["auditID"] for each in control_plane.audit_events(namespace)
        if each.get("objectRef", {}).get("namespace") == namespace and each["verb"] in ("create", "patch", "update", "delete")
        and each["objectRef"].get("name") == "cargo" and each["stage"] == "ResponseComplete"
        and each["responseStatus"]["code"] < 300
    ]  # fmt: skip
    assert len(writes) == len(set(writes)) >= 2 + 2 * len(PATCHES) - 1
    assert all(each.endswith(".1") for each in writes)


async def test_a_list_in_gzip(way: Way, namespace: str) -> None:
    """As the API server packed it."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for number in range(8):
        large = {"metadata": {"name": f"cargo-{number}"}, "data": {"rig": "x" * 40_000}}
        assert (await ask(way, "POST", path, "application/json", large))[0] == 201
    asked = request("GET", path, headers=(JSON, ("Accept-Encoding", "gzip")))
    async with way.tunnel.exchange(asked) as answer:
        assert dict(answer.headers)["Content-Encoding"] == "gzip"
        found = json.loads(gzip.decompress(await whole(answer.body)))

    assert len([each for each in found["items"] if each["metadata"]["name"].startswith("cargo-")]) == 8


async def test_a_watch(way: Way, namespace: str) -> None:
    """An event comes as soon as it happens, in a stream that stays open."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    listed = (await ask(way, "GET", path))[1]["metadata"]["resourceVersion"]
    async with way.tunnel.exchange(
        request("GET", f"{path}?watch=1&resourceVersion={listed}", headers=(JSON,))
    ) as answer:
        for name in ("one", "two"):
            await ask(way, "POST", path, "application/json", {"metadata": {"name": name}})
            async with asyncio.timeout(5):
                while name not in (await anext(answer.body)).decode():
                    pass
