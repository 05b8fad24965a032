"""The commands of docs/first-hour.md, run one after the other as a reader does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.polling import wait_until
from tests.support.real_parts import require_part
from tests.support.source_tree import ROOT
from tools.parts.build import parts_directory

from fairlead.cli.demo.command import MORE_KINDS
from fairlead.cli.stack import Stack
from fairlead.watcher.core.scope import DEFAULT_KINDS

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND_TIMEOUT_S = 60
KINDS = [*DEFAULT_KINDS, *MORE_KINDS]
"""What the demo watches."""


def blocks() -> list[str]:
    """The page's blocks that are run; others are for the eye, or are done by the fixture."""
    return _BLOCK.findall((ROOT / "docs/first-hour.md").read_text(encoding="utf-8"))


def is_live(stack: Stack) -> bool:
    """Whether every kind is there."""
    with stack.gateway() as gateway:
        if not any(account["connected"] for account in gateway.accounts()):
            return False
        states = [each["state"] for each in gateway.resources("shop")]
    return len(states) == len(KINDS) and set(states) == {"live"}


def with_kubectl(folder: Path) -> Path:
    """A folder that holds some kubectl, for the PATH."""
    built = parts_directory() / "kubectl"
    found = built if built.is_file() else shutil.which("kubectl")
    if found is None:
        require_part("kubectl", "none is on the PATH, and none was built: run `make parts`")
    folder.mkdir()
    (folder / "kubectl").symlink_to(found)
    return folder


def test_every_command(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    """Each block ends well, on a stack as the demo leaves it, and the page's files are gone at its end."""
    stack = new_stack(one_process=True)
    stack.accounts = (replace(stack.accounts[0], options={"noProxy": True, "kinds": KINDS}),)
    stack.start_all()
    wait_until(lambda: is_live(stack), within_s=60, what="a complete mirror")
    work = tmp_path / "checkout"
    work.mkdir()
    environment = {
        "PATH": f"{with_kubectl(tmp_path / 'bin')}:{Path(sys.executable).parent}:{os.defpath}",
        "HOME": str(tmp_path),
        "NO_PROXY": "127.0.0.1",
        "FAIRLEAD_GATEWAY": stack.addresses.api,
        "FAIRLEAD_CA_FILE": str(stack.files.ca),
        "FAIRLEAD_TOKEN_FILE": str(stack.files.api_token),
    }
    told = ""
    for block in blocks():
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env=environment, cwd=work, check=False, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        told += done.stdout
    assert not list(work.iterdir())
    for expected in ("storefront", "live", "tides", "succeeded", "configmap/tides annotated", "reader is revoked"):
        assert expected in told, expected
