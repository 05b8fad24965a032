"""Services as processes with settings of the test's choice, for what they say and answer when something is wrong."""

from __future__ import annotations

import http.client
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml
from tests.support.polling import wait_until

from fairlead.cli.parts.ports import free_ports
from fairlead.cli.parts.processes import Process
from fairlead.runtime.settings import merge

Settings = dict[str, Any]
HEALTH_S = 5.0


@dataclass
class StartedService:
    """One process, with its log and its answers on `/health`."""

    process: Process
    port: int

    def said(self) -> str:
        """Its whole log."""
        return self.process.log.read_text(encoding="utf-8") if self.process.log.exists() else ""

    def health(self) -> tuple[int, str]:
        """Status and text of `/health`; 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HEALTH_S)
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def assert_ends(self, code: int, *told: str, within_s: float = 40.0) -> None:
        """It ends by itself, with this code, having said all this and no traceback."""
        ended = self.process.wait(timeout_s=within_s)
        said = self.said()
        assert ended == code, said
        self._assert_said(*told)

    def assert_waits(self, *told: str, in_log: tuple[str, ...] = (), within_s: float = 40.0) -> None:
        """It lives, is not ready, and `/health` tells why; the log tells ``in_log``."""

        def tells() -> bool:
            assert self.process.running, f"ended, although it should wait for {told}: {self.said()}"
            status, text = self.health()
            assert status != 200, f"ready, although it lacks {told}: {self.said()}"
            return status == 503 and all(word in text for word in told)

        wait_until(
            tells, within_s=within_s, what=lambda: f"{told} on /health, which says {self.health()}: {self.said()}"
        )
        wait_until(lambda: all(word in self.said() for word in in_log), what=lambda: f"{in_log} in {self.said()}")
        assert self.process.running, self.said()
        self._assert_said()

    def _assert_said(self, *told: str) -> None:
        said = self.said()
        assert "Traceback" not in said, said
        assert all(word in said for word in told), (told, said)


@dataclass
class StartedServices:
    """Starts services; none outlives the context."""

    directory: Path
    started: list[StartedService] = field(default_factory=list)

    def start(self, service: str, settings: Settings, *, name: str = "", **variables: str) -> StartedService:
        """Start a service with these settings, on health ports of its own; ``agent`` is the four in one process."""
        name = name or f"{service}-{len(self.started)}"
        health, metrics = free_ports(2)
        base: Settings = {"health": {"host": "127.0.0.1", "port": health, "metricsPort": metrics}}
        document = merge(base, settings)
        path = self.directory / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        module = ["fairlead.cli", "agent"] if service == "agent" else [f"fairlead.{service}"]
        process = Process(
            name, [sys.executable, "-m", *module], log=self.directory / f"{name}.log",
            extra_env={"FAIRLEAD_CONFIG": str(path), **variables}, without_env="FAIRLEAD_",
        )  # fmt: skip
        process.start()
        one = StartedService(process, int(document["health"]["port"]))
        self.started.append(one)
        return one

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.started:
            each.process.kill()
