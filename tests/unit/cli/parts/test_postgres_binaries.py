"""Finding PostgreSQL's programs and the user to run them as."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from fairlead.cli.parts.errors import PartMissingError
from fairlead.cli.parts.postgres import Postgres
from fairlead.cli.parts.postgres_binaries import blocked_parent, copy_installation, find_postgres


def test_a_folder_without_binaries_is_told(tmp_path: Path) -> None:
    """A folder that was named and holds no PostgreSQL is not replaced by another one."""
    with pytest.raises(PartMissingError, match="no PostgreSQL binaries"):
        find_postgres(tmp_path)


def test_a_private_folder_blocks_what_is_below(tmp_path: Path) -> None:
    """The first folder that others may not enter is named."""
    private = tmp_path / "private"
    (private / "below").mkdir(parents=True)
    tmp_path.chmod(0o755)
    private.chmod(0o700)

    assert blocked_parent(private / "below" / "file") is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_an_installation_out_of_reach_is_copied(tmp_path: Path) -> None:
    """Root's private installation serves all the same: the server runs from a copy that its user can reach."""
    directory = Path(tempfile.mkdtemp(prefix="fairlead-test-"))
    directory.chmod(0o755)
    tmp_path.chmod(0o700)
    private = copy_installation(find_postgres(), tmp_path / "private")
    try:
        with Postgres(directory, password=None, bin_dir=private) as server:
            assert server.execute("SELECT 1") == "1"
            assert server.bin_dir.is_relative_to(directory)
    finally:
        shutil.rmtree(directory)
