"""F14 and what the tunnel carries: operations, named reads, large bodies beside a stalled reader, Clouddriver's caching."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from benchmarks.figures import Figure, beside, figure
from benchmarks.load import load, namespace_of, pod, prepare_namespaces, with_volume
from benchmarks.processes import Sampler, percentile, pss_mib
from benchmarks.rig import ACCOUNT, Rig, control_plane, rig
from tests.support.kubernetes_control_plane import ControlPlane
from ulid import ULID

KINDS = (
    "Deployment", "CronJob", "DaemonSet", "Job", "ReplicaSet", "StatefulSet", "Pod", "Ingress", "Service", "NetworkPolicy",
    "Namespace", "CustomResourceDefinition.apiextensions.k8s.io", "ConfigMap",
)  # fmt: skip
CACHED = "deployment,cronJob,daemonSet,job,replicaSet,statefulSet,pod,ingress,service,networkPolicy"
"""What one kubectl of Clouddriver's caching lists (KubernetesCachingAgent)."""
NAMESPACES = 20
PODS = 4000
APPLIES = 100
READERS = 20
CYCLE_S = 30.0
"""Clouddriver's caching interval."""
POD = f"/api/v1/namespaces/{namespace_of(0)}/pods/app-0-0"


@dataclass(frozen=True)
class Door:
    """One way to the API server's API, with a connection pool."""

    session: aiohttp.ClientSession
    base: str

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Begin a request."""
        return self.session.request(method, self.base + path, **options)

    async def read(self, path: str) -> int:
        """Read a path whole; returns the size."""
        async with self.request("GET", path) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {await answer.text()}")
            return len(await answer.read())


def measure(directory: Path) -> Iterator[Figure]:
    """Load 4,000 pods and measure on them."""
    with control_plane(directory / "cluster") as plane:
        asyncio.run(prepare_namespaces(plane.kubeconfig))
        creations = [
            (f"/api/v1/namespaces/{namespace_of(number)}/pods", json.dumps(with_volume(pod(number))).encode())
            for number in range(PODS)
        ]
        asyncio.run(load(plane.kubeconfig, creations))
        with rig(directory / "one", plane.kubeconfig, KINDS, one_process=True) as bench:
            bench.start_agent(wait=True)
            bench.wait(lambda: bench.rows() >= PODS, timeout_s=120, poll_s=0.05)
            gateway = bench.pids("gateway")
            before = pss_mib(gateway["gateway"])
            with Sampler(gateway) as memory:
                yield from asyncio.run(_exchanges(bench, plane))
            yield beside("gateway memory", "gateway's PSS at its peak during exchanges", memory.peak_mib, "MiB",
                         f"{before:.0f} MiB before them")  # fmt: skip
            yield from _caching(bench, plane, directory)


async def _exchanges(bench: Rig, plane: ControlPlane) -> list[Figure]:
    async with _facade(bench) as facade, _direct(plane) as direct, _rest(bench) as rest:
        return [
            *await _round_trips(rest, direct),
            await _named_reads(facade, direct),
            *await _large_bodies(facade),
        ]


async def _round_trips(rest: Door, direct: Door) -> list[Figure]:
    """F14: an apply as an operation, less what the same apply takes at the API server itself."""
    namespace = namespace_of(1)
    path = f"/api/v1/namespaces/{namespace}/configmaps/round-trip?fieldManager=bench&force=true"

    async def at_server(number: int) -> None:
        headers = {"Content-Type": "application/apply-patch+yaml"}
        async with direct.request("PATCH", path, data=json.dumps(_config_map(number)), headers=headers) as answer:
            answer.raise_for_status()

    async def as_operation(number: int) -> None:
        manifest = _config_map(number)
        manifest["metadata"]["namespace"] = namespace
        body = {"id": str(ULID()), "account": ACCOUNT, "kind": "apply", "manifest": manifest, "fieldManager": "bench",
                "force": True}  # fmt: skip
        async with rest.request("POST", "/v1/operations?wait=30s", json=body) as answer:
            told = await answer.json()
            if told.get("state") != "succeeded":
                raise RuntimeError(f"an apply ended as {told}")

    own = await _times(at_server)
    whole = await _times(as_operation)
    net = percentile(whole, 0.5) - percentile(own, 0.5)
    detail = f"whole p50 {percentile(whole, 0.5):.1f} ms, p99 {percentile(whole, 0.99):.1f} ms; API server {percentile(own, 0.5):.1f} ms"
    return [figure("F14", net, detail)]


async def _times(act: Callable[[int], Awaitable[None]]) -> list[float]:
    """Milliseconds of each call, one after the other, the first ones apart."""
    took = []
    for number in range(APPLIES + 5):
        began = time.perf_counter()
        await act(number)
        took.append((time.perf_counter() - began) * 1000)
    return took[5:]


async def _named_reads(facade: Door, direct: Door) -> Figure:
    """Named GETs a second over twenty connections; they are read live."""
    through = await _rate(facade)
    at_server = await _rate(direct)
    return beside(
        "GET", "named GETs a second through the tunnel", through, "1/s", f"{at_server:.0f}/s at the API server itself"
    )


async def _rate(door: Door) -> float:
    """Reads a second that twenty clients get done in five seconds."""
    end = time.perf_counter() + 5.0
    done = 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await door.read(POD)
            done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(client())
    return done / 5.0


async def _large_bodies(facade: Door) -> list[Figure]:
    """Twenty read the same large live list at once, one of them stops reading: the others must not notice."""
    stalled = await facade.request("GET", "/api/v1/pods", headers={"Fairlead-Read": "live"})
    try:
        await stalled.content.readexactly(1000)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(_live_list(facade)) for _ in range(READERS - 1)]
        sizes = [reader.result() for reader in readers]
        took = time.perf_counter() - began
    finally:
        stalled.close()
    return [
        beside("tunnel", "tunnelled bodies, nineteen readers beside a stalled one", sum(sizes) / took / 1e6, "MB/s",
               f"{len(sizes)} times {sizes[0] / 1e6:.0f} MB in {took:.1f} s"),
    ]  # fmt: skip


async def _live_list(facade: Door) -> int:
    size = 0
    async with facade.request("GET", "/api/v1/pods", headers={"Fairlead-Read": "live"}) as answer:
        answer.raise_for_status()
        async for piece in answer.content.iter_any():
            size += len(piece)
    return size


def _caching(bench: Rig, plane: ControlPlane, directory: Path) -> Iterator[Figure]:
    """The API server's requests a minute while Clouddriver caches twenty namespaces, past the gateway and through it."""
    kubectl = plane.binaries / "kubectl"
    direct = _requests_a_minute(plane, kubectl, plane.kubeconfig, directory / "home-direct")
    through = _requests_a_minute(plane, kubectl, bench.stack.kubeconfig(ACCOUNT), directory / "home-facade")
    yield beside(
        "caching direct", "API-server requests a minute, Clouddriver caching 20 namespaces directly", direct, "1/min"
    )
    yield beside("caching facade", "the same through the facade, the agent's own requests included", through, "1/min")
    yield beside("caching ratio", "requests spared", direct / max(through, 1.0), "x",
                 f"{direct:.0f} against {through:.0f} a minute")  # fmt: skip


