"""Commands that run a service: the service's own program, with its own exit code."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("words", [["agent"], ["gateway", "migrate"], ["gateway"], ["scrubber"]], ids=" ".join)
def test_a_configuration_fault_ends_a_service_with_code_2(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is started, reads its settings, and says what is wrong with them."""
    monkeypatch.setenv("FAIRLEAD_CONFIG", str(tmp_path / "absent.yaml"))
    command = [sys.executable, "-m", "fairlead.cli", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert done.returncode == 2
    assert "absent.yaml, which is no file" in done.stderr
    assert "Traceback" not in done.stderr
