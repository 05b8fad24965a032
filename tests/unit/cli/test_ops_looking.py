"""`fairlead ops logs`, `events`, `top` and `run-job`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.rest_double import RestDouble
from tests.unit.cli.test_ops import ID, Ops, ended, ops

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ops"]


def bring(rest: RestDouble, document: Any) -> None:
    """Lay out an operation that brings something back."""
    rest.answer("POST", "/v1/operations", ended("succeeded"))
    rest.answer("GET", f"/v1/operations/{ID}/result", document)


def test_logs_are_printed_as_they_are(ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """With what was asked for in the request; a log that was cut says so beside it."""
    bring(rest, {"log": "one\ntwo\n", "cut": True, "pod": "p"})

    assert ops("logs", "Pod", "p", "-c", "main", "--previous", "--tail", "0", "--since", "2m") == 0
    body = rest.requests[0].body
    wanted = {"container": "main", "previous": True, "tailLines": 0, "sinceSeconds": 120}
    assert {name: body[name] for name in wanted} == wanted
    assert "timestamps" not in body
    said = capsys.readouterr()
    assert said.out == "one\ntwo\n"
    assert "was cut" in said.err


def test_events_are_a_table(ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """On one line each."""
    bring(rest, {"items": [{"type": "Warning", "reason": "Failed", "message": "no\nnode", "lastTimestamp": "now"}]})

    assert ops("events", "deployment", "web") == 0
    assert "no node" in capsys.readouterr().out


@pytest.mark.parametrize("many", [True, False])
def test_usage_is_a_table(ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str], *, many: bool) -> None:
    """Of one pod or of several."""
    pod = {"metadata": {"name": "p"}, "containers": [{"name": "main", "usage": {"cpu": "5m", "memory": "9Mi"}}]}
    bring(rest, {"items": [pod]} if many else pod)

    assert ops("top", *([] if many else ["p"])) == 0
    assert "9Mi" in capsys.readouterr().out


def test_a_job_is_run(ops: Ops, rest: RestDouble, tmp_path: Path) -> None:
    """And followed, unless it is only to be started."""
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "tar"}}
    (tmp_path / "job.json").write_text(json.dumps(manifest))
    for _ in range(2):
        rest.answer("POST", "/v1/operations", ended("succeeded"))

    assert ops("run-job", "-f", str(tmp_path / "job.json"), "--recreate", "--wait", "10s") == 0
    body = rest.requests[0].body
    assert (body["kind"], body["recreate"], body["wait"], body["timeoutSeconds"]) == ("runJob", True, True, 9.0)
    assert ops("run-job", "-f", str(tmp_path / "job.json"), "--start") == 0
    assert rest.requests[1].body["wait"] is False
