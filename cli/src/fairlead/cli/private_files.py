"""Files with secrets in them: readable by their owner alone from their first byte on, whole or not there."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairlead.cli.errors import CommandError

OWNER_ONLY = 0o600
PUBLIC = 0o644
TURN_S = 30.0
"""How long a command waits for another that makes files in the same directory."""
_POLL_S = 0.05


@contextmanager
def alone_in(directory: Path, *, timeout_s: float = TURN_S) -> Iterator[None]:
    """Make a directory and keep other commands from making files there meanwhile; they would not fit ours.

    Where the file system locks no directories, nobody is kept out.

    Raises:
        CommandError: another does not end.

    """
    directory.mkdir(parents=True, exist_ok=True)
    held = os.open(directory, os.O_RDONLY)
    try:
        _lock(held, directory, time.monotonic() + timeout_s)
        yield
    finally:
        os.close(held)


def _lock(held: int, directory: Path, until: float) -> None:
    """Lock an open directory until it is closed."""
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise CommandError(f"{directory}: another command makes files there; wait for its end") from None
            time.sleep(_POLL_S)
        except OSError:
            return
        else:
            return


def write_file(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Write a file in one step, in place of an older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        beside.chmod(mode)  # whatever the umask
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_secret(path: Path, text: str) -> Path:
    """Write a password or token, with a line end for editors; readers strip it."""
    write_file(path, text.encode() + b"\n")
    return path
