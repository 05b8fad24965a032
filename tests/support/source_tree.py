"""The repository's own files, as the architecture tests see them."""

from __future__ import annotations

import ast
import subprocess
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("libs", "services", "cli")

_GENERATED = "libs/contracts/src/fairlead/contracts/v1/"


@lru_cache(maxsize=1)
def repository_files() -> tuple[str, ...]:
    """Return every file that is or may be committed, as paths from the root."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return tuple(sorted(name for name in listed if (ROOT / name).is_file()))


def python_files(*folders: str) -> list[str]:
    """Return the Python files that people write, below some folders or everywhere."""
    prefixes = tuple(f"{folder}/" for folder in folders) or ("",)
    return [
        name
        for name in repository_files()
        if name.endswith(".py") and name.startswith(prefixes) and not name.startswith(_GENERATED)
    ]


def syntax_of(name: str) -> ast.Module:
    """Parse one file."""
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), filename=name)
