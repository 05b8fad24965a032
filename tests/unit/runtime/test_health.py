"""Health and metrics listeners."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request

import pytest

from fairlead.runtime import health, metrics
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.sections import HealthSettings

LOOPBACK = HealthSettings(host="127.0.0.1", port=0, metrics_port=0)


async def get(port: int, path: str) -> tuple[int, str]:
    """Ask a listener."""

    def ask() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(ask)


async def test_readiness_is_told() -> None:
    """`/readyz` and Armory's `/health` answer 503 with what is missing until nothing is."""
    missing = {"nats": "nats-server is away"}
    async with health.listen(LOOPBACK, lambda: missing) as listeners:
        assert (await get(listeners.port, "/readyz"))[0] == 503  # nobody has asked yet
        listeners.refresh()
        status, body = await get(listeners.port, "/health")
        assert (status, json.loads(body)) == (503, {"status": "DOWN", "missing": missing})

        missing = {}
        listeners.refresh()
        assert await get(listeners.port, "/readyz?verbose") == (200, '{"status": "UP"}')
        assert (await get(listeners.port, "/health"))[0] == 200
        assert (await get(listeners.port, "/other"))[0] == 404


async def test_liveness_is_the_turning_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """`/livez` is answered while the loop is busy, and says so when it has not turned for too long."""
    async with health.listen(LOOPBACK, dict) as listeners:
        assert (await get(listeners.port, "/livez"))[0] == 200
        monkeypatch.setattr(health, "STALL_S", 0.0)
        status, body = await get(listeners.port, "/livez")

    assert (status, json.loads(body)["status"]) == (503, "DOWN")


async def test_the_tick_refreshes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tick asks the readiness questions again and again."""
    asked = asyncio.Semaphore(0)

    def not_ready() -> dict[str, str]:
        asked.release()
        return {}

    monkeypatch.setattr(health, "TICK_S", 0.001)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(health.Health(not_ready).tick())
        for _ in range(3):
            await asked.acquire()
        task.cancel()


async def test_metrics_are_served() -> None:
    """`/metrics` has the figures of the one module of metrics."""
    metrics.SCRUBBER_BATCHES.labels("done").inc()
    async with health.listen(LOOPBACK, dict) as listeners:
        status, body = await get(listeners.metrics_port, "/metrics")

    assert status == 200
    assert 'fairlead_scrubber_batches_total{verdict="done"}' in body


@pytest.mark.parametrize(("field", "told"), [("port", "health.port"), ("metrics_port", "health.metricsPort")])
async def test_a_port_in_use_is_a_clear_fault(field: str, told: str) -> None:
    """The setting and the port are named, and nothing of a half-open pair stays behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = LOOPBACK.model_copy(update={field: port})
        with pytest.raises(ConfigurationError, match=rf"{told}: cannot listen on {port} \(Address already in use\)"):
            async with health.listen(settings, dict):
                pass


async def test_switched_off() -> None:
    """Without listeners there are no ports."""
    settings = HealthSettings(enabled=False)
    async with health.listen(settings, dict) as listeners:
        assert (listeners.port, listeners.metrics_port) == (0, 0)


def test_metrics_follow_the_rules() -> None:
    """Every metric begins with the product's name, ends counters in _total and tells its unit."""
    collectors = [value for name, value in vars(metrics).items() if name.isupper() and hasattr(value, "collect")]
    families = [family for collector in collectors for family in collector.collect()]

    assert families
    for family in families:
        assert family.name.startswith("fairlead_"), family.name
        assert family.documentation.endswith("."), family.name
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_bytes")), family.name
