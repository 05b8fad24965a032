"""The test runner is merciless: what a test leaves behind fails it, and a missing part is told."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.source_tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_PLUGINS = ("real_parts", "processes", "nats_server", "database", "control_plane")


def outcome_of(tmp_path: Path, tests: str, *environment: str) -> str:
    """Run tests under our plugins in a pytest of their own and return what it says."""
    file = tmp_path / "test_sample.py"
    file.write_text(tests, encoding="utf-8")
    plugins = [word for name in _PLUGINS for word in ("-p", f"tests.support.{name}")]
    command = ["env", "-u", "FAIRLEAD_REQUIRE_REAL", "-u", "TEST_PARTS", *environment]
    command += [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *plugins, "-c", str(ROOT / "pyproject.toml")]
    return subprocess.run([*command, str(file)], check=False, capture_output=True, text=True, cwd=ROOT).stdout


def test_what_a_test_leaves_behind_fails_it(tmp_path: Path) -> None:
    """A task or a child process that outlives its test is an error that names it; one that ends is none."""
    said = outcome_of(
        tmp_path,
        """
import asyncio, subprocess

async def test_task():
    asyncio.get_running_loop().create_task(asyncio.sleep(60), name="forgotten")

async def test_tidy():
    await asyncio.create_task(asyncio.sleep(0))

def test_child():
    global child
    child = subprocess.Popen(["sleep", "61"])

def test_tidy_child():
    subprocess.run(["true"], check=True)
""",
    )

    assert "left asyncio tasks behind: forgotten" in said
    assert "left child processes behind:" in said
    assert "sleep 61" in said
    assert "4 passed, 2 errors" in said


_WANTS_A_PART = """
from tests.support.real_parts import require_part
import pytest

@pytest.fixture(scope="session")
def moon():
    require_part("moon", "out of reach")

def test_one(moon): pass

def test_two(moon): pass
"""


def test_a_missing_part_is_a_loud_counted_skip(tmp_path: Path) -> None:
    """Each test that wanted the part is counted in a section of the summary."""
    said = outcome_of(tmp_path, _WANTS_A_PART)

    assert "REAL PARTS MISSING: 2 tests skipped" in said
    assert "2 skipped" in said


def test_a_missing_part_fails_when_all_are_required(tmp_path: Path) -> None:
    """With FAIRLEAD_REQUIRE_REAL=1 the same tests fail."""
    said = outcome_of(tmp_path, _WANTS_A_PART, "FAIRLEAD_REQUIRE_REAL=1")

    assert "2 errors" in said
    assert "moon: out of reach" in said


def test_docker_without_an_engine_is_a_clear_failure(tmp_path: Path) -> None:
    """Asking for containers where no engine answers fails and says so; nothing is skipped or embedded instead."""
    test = "def test_bus(nats_server): pass\n"
    said = outcome_of(tmp_path, test, "TEST_PARTS=docker", "DOCKER_HOST=unix:///does/not/exist.sock")

    assert "TEST_PARTS=docker: nats:2.12 cannot be started" in said
    assert "1 error" in said
