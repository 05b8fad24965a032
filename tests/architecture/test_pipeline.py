"""The pipeline leaves the deployment out only for a reason that it tells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.source_tree import ROOT
from tools.engine import SOCKET


@pytest.mark.parametrize("absent", ["DOCKER_HOST=unix:///does/not/exist.sock", "PATH=/does/not/exist"])
def test_a_machine_without_an_engine_is_told_so(absent: str) -> None:
    """Neither an engine that does not answer nor a missing client is an error of ours; the reason is one line."""
    command = ["/usr/bin/env", absent, sys.executable, "tools/engine.py"]
    said = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60)

    assert said.returncode == 1
    assert said.stdout.startswith("no container engine answers: ")
    assert said.stdout.count("\n") == 1
    assert said.stderr == ""


def pipeline(tmp_path: Path, make: str) -> subprocess.CompletedProcess[str]:
    """Run the pipeline where no engine answers, with a `make` of our own."""
    (tmp_path / "make").write_text(f"#!/bin/sh\n{make}\n")
    (tmp_path / "make").chmod(0o755)
    environment = [f"PATH={tmp_path}:/usr/bin:/bin", "DOCKER_HOST=unix:///does/not/exist.sock"]
    command = ["/usr/bin/env", *environment, "sh", ".ci/run"]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60)


def test_the_pipeline_says_what_it_leaves_out(tmp_path: Path) -> None:
    """Every other test has run by then, none of which may be skipped."""
    said = pipeline(tmp_path, 'echo "make $* with $FAIRLEAD_REQUIRE_REAL"')

    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("make test with 1\n")
    assert "make test-deploy is left out: no container engine answers: " in said.stdout
    assert "make test-deploy with" not in said.stdout


def test_an_engine_that_does_not_start_is_told(tmp_path: Path) -> None:
    """A daemon that is installed is started where none answers; the last it said is the reason for leaving the command out."""
    commands = {
        "docker": f'[ "$1" = context ] && echo {SOCKET}',
        "dockerd": "echo 'failed to mount overlay' >&2; exit 1",
    }
    for name, does in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    command = ["/usr/bin/env", f"PATH={tmp_path}:/usr/bin:/bin", sys.executable, "tools/engine.py", "--run", "false"]
    said = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60)

    started = os.geteuid() == 0  # nobody else may
    why = "dockerd does not start: failed to mount overlay" if started else "no container engine answers"
    assert said.stdout.startswith(f"\n── false is left out: {why}"), said.stderr
    assert said.returncode == 0


def test_the_pipeline_fails_with_the_tests(tmp_path: Path) -> None:
    """A failure of the tests is its own."""
    assert pipeline(tmp_path, "exit 2").returncode == 2
