"""How requests are made of what was said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fairlead.cli.errors import CommandError, MisuseError
from fairlead.cli.operation_options import Place
from fairlead.cli.operation_requests import Target, judge, manifest_requests, target_request

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_empty_is_left_out(tmp_path: Path) -> None:
    """So that requests say what was said, and defaults stay the gateway's."""
    file = tmp_path / "a.json"
    file.write_text(
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "sea"}})
    )

    (request,) = manifest_requests(
        "apply", Place("shop"), [str(file)], {"force": None, "serverSide": False, "dryRun": True}
    )
    assert request == {
        "account": "shop",
        "kind": "apply",
        "manifest": json.loads(file.read_text()),
        "serverSide": False,
        "dryRun": True,
    }
    with pytest.raises(MisuseError, match="another namespace"):
        manifest_requests("apply", Place("shop", "land"), [str(file)], {})

    target = target_request(
        "logs", Place("shop"), Target("Pod", "p"), 0, {"container": "", "tailLines": 0, "wait": False}
    )
    assert target == {
        "account": "shop", "kind": "logs", "target": {"kind": "Pod", "name": "p"}, "timeoutSeconds": 1.0,
        "tailLines": 0, "wait": False,
    }  # fmt: skip


def test_only_success_is_success() -> None:
    """The last operation decides."""
    judge([{"state": "failed"}, {"state": "succeeded"}])
    with pytest.raises(CommandError, match="2 more were not begun"):
        judge([{"id": "x", "state": "failed", "kind": "apply"}], left=2)
