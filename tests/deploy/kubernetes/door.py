"""How what runs outside a cluster reaches a port inside: `kubectl port-forward`, which works with every cluster."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.support.kubectl import Kubectl

from fairlead.cli.parts.ports import free_port
from fairlead.cli.parts.processes import Process

_OPEN_S = 60.0


class Door:
    """A port of 127.0.0.1 that leads to the port of a `service/…` or `pod/…`, over a connection shared with no other door.

    kubectl chooses a pod when it starts and stays with it: `reopen` after the pod was replaced.
    """

    def __init__(self, kubectl: Kubectl, namespace: str, target: str, target_port: int, log: Path) -> None:
        self.port = free_port()
        forward = ("port-forward", f"--namespace={namespace}", target, f"{self.port}:{target_port}")
        self.process = Process(f"door to {target}", kubectl.command(*forward), log=log, extra_env=kubectl.env)

    @property
    def url(self) -> str:
        """Address of what is behind it."""
        return f"https://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Open it, and wait until it takes connections."""
        self.process.start(self._takes_connections, timeout_s=_OPEN_S)

    def close(self) -> None:
        """Close it; connections through it break."""
        self.process.kill()

    def reopen(self) -> None:
        """Lead to the pods that there are now."""
        self.close()
        self.open()

    def _takes_connections(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
                return True
        except OSError:
            return False
