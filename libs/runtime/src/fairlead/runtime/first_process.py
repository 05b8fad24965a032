"""The first process of a container, which the kernel gives no signal that it does not handle (pid_namespaces(7))."""

from __future__ import annotations

import os
import signal
from types import FrameType


def obey_sigterm() -> None:
    """Let SIGTERM end this process, if it is the first one, until `lifecycle` handles it: elsewhere it does so by itself."""
    if os.getpid() == 1 and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
