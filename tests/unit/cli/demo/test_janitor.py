"""Cleaning up after a demo, however it ends."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.support.polling import wait_until
from tests.support.simulated_api import SimulatedApi

from fairlead.cli.demo.cluster import NAMESPACES, Cluster
from fairlead.cli.demo.janitor import Janitor, clean
from fairlead.cli.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

_KILLED_DEMO = """
import os, pathlib, signal, sys
from fairlead.cli.demo.janitor import Janitor
janitor = Janitor(pathlib.Path(sys.argv[1]))
print(janitor._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_demo_leaves_nothing(tmp_path: Path) -> None:
    """The directory goes although the demo could not say a word any more."""
    directory = tmp_path / "demo"
    (directory / "deep").mkdir(parents=True)
    (directory / "deep" / "file").write_text("x")
    done = subprocess.run([sys.executable, "-c", _KILLED_DEMO, directory], check=False, capture_output=True, timeout=60)

    assert done.returncode == -9
    wait_until(lambda: not directory.exists(), what="the removal of the directory")


def test_the_namespace_goes_too(tmp_path: Path) -> None:
    """A dismissed janitor has cleaned up when it returns, the cluster included."""
    api = SimulatedApi(tmp_path / "api")
    api.start()
    try:
        cluster = Cluster(api.kubeconfig, "", "fairlead-demo-0000", limited=True)
        before = cluster.count([NAMESPACES])
        cluster.create_namespace()
        (tmp_path / "demo").mkdir()
        with Janitor(tmp_path / "demo", cluster):
            assert cluster.count([NAMESPACES]) != before
        assert cluster.count([NAMESPACES]) == before
        assert not (tmp_path / "demo").exists()
    finally:
        api.stop()


def test_what_cannot_be_removed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a failure, and beside the failure that ended the demo rather than in its place."""
    gone = Cluster(tmp_path / "absent", "", "fairlead-demo-0000", limited=True)
    assert "no such file" in clean(tmp_path / "demo", gone)[0]

    with pytest.raises(CommandError, match="no such file"), Janitor(tmp_path / "demo", gone):
        """The demo went well."""
    with pytest.raises(RuntimeError, match="the step"), Janitor(tmp_path / "demo", gone):
        raise RuntimeError("the step")
    assert "no such file" in capsys.readouterr().err


def test_a_file_that_is_still_written_does_not_stop_it(tmp_path: Path) -> None:
    """The removal is tried again while a dying process writes."""
    directory = tmp_path / "demo"
    directory.mkdir()
    script = f"for i in 1 2 3 4 5; do mkdir -p {directory}/late; : > {directory}/late/$i; sleep 0.05; done"
    with subprocess.Popen(["sh", "-c", script]) as writer:
        time.sleep(0.05)
        clean(directory, None)
        writer.wait(timeout=10)
    clean(directory, None)

    assert not directory.exists()
