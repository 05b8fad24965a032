"""`fairlead ops rollout`."""

from __future__ import annotations

import json

import pytest
from tests.support.rest_double import RestDouble
from tests.unit.cli.test_ops import ID, Ops, ended, ops

__all__ = ["ops"]


def asked(rest: RestDouble) -> dict[str, object]:
    """The request that was submitted."""
    body = dict(rest.requests[0].body)
    del body["id"]
    return body


@pytest.mark.parametrize("verb", ["restart", "pause", "resume"])
def test_steering(ops: Ops, rest: RestDouble, verb: str) -> None:
    """Each verb is an operation about the workload."""
    rest.answer("POST", "/v1/operations", ended("succeeded"))

    assert ops("rollout", verb, "deployment", "web", "-n", "shop") == 0
    assert asked(rest) == {
        "account": "shop", "kind": verb, "target": {"kind": "deployment", "namespace": "shop", "name": "web"},
        "timeoutSeconds": 30.0,
    }  # fmt: skip


def test_what_is_refused_is_told(ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and the whole message."""
    rest.answer("POST", "/v1/operations", ended("failed", 'deployment "web" is not paused'))

    assert ops("rollout", "resume", "deployment", "web") == 1
    assert 'deployment "web" is not paused' in capsys.readouterr().err


@pytest.mark.parametrize(("words", "revision"), [((), None), (("--to-revision", "3"), 3)])
def test_undo(ops: Ops, rest: RestDouble, words: tuple[str, ...], revision: int | None) -> None:
    """To the revision before, or to one that is named."""
    rest.answer("POST", "/v1/operations", ended("succeeded"))

    assert ops("rollout", "undo", "deployment", "web", *words) == 0
    assert asked(rest).get("revision") == revision


def test_history_is_a_table(ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each revision; JSON has it all."""
    item = {"revision": 3, "name": "web-abc", "createdAt": "2026-01-01T00:00:00Z", "changeCause": "because"}
    for _ in range(2):
        rest.answer("POST", "/v1/operations", ended("succeeded"))
        rest.answer("GET", f"/v1/operations/{ID}/result", {"items": [item]})

    assert ops("rollout", "history", "deployment", "web") == 0
    assert "because" in capsys.readouterr().out
    assert ops("rollout", "history", "deployment", "web", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["items"] == [item]


def test_status_waits_unless_told_otherwise(ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """The agent gets less time than the caller waits."""
    rest.answer("POST", "/v1/operations", ended("succeeded"))
    rest.answer("GET", f"/v1/operations/{ID}/result", {"done": True, "message": "successfully rolled out"})

    assert ops("rollout", "status", "deployment", "web", "--wait", "10s") == 0
    assert (asked(rest)["wait"], asked(rest)["timeoutSeconds"]) == (True, 9.0)
    assert "successfully rolled out" in capsys.readouterr().out
