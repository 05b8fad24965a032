"""`fairlead demo` as a user meets it: it shows what it promises, tells a failure, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.polling import wait_until
from tests.support.real_parts import require_part
from tests.support.simulated_api import SimulatedApi

from fairlead.cli.parts.errors import PartMissingError
from fairlead.cli.parts.nats_server import find_nats_server
from fairlead.cli.parts.postgres_binaries import find_postgres

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(240)]

LANDMARKS = (
    "as many rows as the cluster counts",
    "row of Deployment ticket-booth",
    "not in the store of nats-server",
    "from 2 to 4",
    "have no rows any more",
    "a new scrubber was ready",
    "every step showed what it promised",
)
_LIMIT_S = 150.0


@dataclass
class Demo:
    """A running demo, with a temporary directory of its own for whatever it makes."""

    scratch: Path
    process: subprocess.Popen[bytes]
    terminal: int
    output: str = ""
    _deadline: float = field(default_factory=lambda: time.monotonic() + _LIMIT_S)

    def until(self, text: str) -> None:
        """Read what it says until a text comes."""
        while text not in self.output:
            assert self._read(), f"the demo ended without saying {text!r}:\n{self.output}"

    def ended(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            """It goes on."""
        return self.process.wait(timeout=_LIMIT_S)

    def pids(self) -> dict[int, str]:
        """Every living process that was told of our temporary directory, but for the demo itself: id and command."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != self.process.pid:
                with contextlib.suppress(OSError):
                    told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                    if str(self.scratch).encode() in told:
                        found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        return found

    def assert_nothing_left(self) -> None:
        """No process and no file of it is there any more."""
        wait_until(lambda: not self.pids(), what=f"the end of {self.pids()}")
        assert list(self.scratch.iterdir()) == []

    def _read(self) -> bool:
        readable, _, _ = select.select([self.terminal], [], [], max(0.0, self._deadline - time.monotonic()))
        assert readable, f"the demo is silent for too long:\n{self.output}"
        try:
            data = os.read(self.terminal, 65536)
        except OSError:  # how a pseudo terminal tells that its other side is closed
            return False
        self.output += data.decode(errors="replace")
        return bool(data)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A temporary directory that PostgreSQL's user can enter."""
    directory = Path(tempfile.mkdtemp(prefix="demo-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def running_demo(scratch: Path, *environment: str, in_terminal: bool = False) -> Iterator[Demo]:
    """Start `fairlead demo`; it is killed when the test leaves it running."""
    try:
        find_nats_server()
        find_postgres(None)
    except PartMissingError as error:
        require_part("nats-server and PostgreSQL", str(error))
    unset = [word for name in ("DEMO_EXIT", "DEMO_YES", "KUBE_CONTEXT", "KUBECONFIG") for word in ("-u", name)]
    command = ["env", *unset, f"TMPDIR={scratch}", *environment, sys.executable, "-m", "fairlead.cli", "demo"]
    ours, theirs = pty.openpty() if in_terminal else os.pipe()
    process = subprocess.Popen(
        command, stdin=theirs if in_terminal else subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        yield Demo(scratch, process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_without_a_terminal_it_ends_after_the_tour(scratch: Path) -> None:
    """Every step succeeds, exit code 0, nothing is left behind."""
    with running_demo(scratch, "KUBECONFIG=/nobody/asked/for/this") as demo:
        code = demo.ended()

        assert code == 0, demo.output
        assert [landmark for landmark in LANDMARKS if landmark not in demo.output] == []
        demo.assert_nothing_left()


def test_a_real_cluster_in_a_terminal(scratch: Path, tmp_path: Path) -> None:
    """It asks, works in a namespace of its own, stays until Ctrl-C, and removes the namespace."""
    api = SimulatedApi(tmp_path)
    api.start()
    try:
        before = names_in(api)
        words = (f"KUBECONFIG={api.kubeconfig}", f"KUBE_CONTEXT={api.cluster.name}")
        with running_demo(scratch, *words, in_terminal=True) as demo:
            demo.until("Go on?")
            os.write(demo.terminal, b"y\n")
            demo.until("Everything stays up")
            assert names_in(api) - before
            demo.process.send_signal(signal.SIGINT)

            assert demo.ended() == 0, demo.output
            demo.assert_nothing_left()
        wait_until(lambda: names_in(api) == before, what="the removal of the namespace")
    finally:
        api.stop()


def test_a_real_api_server_without_nodes(scratch: Path, control_plane: ControlPlane) -> None:
    """The tour goes on where pods cannot run, and leaves no namespace behind."""
    words = (f"KUBECONFIG={control_plane.kubeconfig}", "KUBE_CONTEXT=admin-token", "DEMO_YES=1", "DEMO_EXIT=1")
    with running_demo(scratch, *words) as demo:
        code = demo.ended()

        assert code == 0, demo.output
        assert "does not run the pods yet" in demo.output
        demo.assert_nothing_left()
    namespaces = control_plane.request("GET", "/api/v1/namespaces")["items"]
    assert [each for each in namespaces if each["metadata"]["name"].startswith("fairlead-demo")] == []


def test_a_failing_step_is_named(scratch: Path) -> None:
    """When a part dies, the step that needed it fails: exit code 1, the reason, and still nothing left behind."""
    with running_demo(scratch, "DEMO_EXIT=1") as demo:
        demo.until("1. The first sync")
        [gateway] = [pid for pid, command in demo.pids().items() if "fairlead.gateway" in command]
        os.kill(gateway, signal.SIGKILL)
        code = demo.ended()

        assert code == 1, demo.output
        reason = "cannot reach the gateway|gateway has ended while waiting"  # whichever was noticed first
        assert re.search(rf"step \d \(.+\) failed: ({reason})", demo.output), demo.output
        demo.assert_nothing_left()


def test_a_killed_demo_leaves_nothing_behind(scratch: Path) -> None:
    """Neither processes nor files, although it cannot clean up by itself."""
    with running_demo(scratch, "DEMO_EXIT=1") as demo:
        demo.until("nats-server with a user for each service")
        demo.process.kill()
        demo.process.wait()
        wait_until(lambda: not demo.pids(), within_s=30, what="the end of all processes")

        assert list(scratch.iterdir()) == []


def names_in(api: SimulatedApi) -> set[str]:
    """Namespaces of the cluster."""
    return {each["metadata"]["name"] for each in api.do(lambda: api.cluster.list("namespaces"))}
