"""F18 and what the mirror's readers cost: lists, named rows, watches, and the gateway's memory meanwhile."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import uvloop
from benchmarks.figures import Figure, beside, figure
from benchmarks.load import pod, with_volume
from benchmarks.processes import CpuMeter, Sampler, percentile, pss_mib
from benchmarks.rig import ACCOUNT, Rig, rig

from fairlead.contracts.envelope import Batch, Change, Event, Part, Source
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.core.claims import AccountClaim, ClusterIdentity
from fairlead.gateway.core.sessions import OpenRequest

ROWS = 100_000
LISTED = 10_000
LISTS = 7
WATCHERS = 100
CHANGES = 200
"""Single changes whose way to all watchers is timed."""
BURST = 20_000
BATCH = 250
PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
CLUSTER = ClusterIdentity("bench-uid", "bench", "bench")
_TAKEN = {"phase": "Running", "podIP": "10.0.0.1", "hostIP": "10.0.0.2", "qosClass": "Burstable"}


def measure(directory: Path) -> Iterator[Figure]:
    """Fill the mirror and read it."""
    with rig(directory, directory / "no-cluster", ["Pod"], one_process=True) as bench:
        yield from uvloop.run(_measure(bench))


async def _measure(bench: Rig) -> list[Figure]:
    async with Database(bench.stack.addresses.database) as database:
        writer = await _Writer.begin(database)
        for start in range(0, ROWS, BATCH):
            await writer.send(range(start, start + BATCH))
        await asyncio.to_thread(bench.database.execute, "vacuum analyze objects")
        gateway = bench.pids("gateway")
        figures = []
        async with _session(bench) as session:
            before = pss_mib(gateway["gateway"])
            with Sampler(gateway) as memory:
                figures.append(await _lists(bench, session))
                figures.append(await _rows(bench, session))
            figures.append(beside("LIST memory", "gateway's PSS at its peak during lists", memory.peak_mib, "MiB",
                                  f"{before:.0f} MiB before them"))  # fmt: skip
        figures += await _watches(bench, writer, gateway)
    return figures


async def _lists(bench: Rig, session: aiohttp.ClientSession) -> Figure:
    """F18: the list of a namespace."""
    url = f"{bench.stack.addresses.api}/accounts/{ACCOUNT}/api/v1/namespaces/{_namespace(0)}/pods"
    took, size = [], 0
    meter = CpuMeter(bench.pids("gateway", "postgres"))
    for _ in range(LISTS):
        began, size = time.perf_counter(), 0
        async with session.get(url, headers=_bearer(bench.stack.files.facade_token)) as answer:
            answer.raise_for_status()
            async for piece in answer.content.iter_any():
                size += len(piece)
        took.append(time.perf_counter() - began)
    cpu = ", ".join(f"{name} {seconds / LISTS:.2f} s" for name, seconds in meter.used().items())
    detail = f"{size / 1e6:.0f} MB over TLS; first {took[0]:.3f} s, slowest {max(took):.3f} s; CPU of each: {cpu}"
    return figure("F18", percentile(took, 0.5), detail)


async def _rows(bench: Rig, session: aiohttp.ClientSession) -> Figure:
    """F18: one row through REST."""
    name = pod(7)["metadata"]["name"]
    url = (
        f"{bench.stack.addresses.api}/v1/accounts/{ACCOUNT}/objects?resource=pods&namespace={_namespace(7)}&name={name}"
    )
    took = []
    for _ in range(300):
        began = time.perf_counter()
        async with session.get(url, headers=_bearer(bench.stack.files.api_token)) as answer:
            answer.raise_for_status()
            await answer.read()
        took.append((time.perf_counter() - began) * 1000)
    return figure("F18 row", percentile(took, 0.5), f"p99 {percentile(took, 0.99):.1f} ms")


async def _watches(bench: Rig, writer: _Writer, gateway: Mapping[str, int]) -> list[Figure]:
    """A hundred clients watch all pods, and one more that does not read."""
    version, meter = await _version(bench), CpuMeter(gateway)
    clients = [_Client() for _ in range(WATCHERS)]
    stalled = _Client()
    before = pss_mib(gateway["gateway"])
    for client in (*clients, stalled):
        await client.open(bench, version)
    with Sampler(gateway) as memory:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.read()) for client in clients]
            took = []
            for number in range(CHANGES):
                began = time.perf_counter()
                await writer.send([number])
                await _all_have(clients, number + 1)
                took.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            for start in range(0, BURST, BATCH):
                await writer.send(range(start, start + BATCH))
            written = time.perf_counter() - began
            await _all_have(clients, CHANGES + BURST)
            burst = time.perf_counter() - began
            for task in tasks:
                task.cancel()
    for client in (*clients, stalled):
        client.writer.close()
    return [
        beside("WATCH p50", f"commit begun → told to the last of {WATCHERS} watchers, p50", percentile(took, 0.5), "ms",
               f"p99 {percentile(took, 0.99):.1f} ms"),
        beside("WATCH events", f"events a second told to {WATCHERS} watchers together", BURST * WATCHERS / burst, "1/s",
               f"{BURST} changes of 4 KB; written in {written:.1f} s, told in {burst:.1f} s, CPU of the gateway {meter.used()['gateway']:.1f} s"),
        beside("WATCH memory", f"gateway's PSS at its peak with {WATCHERS} watchers and one that does not read",
               memory.peak_mib, "MiB", f"{before:.0f} MiB before them"),
    ]  # fmt: skip


async def _all_have(clients: list[_Client], events: int) -> None:
    for client in clients:
        while client.events < events:
            client.came.clear()
            await asyncio.wait_for(client.came.wait(), 120)


async def _version(bench: Rig) -> str:
    async with _session(bench) as session:
        url = f"{bench.stack.addresses.api}/accounts/{ACCOUNT}/api/v1/pods?fieldSelector=metadata.name%3Dnone"
        async with session.get(url, headers=_bearer(bench.stack.files.facade_token)) as answer:
            answer.raise_for_status()
            return str((await answer.json())["metadata"]["resourceVersion"])


class _Client:
    """A watch that counts lines."""

    def __init__(self) -> None:
        self.events = 0
        self.came = asyncio.Event()

    async def open(self, bench: Rig, version: str) -> None:
        """Ask, and read the head."""
        context = ssl.create_default_context(cafile=bench.stack.files.ca)
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", bench.stack.addresses.api_port, ssl=context, server_hostname="localhost"
        )
        token = bench.stack.files.facade_token.read_text().strip()
        path = f"/accounts/{ACCOUNT}/api/v1/pods?watch=true&resourceVersion={version}"
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head:
            raise RuntimeError(head.decode())

    async def read(self) -> None:
        """Count events; a chunk's own line has no brace behind it."""
        while piece := await self.reader.read(256 * 1024):
            self.events += piece.count(b"}\n")
            self.came.set()


