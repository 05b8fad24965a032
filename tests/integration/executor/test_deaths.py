"""Executors as processes that are killed and stopped under operations."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.executor_zone import ACCOUNT, Zone
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.services import eventually

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.cli.parts.ports import free_ports
from fairlead.cli.parts.processes import Process
from fairlead.contracts.v1.link_pb2 import OperationReport
from fairlead.runtime.bus import connect
from fairlead.runtime.sections import NatsSettings

OPERATIONS = 40
ROUND_S = 8.0
"""How long a round of resends is waited for; asking a dead owner takes some seconds."""
Start = Callable[[], Awaitable[Process]]


@pytest.fixture
async def zone(nats_server: NatsServer) -> AsyncIterator[Zone]:
    """A zone without executors."""
    async with connect(NatsSettings(url=nats_server.url), "test") as bus:
        zone = Zone(bus)
        await zone.open()
        yield zone


@pytest.fixture
def executor(tmp_path: Path, nats_server: NatsServer, control_plane: ControlPlane) -> Iterator[Start]:
    """Starts executors as processes; they end with the test."""
    started: list[Process] = []

    async def start() -> Process:
        number = len(started)
        health, metrics = free_ports(2)
        config = tmp_path / f"executor-{number}.yaml"
        account = {"name": ACCOUNT, "kubeconfigFile": str(control_plane.kubeconfig), "context": "admin"}
        document = {
            "nats": {"url": nats_server.url},
            "health": {"host": "127.0.0.1", "port": health, "metricsPort": metrics},
            "kubernetes": {"accounts": [account]},
            "stopTimeoutSeconds": 10,
        }
        config.write_text(json.dumps(document), encoding="utf-8")
        command = [sys.executable, "-m", "fairlead.executor"]
        process = Process(
            f"executor-{number}",
            command,
            log=tmp_path / f"executor-{number}.log",
            extra_env={"FAIRLEAD_CONFIG": str(config)},
        )
        started.append(process)
        # On a thread, so that the zone takes reports meanwhile.
        await asyncio.to_thread(
            process.start, lambda: "an account is ready" in process.log.read_text(encoding="utf-8"), timeout_s=60
        )
        return process

    yield start
    for process in started:
        process.kill()


def anchored(namespace: str, name: str) -> dict[str, Any]:
    """A ConfigMap whose deletion waits for a finalizer."""
    metadata = {"name": name, "namespace": namespace, "finalizers": ["example.test/anchor"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def weigh_anchor(plane: ControlPlane, namespace: str, name: str) -> None:
    """Let a deletion go on."""
    patch = json.dumps([{"op": "remove", "path": "/metadata/finalizers"}])
    plane.kubectl("-n", namespace, "patch", "configmap", name, "--type=json", "-p", patch)


async def resend(zone: Zone, number: int, request: dict[str, Any], *, attempt: int) -> int:
    """Send attempts until an executor that lives takes one; which it was.

    For a moment nats-server may still give them to one that was killed.
    """
    async with asyncio.timeout(ROUND_S):
        while not await zone.send(number, request, attempt=attempt):
            attempt += 1
    return attempt


async def test_the_owner_is_killed(zone: Zone, executor: Start, control_plane: ControlPlane, namespace: str) -> None:
    """A resend is told that the owner runs it; after its death an unfenced one is unknown, a fenced one is taken over."""
    first = await executor()
    created = [await zone.run(n, kind="create", manifest=anchored(namespace, f"cargo-{n}")) for n in (1, 2)]
    requests = {
        10: {"kind": "delete", "target": {"kind": "ConfigMap", "namespace": namespace, "name": "cargo-1"}},
        20: {
            "kind": "delete",
            "target": {"kind": "ConfigMap", "namespace": namespace, "name": "cargo-2"},
            "uid": created[1].report.uid,
        },
    }
    for number, request in requests.items():
        assert await zone.send(number, request)
        await zone.claimed(number)
    await executor()
    for attempt in (2, 3, 4):  # one of them reaches the other executor
        assert await zone.send(10, requests[10], attempt=attempt)
        await zone.claimed(10, attempt)
    first.kill()

    tenth = await resend(zone, 10, requests[10], attempt=5)
    twentieth = await resend(zone, 20, requests[20], attempt=5)
    unknown = await zone.ended(10, tenth)
    assert unknown.told == ("UNKNOWN", 0, "OutcomeUnknown")
    assert f"died in the middle; its request may have reached the API server; check ConfigMap {namespace}/cargo-1" in (
        unknown.report.message
    )
    weigh_anchor(control_plane, namespace, "cargo-2")
    assert (await zone.ended(20, twentieth)).told[0] == "SUCCEEDED"
    weigh_anchor(control_plane, namespace, "cargo-1")


async def test_an_orderly_stop_finishes_what_runs(
    zone: Zone, executor: Start, control_plane: ControlPlane, namespace: str
) -> None:
    """A stopped executor takes nothing more, and reports what it was at before it ends."""
    process = await executor()
    await zone.run(1, kind="create", manifest=anchored(namespace, "cargo"))
    target = {"kind": "ConfigMap", "namespace": namespace, "name": "cargo"}
    assert await zone.send(2, {"kind": "delete", "target": target})
    await zone.claimed(2)

    os.kill(process.pid, signal.SIGTERM)
    while await zone.send(3, {"kind": "get", "target": target}):
        pass
    weigh_anchor(control_plane, namespace, "cargo")

    assert (await zone.ended(2)).state == "SUCCEEDED"
    await eventually(lambda: not process.running)


async def test_many_deaths(
    zone: Zone, executor: Start, control_plane: ControlPlane, namespace: str, nats_server: NatsServer
) -> None:
    """Under kills of executors and a restart of nats-server each operation takes effect at most once, or is unknown."""
    processes = [await executor(), await executor()]
    incarnation = await zone.incarnation()
    requests = {
        number: {
            "kind": "create",
            "manifest": {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"generateName": f"cargo-{number}-", "namespace": namespace},
            },
        }
        for number in range(OPERATIONS)
    }

    def open_ones() -> list[int]:
        return [
            number for number in requests
            if not any(report.state != OperationReport.STATE_CLAIMED for report in zone.reports[zone.id(number)])
        ]  # fmt: skip

    attempt = 0
    while left := open_ones():
        attempt += 1
        assert attempt < 20, f"still open: {left}"
        for position, number in enumerate(left):
            await zone.send(number, requests[number], attempt=attempt, incarnation=incarnation)
            if attempt == 1 and position in (OPERATIONS // 3, 2 * OPERATIONS // 3):
                processes.pop(0).kill()
                processes.append(await executor())
            if attempt == 1 and position == OPERATIONS // 2:
                await asyncio.to_thread(nats_server.restart)
                await eventually(lambda: zone.bus.connected)
        with contextlib.suppress(AssertionError):
            await eventually(lambda: not open_ones(), within_s=ROUND_S)

    events = control_plane.audit_events(namespace)
    took_effect = [event["auditID"] for event in events if event["responseStatus"]["code"] < 300]
    done = 0
    for number in requests:
        ids = [each for each in took_effect if each.startswith(f"{zone.id(number)}.")]
        states = {OperationReport.State.Name(report.state) for report in zone.reports[zone.id(number)]}
        assert len(ids) <= 1, ids
        assert ids or "STATE_SUCCEEDED" not in states
        done += "STATE_SUCCEEDED" in states
    assert done >= OPERATIONS // 2
