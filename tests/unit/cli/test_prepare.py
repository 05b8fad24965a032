"""`fairlead prepare`: everything with a secret in it, made once."""

from __future__ import annotations

import threading
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from fairlead.cli.app import run
from fairlead.cli.certificates import hosts_of
from fairlead.cli.prepare import Installation, prepare

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_everything_private_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Only certificates may be read by others."""
    prepare(Installation(tmp_path), NOW)

    open_files = {path.name for path in tmp_path.iterdir() if path.stat().st_mode & 0o077}
    assert open_files == {"ca.crt", "gateway.crt", "nats.crt", "agent.crt", "api.crt"}


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """Restarting an installation keeps its identity."""
    prepare(Installation(tmp_path), NOW)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    prepare(Installation(tmp_path), NOW)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_runs_at_once_make_one_installation(tmp_path: Path) -> None:
    """Certificates are of one authority, and the bus's configuration has the passwords that stand in the files."""
    together = 4
    for attempt in range(5):
        directory = tmp_path / str(attempt)
        start = threading.Barrier(together)

        def run_one(directory: Path = directory, start: threading.Barrier = start) -> None:
            start.wait(timeout=10)
            prepare(Installation(directory), NOW)

        with ThreadPoolExecutor(together) as runs:
            for each in [runs.submit(run_one) for _ in range(together)]:
                each.result()
        before = {path.name: path.read_bytes() for path in directory.iterdir()}
        assert not prepare(Installation(directory), NOW).warnings
        assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_the_parts_fit_each_other(tmp_path: Path) -> None:
    """Connection string, key, certificates and the bus's configuration use the same passwords and names."""
    prepare(Installation(tmp_path, mounted="/keys", nats_hosts=("bus",), database_host="db"), NOW)

    password = (tmp_path / "postgres.password").read_text().strip()
    assert (tmp_path / "database.dsn").read_text().strip() == f"postgresql://fairlead:{password}@db:5432/fairlead"
    assert len(b64decode((tmp_path / "operations.key").read_text())) == 32
    certificate = x509.load_pem_x509_certificate((tmp_path / "nats.crt").read_bytes())
    assert {"bus", "localhost"} <= hosts_of(certificate)
    configuration = (tmp_path / "nats-server.conf").read_text()
    assert 'cert_file: "/keys/nats.crt"' in configuration
    for service in ("watcher", "scrubber", "bridge", "executor"):
        assert (tmp_path / f"{service}.password").read_text().strip() in configuration


def test_what_is_no_host_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The option is named, and nothing is written."""
    with pytest.raises(SystemExit) as ended:
        run(["prepare", str(tmp_path / "keys"), "--nats-host", "nats://bus:4222"])

    assert ended.value.code == 2
    assert "--nats-host nats://bus:4222" in capsys.readouterr().err
    assert not (tmp_path / "keys").exists()
