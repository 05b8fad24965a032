"""F1 and F3 to F9: a first sync, restarts, updates and single writes, against a real kube-apiserver."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from benchmarks.figures import Figure, beside, figure
from benchmarks.load import creations, load, namespace_of, pod, prepare_namespaces
from benchmarks.processes import CpuMeter, Sampler, percentile, pss_mib, told
from benchmarks.profiles import profiled
from benchmarks.rig import CHANNEL, Rig, control_plane, rig
from tests.support.kubernetes_control_plane import ControlPlane

from fairlead.kube.credentials import from_kubeconfig
from fairlead.kube.session import KubeSession

KINDS = ("Pod", "ConfigMap")
MERGE = "application/merge-patch+json"


def measure(directory: Path, *, pods: int, config_maps: int, profiles: Path | None) -> Iterator[Figure]:
    """Load a cluster once, and measure on it with a one-process agent and with four; sample the four when asked."""
    with control_plane(directory / "cluster") as plane:
        asyncio.run(prepare_namespaces(plane.kubeconfig))
        began = time.perf_counter()
        objects = asyncio.run(load(plane.kubeconfig, creations(pods, config_maps)))
        print(f"loaded {objects} objects in {time.perf_counter() - began:.0f} s")
        objects = _count(plane)
        with rig(directory / "one", plane.kubeconfig, KINDS, one_process=True) as one:
            yield from _first_sync(one, objects, one_process=True)
            yield from _updates(one, plane, min(5000, pods))
            yield from _single_writes(one, plane)
            yield from _restart(one, plane, forgotten=False)
            yield from _restart(one, plane, forgotten=True)
        with rig(directory / "four", plane.kubeconfig, KINDS, one_process=False) as four:
            yield from _first_sync(four, objects, one_process=False)
            yield from _single_writes(four, plane, beside_only=True)
        if profiles is not None:
            with rig(directory / "sampled", plane.kubeconfig, KINDS, one_process=False) as sampled:
                profiles.write_text(_profiles(sampled, plane, objects, directory / "samples"))


def _profiles(bench: Rig, plane: ControlPlane, objects: int, directory: Path) -> str:
    """Sample every service during a first sync and during updates; sampling slows what it samples, so no figure is taken."""
    services = ("watcher", "scrubber", "bridge", "gateway")
    bench.start_agent(wait=True)
    with profiled(bench.pids(*services), directory) as listing:
        bench.wait(lambda: bench.rows() >= objects, timeout_s=300, poll_s=0.05)
    with profiled(bench.pids(*services), directory) as updating:
        list(_updates(bench, plane, 2000))
    chapters = [("First sync", listing), ("Updates", updating)]
    told_ = [f"## {title}: {name}\n\n{text}\n" for title, profile in chapters for name, text in profile.items()]
    return "# Profiles\n\nMade by `python -m benchmarks.run --profile`.\n\n" + "\n".join(told_)


def _count(plane: ControlPlane) -> int:
    """How many objects of the kinds the cluster has: it makes a few of its own."""
    total = 0
    for plural in ("pods", "configmaps"):
        answer = plane.request("GET", f"/api/v1/{plural}?limit=1")
        total += len(answer["items"]) + answer["metadata"].get("remainingItemCount", 0)
    return total


def _first_sync(bench: Rig, objects: int, *, one_process: bool) -> Iterator[Figure]:
    """From the start of the agent's processes to the last row."""
    bench.start_agent()
    meter = CpuMeter(bench.pids())
    agent = bench.pids(*bench.agent, "gateway")
    with Sampler(agent) as memory:
        took = bench.wait(lambda: bench.rows() >= objects, timeout_s=300, poll_s=0.05)
        used = meter.used()
    resting = _rest(agent)
    detail = told(used, objects)
    size = bench.one("select pg_total_relation_size('objects')") / objects
    body = float(bench.one("select avg(octet_length(body)) from objects"))
    peaks = ", ".join(f"{name} {value:.0f}" for name, value in memory.peaks.items())
    if one_process:
        yield figure("F3", took, f"{objects / took:.0f} objects/s, agent start-up included")
        yield figure("F4", memory.peak_mib, f"peaks: {peaks}")
        yield figure("F5", sum(resting.values()), ", ".join(f"{name} {value:.0f}" for name, value in resting.items()))
        yield figure("F8", sum(used.values()) / objects * 1000, detail)
        yield figure("F9", size / 1000, f"objects of {body / 1000:.1f} KB on average")
    else:
        yield beside("F3 five", "first sync, five processes", took, "s", f"{objects / took:.0f} objects/s")
        yield beside("F4 five", "peak memory, five processes", memory.peak_mib, "MiB", f"peaks: {peaks}")
        yield beside("F5 five", "resting memory, five processes", sum(resting.values()), "MiB")
        yield beside(
            "F8 five",
            "CPU per object of a first sync, five processes",
            sum(used.values()) / objects * 1000,
            "ms",
            detail,
        )


