"""Files with secrets in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fairlead.cli.errors import CommandError
from fairlead.cli.private_files import PUBLIC, alone_in, write_file, write_secret

if TYPE_CHECKING:
    from pathlib import Path


def test_a_secret_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    """The mode is 0600 even under a umask that would allow all, and nothing else is left in the folder."""
    old = os.umask(0)
    try:
        path = write_secret(tmp_path / "deep" / "token", "s3cret")
    finally:
        os.umask(old)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == "s3cret\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_public_file_replaces_the_older_one_whole(tmp_path: Path) -> None:
    """The new content stands in its place, readable by all."""
    path = tmp_path / "ca.crt"
    write_file(path, b"older and longer", PUBLIC)
    write_file(path, b"new", PUBLIC)

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644


def test_one_at_a_time_makes_files_in_a_directory(tmp_path: Path) -> None:
    """Who does not get its turn says where; nothing is left of the lock."""
    directory = tmp_path / "keys"
    with (
        alone_in(directory),
        pytest.raises(CommandError, match="keys: another command"),
        alone_in(directory, timeout_s=0),
    ):
        raise AssertionError("not alone")
    with alone_in(directory, timeout_s=0):
        assert not list(directory.iterdir())
