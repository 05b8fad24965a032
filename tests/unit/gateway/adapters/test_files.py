"""Files of the gateway."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.certificates import CertificateFiles

from fairlead.gateway.adapters.files import find_door_faults, load_keyring, read_text, write_addresses
from fairlead.gateway.core.doors import Door
from fairlead.gateway.core.keyring import Keyring
from fairlead.runtime.errors import ConfigurationError


def test_a_key_file_is_made_once(tmp_path: Path) -> None:
    """A missing key file is made for its owner alone; the next start uses the same key."""
    path = tmp_path / "key"
    made = load_keyring(path, "keyFile")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key_id, sealed = made.seal(b"body", "c")
    assert load_keyring(path, "keyFile").open(key_id, sealed, "c") == b"body"


def test_gateways_that_start_together_use_one_key(tmp_path: Path) -> None:
    """Who finds no key file while another makes it waits for nothing and reads no half of it."""
    together = 8
    for attempt in range(20):
        path = tmp_path / str(attempt)
        start = threading.Barrier(together)

        def load(path: Path = path, start: threading.Barrier = start) -> Keyring:
            start.wait(timeout=10)
            return load_keyring(path, "keyFile")

        with ThreadPoolExecutor(together) as gateways:
            first, *others = [each.result() for each in [gateways.submit(load) for _ in range(together)]]
        key_id, sealed = first.seal(b"body", "c")
        assert [each.open(key_id, sealed, "c") for each in others] == [b"body"] * len(others)
        path.unlink()
        assert not list(tmp_path.iterdir()), "drafts are left"


@pytest.mark.parametrize("answer", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_key_file_is_made_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int) -> None:
    """Some shares and volumes have none; the key is still its owner's alone, and nobody's is replaced."""

    def link(source: str, target: Path) -> None:
        raise OSError(answer, os.strerror(answer), source, None, target)

    monkeypatch.setattr(os, "link", link)
    path = tmp_path / "key"
    key_id, sealed = load_keyring(path, "keyFile").seal(b"body", "c")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_keyring(path, "keyFile").open(key_id, sealed, "c") == b"body"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "no base64 at all", "YWJj"])
def test_bad_key_files(tmp_path: Path, text: str) -> None:
    """A file that holds no key is refused by its setting, without repeating it."""
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="keyFile") as refused:
        load_keyring(path, "keyFile")
    assert not text or text not in str(refused.value).replace(str(path), "")


def test_unreadable_files(tmp_path: Path) -> None:
    """A file that is missing, empty or no text is told by its setting; so is a place that cannot be written."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    (tmp_path / "empty").touch()
    for name in ("missing", "binary", "empty"):
        with pytest.raises(ConfigurationError, match="tokenFile"):
            read_text(tmp_path / name, "tokenFile")
    with pytest.raises(ConfigurationError, match="keyFile"):
        load_keyring(tmp_path / "none" / "key", "keyFile")
    with pytest.raises(ConfigurationError, match="addressFile"):
        write_addresses(tmp_path / "none" / "addresses", {}, "addressFile")


def test_addresses_appear_whole(tmp_path: Path) -> None:
    """The file of addresses is JSON and replaces a former one."""
    path = tmp_path / "addresses.json"
    path.write_text("old")
    write_addresses(path, {"link": "127.0.0.1:1"}, "addressFile")
    assert json.loads(path.read_text()) == {"link": "127.0.0.1:1"}
    assert list(tmp_path.iterdir()) == [path]


def test_certificates_of_doors(tmp_path: Path) -> None:
    """What cannot be used is told by the settings of its door; an expired certificate is told and used."""
    files = CertificateFiles(tmp_path)

    def door(certificate: str, key: str) -> Door:
        return Door("gateway.link", 1, cert_file=files.certificate(certificate), key_file=files.key(key))

    assert find_door_faults(Door("gateway.https", 1)) == []
    assert find_door_faults(door("good", "good")) == []
    (foreign_key,) = find_door_faults(door("good", "expired"))
    assert foreign_key.startswith("gateway.link.tls.keyFile: ")
    (missing, _) = find_door_faults(door("nowhere", "nowhere"))
    assert missing.startswith("gateway.link.tls.certFile: ")
    with capture_logs() as logs:
        assert find_door_faults(door("expired", "expired")) == []
    assert [entry["reason"] for entry in logs] == ["gateway.link.tls.certFile"]