def _requests_a_minute(plane: ControlPlane, kubectl: Path, kubeconfig: Path, home: Path) -> float:
    """Run two caching cycles, as many as a minute has, and count what the API server served."""
    home.mkdir(parents=True)
    _cycle(kubectl, kubeconfig, home, ["get", "namespace"])  # discovery is read once in six hours
    before, began = _served(plane), time.perf_counter()
    for _ in range(2):
        cycle_began = time.perf_counter()
        _cycle(kubectl, kubeconfig, home, ["get", "namespace"])
        _cycle(kubectl, kubeconfig, home, ["get", "customResourceDefinition"])
        for number in range(NAMESPACES):
            _cycle(kubectl, kubeconfig, home, [f"--namespace={namespace_of(number)}", "get", CACHED])
        time.sleep(max(0.0, CYCLE_S - (time.perf_counter() - cycle_began)))
    return (_served(plane) - before) / ((time.perf_counter() - began) / 60)


def _cycle(kubectl: Path, kubeconfig: Path, home: Path, words: list[str]) -> None:
    """Run one kubectl as Clouddriver does; what it prints is thrown away."""
    pid = os.posix_spawn(
        kubectl,
        [str(kubectl), f"--kubeconfig={kubeconfig}", "-o", "json", *words],
        {"HOME": str(home)},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"kubectl {' '.join(words)} failed")


def _served(plane: ControlPlane) -> int:
    """Requests that the API server has answered to others than itself."""
    return sum(
        event["stage"] == "ResponseComplete" and not event["user"]["username"].startswith("system:")
        for event in plane.audit_events()
    )


def _config_map(number: int) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "round-trip"},
            "data": {"number": str(number), "salt": secrets.token_hex(200)}}  # fmt: skip


@asynccontextmanager
async def _facade(bench: Rig) -> AsyncIterator[Door]:
    files = bench.stack.files
    token = files.facade_token.read_text(encoding="utf-8").strip()
    async with _pool(token, ssl.create_default_context(cafile=files.ca)) as session:
        yield Door(session, bench.stack.facade(ACCOUNT))


@asynccontextmanager
async def _rest(bench: Rig) -> AsyncIterator[Door]:
    files = bench.stack.files
    token = files.api_token.read_text(encoding="utf-8").strip()
    async with _pool(token, ssl.create_default_context(cafile=files.ca)) as session:
        yield Door(session, bench.stack.addresses.api)


@asynccontextmanager
async def _direct(plane: ControlPlane) -> AsyncIterator[Door]:
    async with _pool(plane.admin_token, ssl.create_default_context(cafile=plane.ca_file)) as session:
        yield Door(session, plane.server)


def _pool(token: str, context: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {token}"},
        connector=aiohttp.TCPConnector(ssl=context, limit=64),
        timeout=aiohttp.ClientTimeout(total=120),
    )
