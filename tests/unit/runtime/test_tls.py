"""TLS files that cannot be used are told by their setting; so is why a certificate is not accepted."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from fairlead.cli.certificates import Authority
from fairlead.runtime.tls import Doubt, doubt_of, find_faults

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
AUTHORITY = Authority.create("test", NOW)
ONE, OTHER = (AUTHORITY.issue_server(name, [f"{name}.example"], NOW, timedelta(days=1)) for name in ("one", "other"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good files, and some that are none."""
    contents = {
        "ca.crt": AUTHORITY.pair.certificate,
        "one.crt": ONE.certificate,
        "one.key": ONE.key,
        "other.key": OTHER.key,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "nonsense").write_text("nonsense", encoding="utf-8")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    return tmp_path


def faults(folder: Path, *, ca: str = "", cert: str = "", key: str = "") -> list[str]:
    """Look at files by their names in the folder."""
    return find_faults(
        authority=("x.caFile", folder / ca if ca else None),
        certificate=("x.certFile", folder / cert if cert else None),
        key=("x.keyFile", folder / key if key else None),
    )


def test_good_files(folder: Path) -> None:
    """Nothing is said about files that can be used, nor about none."""
    assert faults(folder) == []
    assert faults(folder, ca="ca.crt", cert="one.crt", key="one.key") == []


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"ca": "absent"}, "x.caFile: "),
        ({"ca": "folder"}, "x.caFile: "),
        ({"ca": "nonsense"}, "x.caFile: "),
        ({"ca": "empty"}, "x.caFile: "),
        ({"cert": "absent", "key": "one.key"}, "x.certFile: "),
        ({"cert": "one.crt", "key": "folder"}, "x.keyFile: "),
        ({"cert": "nonsense", "key": "one.key"}, "x.certFile, x.keyFile: "),
        ({"cert": "one.crt", "key": "nonsense"}, "x.certFile, x.keyFile: "),
        ({"cert": "one.crt", "key": "other.key"}, "x.keyFile: "),
        ({"cert": "one.crt"}, "x.certFile, x.keyFile: "),
    ],
)
def test_faults(folder: Path, files: dict[str, str], told: str) -> None:
    """Each fault begins with the setting to change and names the file."""
    (fault,) = faults(folder, **files)
    assert fault.startswith(told)
    assert str(folder) in fault


def test_certificate_and_key_in_one_file(folder: Path) -> None:
    """They may stand together."""
    (folder / "both.pem").write_bytes(ONE.certificate + ONE.key)
    assert faults(folder, cert="both.pem") == []


def test_all_unreadable_files_are_told_at_once(folder: Path) -> None:
    """Nobody has to mend one to hear of the next."""
    assert len(faults(folder, ca="absent", cert="absent", key="absent")) == 3


@pytest.mark.parametrize(
    ("code", "doubt"), [(10, Doubt.TIME), (9, Doubt.TIME), (62, Doubt.NAME), (64, Doubt.NAME), (19, Doubt.AUTHORITY)]
)
def test_doubts(code: int, doubt: Doubt) -> None:
    """OpenSSL's result of the verification tells what is wrong; whatever else it says is about the authority."""
    error = ssl.SSLCertVerificationError()
    error.verify_code = code
    assert doubt_of(error) is doubt