class _Writer:
    """The reflector's session."""

    def __init__(self, mirror: PostgresMirror, source: Source) -> None:
        self.mirror, self.source = mirror, source
        self.number = self.version = 0

    @classmethod
    async def begin(cls, database: Database) -> _Writer:
        """Claim the account and open a session."""
        await PostgresAccounts(database).claim_account(AccountClaim(ACCOUNT, CLUSTER), zone="bench", agent="bench")
        mirror = PostgresMirror(database)
        opened = await mirror.open_session(OpenRequest(ACCOUNT, CLUSTER, PODS, "", "all", 0, 0))
        return cls(mirror, Source(ACCOUNT, CLUSTER.uid, PODS, "", opened.session, opened.epoch))

    async def send(self, numbers: range | list[int]) -> None:
        """Write pods anew."""
        events = [self._event(number) for number in numbers]
        self.number += 1
        await self.mirror.commit([Batch([self.source], [Part(0, self.number, self.version, events, None)])])

    def _event(self, number: int) -> Event:
        self.version += 1
        manifest = with_volume(pod(number, self.version))
        uid = f"uid-{number:08}"
        manifest["metadata"] |= {"namespace": _namespace(number), "uid": uid, "resourceVersion": str(self.version)}
        manifest["status"] = _TAKEN
        key = ObjectKey(_namespace(number), manifest["metadata"]["name"])
        return Event(Change.UPSERT, key, uid, self.version, 0, json.dumps(manifest, separators=(",", ":")).encode())


def _namespace(number: int) -> str:
    return f"bench-{number // LISTED}"


def _bearer(token: Path) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.read_text().strip()}", "Accept": "application/json"}


@asynccontextmanager
async def _session(bench: Rig) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cafile=bench.stack.files.ca)
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=1024 * 1024) as session:
        yield session
