"""The entry point of programs: settings, health, exit codes, in programs of their own."""

from __future__ import annotations

import json
import signal
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.programs import Program

SOURCE = """
import asyncio
from fairlead.runtime import logs, program
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.lifecycle import Service
from fairlead.runtime.sections import ServiceSettings

class Settings(ServiceSettings):
    limit: int = 1

async def start(scope):
    logs.get_logger().info("up")
    logs.get_logger().debug("details")

def build(settings):
    if settings.limit > 5:
        raise ConfigurationError("limit: at most 5")
    return [Service("sample", start)]

program.main("sample", Settings, build)
"""
QUIET = {"FAIRLEAD__HEALTH__HOST": "127.0.0.1", "FAIRLEAD__HEALTH__PORT": "0", "FAIRLEAD__HEALTH__METRICS_PORT": "0"}


def test_a_program_is_ready_until_it_is_stopped(program: Callable[..., Program]) -> None:
    """It serves health, tells where, and ends with 0 at a signal."""
    running = program(SOURCE, QUIET)
    line = json.loads(running.until("health and metrics listen"))
    running.until('"started"')
    running.until('"sample"')
    address = line["address"].split()[0]
    with urllib.request.urlopen(f"http://{address}/livez", timeout=5) as answer:
        assert answer.status == 200
    running.send(signal.SIGTERM)

    assert running.ended() == 0
    assert all(entry["service"] == "sample" for entry in running.entries())


def test_settings_reach_logs(program: Callable[..., Program]) -> None:
    """Level and form of logs come from the settings."""
    running = program(SOURCE, {**QUIET, "FAIRLEAD_SAMPLE__LOGS__LEVEL": "debug", "FAIRLEAD__LOGS__FORMAT": "console"})
    running.until("details")
    running.send(signal.SIGTERM)

    assert running.ended() == 0
    assert not [line for line in running.lines if line.startswith("{")]


def test_wrong_settings_are_told_and_end_it(program: Callable[..., Program], tmp_path: Path) -> None:
    """Every problem is a line, whether the settings or what is built of them is wrong; the exit code is 2."""
    file = tmp_path / "fairlead.yaml"
    file.write_text("limit: sentinel\nlogs: {level: loud}\n", encoding="utf-8")
    running = program(SOURCE, {"FAIRLEAD_CONFIG": str(file)})
    building = program(SOURCE, {"FAIRLEAD_SAMPLE__LIMIT": "6"})

    assert (running.ended(), building.ended()) == (2, 2)
    assert sorted(entry["reason"].split(":")[0] for entry in running.entries()) == ["limit", "logs.level"]
    assert "sentinel" not in running.output
    assert [entry["reason"] for entry in building.entries()] == ["limit: at most 5"]


def test_a_taken_port_ends_it(program: Callable[..., Program]) -> None:
    """Two programs cannot share a port: the second one says which setting to change."""
    first = program(SOURCE, QUIET)
    port = json.loads(first.until("health and metrics listen"))["address"].split()[0].rpartition(":")[2]
    second = program(SOURCE, {**QUIET, "FAIRLEAD__HEALTH__PORT": port})

    assert second.ended() == 2
    assert f"health.port: cannot listen on {port}" in second.output
    first.until("up")
    first.send(signal.SIGTERM)
    assert first.ended() == 0
