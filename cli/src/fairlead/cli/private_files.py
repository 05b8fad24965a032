"""Files with secrets in them: readable by their owner alone from their first byte on, whole or not there."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

OWNER_ONLY = 0o600
PUBLIC = 0o644


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
