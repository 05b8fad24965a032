"""Cleans up after a demo however it ends: a small process that outlives it, waits for its end, and removes what it made.

``python -m fairlead.cli.demo.janitor DIRECTORY [--kubeconfig FILE --context NAME --namespace NAME]`` waits until its
standard input ends, which the kernel does when the demo is gone, killed or not.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from fairlead.cli.demo.cluster import Cluster
from fairlead.cli.errors import CommandError
from fairlead.cli.parts.postgres import remove_interlock

REMOVAL_TIMEOUT_S = 10.0
END_TIMEOUT_S = 90.0
_POLL_S = 0.1


class Janitor:
    """The process, from the demo's side."""

    def __init__(self, directory: Path, cluster: Cluster | None = None) -> None:
        words: list[str | Path] = [sys.executable, "-m", "fairlead.cli.demo.janitor", directory]
        if cluster is not None:
            words += ["--kubeconfig", cluster.kubeconfig, "--context", cluster.context]
            words += ["--namespace", cluster.namespace]
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            words,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is not for it
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.dismiss()
        except CommandError as left:
            if error is None:
                raise
            sys.stderr.write(f"fairlead: {left}\n")  # beside the failure that ended the demo, not in its place

    def dismiss(self) -> None:
        """Let it clean up now, and wait.

        Raises:
            CommandError: something is left behind; the message says what.

        """
        try:
            _, said = self._process.communicate(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"cleaning up takes longer than {END_TIMEOUT_S:g} s and goes on alone") from error
        if self._process.returncode:
            raise CommandError(said.decode(errors="replace").strip() or "cleaning up failed")


def clean(directory: Path, cluster: Cluster | None) -> list[str]:
    """Remove the directory and the namespace; returns what could not be removed."""
    left = []
    for data in directory.glob("**/postgres/data"):
        remove_interlock(data)
    deadline = time.monotonic() + REMOVAL_TIMEOUT_S
    while directory.exists() and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)  # a process that is just dying may still write
        if directory.exists():
            time.sleep(_POLL_S)
    if directory.exists():
        left.append(f"the directory {directory} could not be removed")
    if cluster is not None:
        try:
            cluster.remove_namespace()
        except CommandError as error:
            left.append(str(error))
    return left


def main(arguments: Sequence[str] | None = None) -> int:
    """Wait for the end of standard input, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parser = argparse.ArgumentParser(prog="python -m fairlead.cli.demo.janitor")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--context", default="")
    parser.add_argument("--namespace", default="")
    given = parser.parse_args(arguments)
    sys.stdin.buffer.read()
    cluster = Cluster(given.kubeconfig, given.context, given.namespace) if given.namespace else None
    left = clean(given.directory, cluster)
    sys.stderr.write("; ".join(left))
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
