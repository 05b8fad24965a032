"""kubectl as a process, with a home of its own: caches of discovery and schemas are part of what is tested."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What was printed, as JSON."""
        return msgspec.json.decode(self.out)


@dataclass(frozen=True)
class Kubectl:
    """One binary, kubeconfig and home."""

    binary: Path
    kubeconfig: Path
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *args: str, stdin: str | None = None, timeout_s: float = TIMEOUT_S) -> Ran:
        """Run a command to its end, whatever it is."""
        done = subprocess.run(
            self.command(*args),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            env=self.env,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def __call__(self, *args: str, stdin: str | None = None, timeout_s: float = TIMEOUT_S) -> str:
        """Run a command that has to succeed; returns what it prints."""
        ran = self.run(*args, stdin=stdin, timeout_s=timeout_s)
        assert ran.code == 0, f"kubectl {' '.join(args)} failed: {ran.err}"
        return ran.out

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start a command that goes on; end it by `subprocess.Popen.kill`."""
        return subprocess.Popen(
            self.command(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env
        )

    def command(self, *args: str) -> list[str | Path]:
        """The command line."""
        return [self.binary, f"--kubeconfig={self.kubeconfig}", *args]

    @property
    def env(self) -> dict[str, str]:
        """Nothing of this process's own environment."""
        return {"HOME": str(self.home), "PATH": "/usr/bin:/bin", **self.environment}
