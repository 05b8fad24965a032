"""The real Prometheus and its promtool."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from tests.support.real_parts import require_part
from tools.parts.build import prometheus

from fairlead.cli.parts.ports import free_port
from fairlead.cli.parts.processes import Process

SCRAPE_INTERVAL = "1s"
_READY_TIMEOUT_S = 30.0
_LIMIT_S = 60.0


def binary(name: str) -> Path:
    """``prometheus`` or ``promtool``; skips the test where they are not built."""
    bundle = prometheus()
    if bundle.missing():
        require_part(name, "run `make parts`")
    return bundle.directory / name


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool and return what it says, on both of its outputs."""
    command = [binary("promtool"), *words]
    return subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_LIMIT_S
    )


class Prometheus:
    """A server that scrapes some targets.

    Args:
        directory: for its data.
        targets: addresses of ``/metrics``, by job.
        rules: its rule file.

    """

    def __init__(self, directory: Path, targets: Mapping[str, str], rules: Path) -> None:
        jobs = [{"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()]
        intervals = {"scrape_interval": SCRAPE_INTERVAL, "evaluation_interval": SCRAPE_INTERVAL}
        configuration = directory / "prometheus.yaml"
        configuration.write_text(
            yaml.safe_dump({"global": intervals, "rule_files": [str(rules)], "scrape_configs": jobs}), encoding="utf-8"
        )
        self._address = f"127.0.0.1:{free_port()}"
        self.process = Process(
            "prometheus",
            [
                str(binary("prometheus")),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={self._address}",
                "--enable-feature=exemplar-storage",
            ],
            log=directory / "prometheus.log",
        )

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.process.start()
        self.process.wait_ready(self._is_ready, timeout_s=_READY_TIMEOUT_S)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://{self._address}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, path: str, **parameters: str) -> Any:
        """What ``/api/v1/<path>`` answers under ``data``; an error of Prometheus is told as one."""
        answer = httpx.get(f"http://{self._address}/api/v1/{path}", params=parameters, trust_env=False).json()
        assert answer["status"] == "success", f"{parameters}: {answer.get('error')}"
        return answer["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of a query, as they are now."""
        return list(self.ask("query", query=expr)["result"])


@contextmanager
def running(server: Prometheus) -> Iterator[Prometheus]:
    """A server, while the context lasts."""
    server.start()
    try:
        yield server
    finally:
        server.process.stop()
