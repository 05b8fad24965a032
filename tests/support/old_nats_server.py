"""A nats-server that is too old, as Debian and Ubuntu carry it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fairlead.cli.parts.nats_server import nats_server_version

_TIMEOUT_S = 60.0


def find_old_nats_server(directory: Path) -> Path:
    """A nats-server 2.9: from the PATH, else unpacked from the distribution's package; the test is skipped without one."""
    on_path = shutil.which("nats-server")
    if on_path is not None and nats_server_version(Path(on_path)) < (2, 10, 0):
        return Path(on_path)
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("no nats-server 2.9: neither on the PATH nor from a package")
    directory.chmod(0o755)
    fetched = subprocess.run(
        ["apt-get", "download", "nats-server"],
        cwd=directory,
        check=False,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    packages = sorted(directory.glob("nats-server_*.deb"))
    if not packages:
        pytest.skip(f"no nats-server 2.9: apt-get download says: {fetched.stderr.strip()[-200:]}")
    subprocess.run(["dpkg-deb", "-x", packages[0], directory], check=True, timeout=_TIMEOUT_S)
    found = next(
        (path for path in directory.rglob("nats-server") if path.is_file() and path.stat().st_mode & 0o100), None
    )
    if found is None or nats_server_version(found) >= (2, 10, 0):
        pytest.skip("no nats-server 2.9: the distribution's package is a newer one")
    return found
