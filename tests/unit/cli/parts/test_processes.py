"""Child processes: readiness, ends, and that nothing outlives its parent."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairlead.cli.parts.errors import PartFailedError
from fairlead.cli.parts.processes import Process

if TYPE_CHECKING:
    from collections.abc import Callable

FOREVER = "while :; do sleep 0.05; done"


def shell(tmp_path: Path, script: str) -> Process:
    """Return a process that runs a shell script."""
    return Process("script", ["sh", "-c", script], log=tmp_path / "script.log")


def eventually(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Poll until a state is reached or time is up."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def state_of(pid: int) -> str:
    """Return the state letter of a process (proc(5)); empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0]
    except OSError:
        return ""


def test_start_waits_until_ready_and_stop_ends_it(tmp_path: Path) -> None:
    """A started process is ready when start returns and gone when stop returns."""
    process = shell(tmp_path, f"echo up; {FOREVER}")
    process.start(lambda: "up" in process.tail())

    assert process.running
    assert process.stop() == -signal.SIGTERM
    assert not process.running


def test_a_child_that_dies_says_why(tmp_path: Path) -> None:
    """A child that ends before it is ready fails the start with its exit code and the end of its log."""
    process = shell(tmp_path, "echo no such option; exit 3")

    with pytest.raises(PartFailedError, match=r"(?s)exit code 3.*no such option"):
        process.start(lambda: False)


def test_a_child_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    """When time is up the start fails and the child is gone."""
    process = shell(tmp_path, FOREVER)

    with pytest.raises(PartFailedError, match=r"not ready after 0\.1 s"):
        process.start(lambda: False, timeout_s=0.1)
    assert not process.running


def test_a_program_that_does_not_exist_is_a_clear_failure(tmp_path: Path) -> None:
    """A wrong path is told in the failure of the start."""
    process = Process("ghost", ["/does/not/exist"], log=tmp_path / "ghost.log")

    with pytest.raises(PartFailedError, match="/does/not/exist"):
        process.start(lambda: False, timeout_s=5)


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    """A child that ignores SIGTERM is killed when time is up, and its own children with it."""
    process = shell(tmp_path, f"trap '' TERM; sleep 300 & echo child $!; {FOREVER}")
    process.start(lambda: "child" in process.tail())
    grandchild = int(process.tail().split()[1])

    assert process.stop(timeout_s=0.1) == -signal.SIGKILL
    assert state_of(grandchild) in {"", "Z"}


def test_kill_ends_descendants_too(tmp_path: Path) -> None:
    """Killing leaves no grandchild."""
    process = shell(tmp_path, f"setsid sleep 300 & echo child $!; {FOREVER}")
    process.start(lambda: "child" in process.tail())
    grandchild = int(process.tail().split()[1])
    process.kill()

    assert process.exit_code == -signal.SIGKILL
    assert state_of(grandchild) in {"", "Z"}


def test_pause_freezes_and_stop_works_on_a_paused_child(tmp_path: Path) -> None:
    """A paused child is stopped by the kernel, goes on after resume, and can be ended while paused."""
    process = shell(tmp_path, FOREVER)
    process.start()
    process.pause()

    assert eventually(lambda: state_of(process.pid) == "T")
    process.resume()
    assert eventually(lambda: state_of(process.pid) != "T")
    process.pause()
    assert process.stop() == -signal.SIGTERM


def test_it_can_be_started_again_and_its_log_goes_on(tmp_path: Path) -> None:
    """A second start makes a second child, and the log keeps the first one's words."""
    process = shell(tmp_path, "echo again")
    for _ in range(2):
        process.start()
        assert process.wait(timeout_s=5) == 0

    assert process.tail().split() == ["again", "again"]


def test_extra_environment_reaches_the_child(tmp_path: Path) -> None:
    """Variables are added to those that the child inherits."""
    process = Process(
        "env", ["sh", "-c", 'echo "$COLOUR $HOME"'], log=tmp_path / "env.log", extra_env={"COLOUR": "red"}
    )
    process.start()
    process.wait(timeout_s=5)

    assert process.tail() == f"red {Path.home()}"


def test_the_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """Only the end of the whole process ends a child, not the end of the thread that asked for it."""
    process = shell(tmp_path, FOREVER)
    starter = threading.Thread(target=process.start)
    starter.start()
    starter.join()

    assert not eventually(lambda: not process.running, timeout_s=0.2)
    process.stop()


def test_the_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL of the parent leaves no child behind."""
    log = tmp_path / "child.log"
    program = (
        "from pathlib import Path; from fairlead.cli.parts.processes import Process; import time\n"
        f"Process('child', ['sh', '-c', 'echo $$; {FOREVER}'], log=Path({str(log)!r})).start()\n"
        "time.sleep(300)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        assert eventually(lambda: log.exists() and log.read_text().endswith("\n"), timeout_s=20)
        child = int(log.read_text())
        parent.kill()

    assert eventually(lambda: state_of(child) in {"", "Z"})
