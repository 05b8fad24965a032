"""A simulated cluster as a process."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Self

from fairlead.cli.parts.ports import free_port
from fairlead.cli.parts.processes import Process

_PROBE_TIMEOUT_S = 1.0


class SimulatedCluster:
    """One `fairlead.simcluster` on loopback. It holds its objects in memory: killed, it comes back as another cluster."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        shop: bool = True,
        churn_s: float = 2.0,
        pod_start_s: float = 1.0,
    ) -> None:
        self.port = free_port() if port is None else port
        self.kubeconfig = directory / "kubeconfig"
        command: list[str | Path] = [sys.executable, "-m", "fairlead.simcluster", "--port", str(self.port)]
        command += ["--kubeconfig", self.kubeconfig, "--pod-start-s", f"{pod_start_s:g}"]
        if shop:
            command += ["--shop", "--churn-s", f"{churn_s:g}"]
        self.process = Process("simcluster", command, log=directory / "simcluster.log")

    @property
    def server(self) -> str:
        """Address of its API."""
        return f"https://127.0.0.1:{self.port}"

    def start(self, *, timeout_s: float = 30.0) -> None:
        """Start it and wait until its API answers and its kubeconfig is written."""
        self.kubeconfig.unlink(missing_ok=True)
        self.process.start(self._is_ready, timeout_s=timeout_s)

    def stop(self) -> None:
        """End it; its objects are gone."""
        self.process.stop()

    def kill(self) -> None:
        """End it at once; its objects are gone."""
        self.process.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _is_ready(self) -> bool:
        """Whether the kubeconfig is whole and the port is open."""
        try:
            if not self.kubeconfig.read_text(encoding="utf-8").rstrip().endswith("}"):
                return False
            with socket.create_connection(("127.0.0.1", self.port), timeout=_PROBE_TIMEOUT_S):
                return True
        except OSError:
            return False
