"""Free TCP ports on loopback."""

from __future__ import annotations

import random
import socket
import threading

from fairlead.cli.parts.errors import PartFailedError

# Below the kernel's usual range for outgoing connections (ip_local_port_range begins at 32768), so that nobody's
# connection takes a port between the moment it is found free and the moment a server binds it.
_FIRST_PORT, _LAST_PORT = 15000, 32000
_ATTEMPTS = 500

_given: set[int] = set()
_lock = threading.Lock()


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on and that this process has not handed out before."""
    ports: list[int] = []
    with _lock:
        for _ in range(_ATTEMPTS):
            if len(ports) == count:
                return ports
            port = random.randint(_FIRST_PORT, _LAST_PORT)  # noqa: S311 - a port is no secret
            if port not in _given and _is_free(port):
                _given.add(port)
                ports.append(port)
    if len(ports) == count:
        return ports
    raise PartFailedError(f"no {count} free ports between {_FIRST_PORT} and {_LAST_PORT} on 127.0.0.1")


def free_port() -> int:
    """Return one free port; see ``free_ports``."""
    return free_ports(1)[0]


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
