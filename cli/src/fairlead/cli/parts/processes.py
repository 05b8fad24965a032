"""Child processes that are watched while they start and never outlive their parent."""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

from fairlead.cli.parts.errors import PartFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_POLL_INTERVAL_S = 0.01
_KILL_TIMEOUT_S = 10.0
_LOG_TAIL_BYTES = 16384

# PR_SET_PDEATHSIG fires when the *thread* that forked ends (prctl(2)), so every child is forked by one thread that lives
# as long as the process. setpriv (util-linux) sets it: a preexec_fn would run Python between fork and exec, which is
# unsafe beside threads. Where there is no setpriv, atexit alone keeps the promise.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-spawner")
_started: weakref.WeakSet[Process] = weakref.WeakSet()


class Process:
    """One program in a session of its own, with its output appended to a log file.

    It may be started, ended and started again. It dies with this process: by SIGKILL when this process ends without
    having stopped it, whatever the reason. It inherits our environment but for variables that begin with ``without_env``.
    """

    def __init__(  # noqa: PLR0913 - what a process is: keyword arguments with defaults
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        extra_env: Mapping[str, str] | None = None,
        without_env: str = "",
        cwd: Path | None = None,
        user: str | None = None,
    ) -> None:
        self.name = name
        self.command = [str(word) for word in command]
        self.log = log
        self._extra_env = dict(extra_env or {})
        self._without_env = without_env
        self._cwd = cwd
        self._user = user
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running child."""
        if self._child is None:
            raise PartFailedError(f"{self.name} was never started")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the child lives; a paused child does."""
        return self._child is not None and self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Exit code of the last child (negative: the signal that ended it); None while it lives or before its start."""
        return None if self._child is None else self._child.poll()

    def start(self, ready: Callable[[], bool] | None = None, *, timeout_s: float = 30.0) -> None:
        """Start the child and wait until ``ready`` says so.

        Raises PartFailedError with the tail of the log when the child ends or is not ready in time; it is then gone.
        """
        if self.running:
            raise PartFailedError(f"{self.name} runs already (pid {self.pid})")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._child = _spawner.submit(self._spawn).result()
        except OSError as error:
            raise PartFailedError(f"{self.name} cannot be started: {error}") from error
        _started.add(self)
        if ready is not None:
            try:
                self.wait_ready(ready, timeout_s=timeout_s)
            except BaseException:
                self.kill()
                raise

    def wait_ready(self, ready: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
        """Poll ``ready`` until it is true; raise PartFailedError when the child ends first or time is up."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.running:
                raise PartFailedError(
                    f"{self.name} ended with exit code {self.exit_code}; its log ends:\n{self.tail()}"
                )
            if time.monotonic() > deadline:
                raise PartFailedError(f"{self.name} is not ready after {timeout_s:g} s; its log ends:\n{self.tail()}")
            time.sleep(_POLL_INTERVAL_S)

    def stop(self, *, timeout_s: float = 10.0, with_signal: signal.Signals = signal.SIGTERM) -> int | None:
        """Ask the child to end, wait, and kill it when time is up; return its exit code, None if it never ran."""
        if self._child is None or not self.running:
            return self.exit_code
        orphans = descendants_of(self._child.pid)
        self._child.send_signal(with_signal)
        self.resume()
        try:
            self._child.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        kill_all(orphans)
        return self.exit_code

    def kill(self) -> None:
        """End the child and all its descendants at once (SIGKILL), as a crash of the machine would."""
        if self._child is None or not self.running:
            return
        orphans = descendants_of(self._child.pid)
        self._child.kill()
        self._child.wait(timeout=_KILL_TIMEOUT_S)
        kill_all(orphans)

    def pause(self) -> None:
        """Freeze the child (SIGSTOP): its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused child go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def wait(self, *, timeout_s: float) -> int:
        """Wait for the child to end by itself and return its exit code."""
        if self._child is None:
            raise PartFailedError(f"{self.name} was never started")
        try:
            return self._child.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise PartFailedError(
                f"{self.name} still runs after {timeout_s:g} s; its log ends:\n{self.tail()}"
            ) from error

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of the log, bounded in bytes."""
        if not self.log.exists():
            return "(no log)"
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _LOG_TAIL_BYTES))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _signal(self, which: signal.Signals) -> None:
        if self._child is not None and self.running:
            self._child.send_signal(which)

    def _spawn(self) -> subprocess.Popen[bytes]:
        setpriv = shutil.which("setpriv")
        leash = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        inherited = os.environ.items()  # noqa: TID251 - handed on to the child, not read
        kept = {
            name: text for name, text in inherited if not (self._without_env and name.startswith(self._without_env))
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the caller names the program; no shell
                [*leash, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**kept, **self._extra_env},
                cwd=self._cwd,
                start_new_session=True,
                user=self._user,
                group=None if self._user is None else _group_of(self._user),
                extra_groups=None if self._user is None else [],
            )


def _group_of(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def descendants_of(pid: int) -> list[int]:
    """Return the ids of all children below ``pid``, parents first; empty where the kernel does not tell them."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                found += [int(child), *descendants_of(int(child))]
    return found


def kill_all(pids: Sequence[int]) -> None:
    """Kill orphans that the end of their parent may have left, and wait until they are gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _KILL_TIMEOUT_S
    while any(_lives(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(_POLL_INTERVAL_S)


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return not stat.rpartition(b") ")[2].startswith((b"Z", b"X"))  # state letters of proc(5): zombie, dead


@atexit.register
def _kill_the_rest() -> None:
    for process in list(_started):
        process.kill()
