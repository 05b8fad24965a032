"""Health and metrics listeners."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import urllib.error
import urllib.request

import pytest

from fairlead.runtime import health, metrics
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.exposition import registry_of
from fairlead.runtime.sections import HealthSettings

LOOPBACK = HealthSettings(host="127.0.0.1", port=0, metrics_port=0)


async def get(port: int, path: str, accept: str = "*/*") -> tuple[int, str]:
    """Ask a listener."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})

    def ask() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - HTTP, as built above
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


async def test_a_probe_that_does_not_wait(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hangs up before the answer leaves no trace in the log, and the next one is answered."""
    hung_up = threading.Event()
    async with health.listen(LOOPBACK, dict) as listeners:
        answer = listeners.answer

        def slow(path: str) -> tuple[int, dict[str, object]]:
            hung_up.wait(5)
            return answer(path)

        monkeypatch.setattr(listeners, "answer", slow)
        with socket.create_connection(("127.0.0.1", listeners.port)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close by a reset
            probe.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        hung_up.set()
        assert (await get(listeners.port, "/livez"))[0] == 200
    assert "Traceback" not in capfd.readouterr().err


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
    """`/metrics` has the figures that it was given, under Armory's path as well."""
    metrics.SCRUBBER_BATCHES.labels("done").inc()
    async with health.listen(LOOPBACK, dict, registry_of(["scrubber"])) as listeners:
        answers = [await get(listeners.metrics_port, path) for path in ("/metrics", "/prometheus_metrics")]

    for status, body in answers:
        assert status == 200
        assert 'fairlead_scrubber_batches_total{verdict="done"}' in body
        assert "fairlead_watcher" not in body


async def test_exemplars_for_who_asks_for_openmetrics() -> None:
    """The older format has no place for them."""
    metrics.SCRUBBER_BATCH_SECONDS.observe(0.2, {"trace_id": "0af7651916cd43dd8448eb211c80319c"})
    async with health.listen(LOOPBACK, dict, registry_of(["scrubber"])) as listeners:
        _, plain = await get(listeners.metrics_port, "/metrics")
        _, openmetrics = await get(
            listeners.metrics_port, "/metrics", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        )

    assert "trace_id" not in plain
    assert '# {trace_id="0af7651916cd43dd8448eb211c80319c"} 0.2' in openmetrics
    assert openmetrics.endswith("# EOF\n")


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