def _rest(pids: dict[str, int]) -> dict[str, float]:
    """Memory once it stays the same for three seconds."""
    before = -1.0
    for _ in range(10):
        now = {name: pss_mib(pid) for name, pid in pids.items()}
        if abs(sum(now.values()) - before) < 1:
            break
        before = sum(now.values())
        time.sleep(3)
    return now


def _updates(bench: Rig, plane: ControlPlane, count: int) -> Iterator[Figure]:
    """Patch pods as fast as the API server takes it; CPU of everything but the cluster, until the last row stands."""
    patches = [
        (_path(number), json.dumps({"metadata": {"annotations": {"bench/revision": str(time.time_ns())}}}).encode())
        for number in range(count)
    ]
    before = bench.one("select change from accounts")
    meter = CpuMeter(bench.pids())
    began = time.perf_counter()
    asyncio.run(load(plane.kubeconfig, patches, "PATCH", MERGE))
    sent = time.perf_counter() - began
    lag = bench.wait(lambda: bench.one("select change from accounts") >= before + count, timeout_s=60)
    used = meter.used()
    yield figure("F7", sum(used.values()) / count * 1000, f"{count / sent:.0f} updates/s, {told(used, count)}")
    yield beside("F2", "last row behind the last of many writes", lag * 1000, "ms", f"at {count / sent:.0f} writes/s")


def _single_writes(bench: Rig, plane: ControlPlane, *, count: int = 300, beside_only: bool = False) -> Iterator[Figure]:
    """Write one object after the other, idle in between, and hear of each commit."""
    delays = asyncio.run(_delays(bench.stack.addresses.database, plane.kubeconfig, count))
    p50, p90, p99 = (percentile(delays, share) * 1000 for share in (0.5, 0.9, 0.99))
    detail = f"p90 {p90:.1f} ms, max {max(delays) * 1000:.1f} ms, {count} writes"
    if beside_only:
        yield beside("F1 five p50", "write → row committed, five processes, p50", p50, "ms", detail)
        yield beside("F1 five p99", "the same, p99", p99, "ms")
    else:
        yield figure("F1 p50", p50, detail)
        yield figure("F1 p99", p99)


async def _delays(dsn: str, kubeconfig: Path, count: int) -> list[float]:
    credentials = await from_kubeconfig(kubeconfig)
    delays = []
    database = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    async with KubeSession(credentials) as session, database:
        await database.execute(f"listen {CHANNEL}")
        for number in range(count):
            body = json.dumps({"data": {"probe": str(time.time_ns())}}).encode()
            path = f"/api/v1/namespaces/{namespace_of(number)}/configmaps/config-{number}"
            answer = await session.request("PATCH", path, headers={"Content-Type": MERGE}, body=body)
            answered = time.perf_counter()
            version = int(json.loads(answer.body)["metadata"]["resourceVersion"])
            delays.append(await _committed(database, f"config-{number}", version) - answered)
            await asyncio.sleep(0.02)
    return delays


async def _committed(database: psycopg.AsyncConnection[tuple[object, ...]], name: str, version: int) -> float:
    """When the row of a version was heard of."""
    query = "select 1 from objects where namespace like 'bench-%%' and name = %s and version >= %s"
    for _ in range(200):
        async for _ in database.notifies(timeout=0.05, stop_after=1):
            pass
        heard = time.perf_counter()
        if await (await database.execute(query, (name, version))).fetchone():
            return heard
    raise TimeoutError(f"{name} at {version} was not seen within 10 s")


def _restart(bench: Rig, plane: ControlPlane, *, forgotten: bool) -> Iterator[Figure]:
    """Stop the agent, change a hundred objects, start it: until all of them are visible."""
    bench.stop_agent()
    revision = f"restart-{forgotten}"
    patches = [
        (_path(number * 7), json.dumps({"metadata": {"annotations": {"bench/revision": revision}}}).encode())
        for number in range(100)
    ]
    asyncio.run(load(plane.kubeconfig, patches, "PATCH", MERGE))
    if forgotten:
        plane.compact()
    before = bench.one("select change from accounts")
    bench.start_agent()
    took = bench.wait(lambda: bench.one("select change from accounts") >= before + 100, timeout_s=120)
    yield figure("F6 relist" if forgotten else "F6", took, "from the start of the process")


def _path(number: int) -> str:
    return f"/api/v1/namespaces/{namespace_of(number)}/pods/{pod(number)['metadata']['name']}"
