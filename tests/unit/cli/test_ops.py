"""`fairlead ops`: what is sent, what is printed, and exit codes that tell the truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.rest_double import RestDouble

from fairlead.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


ID = "01JQ8Z0000000000000000000A"
MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"a": "1"}}
Ops = Callable[..., int]


@pytest.fixture
def ops(rest: RestDouble, monkeypatch: pytest.MonkeyPatch) -> Ops:
    """Runs `fairlead ops` against the double and returns the exit code."""
    monkeypatch.setenv("FAIRLEAD_GATEWAY", rest.url)
    monkeypatch.setenv("FAIRLEAD_ACCOUNT", "shop")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def call(*arguments: str) -> int:
        with pytest.raises(SystemExit) as done:
            run(["ops", *arguments])
        return int(done.value.code or 0)

    return call


def ended(state: str, message: str = "", **result: Any) -> dict[str, Any]:
    """An operation as the gateway tells it."""
    subject = {"kind": "ConfigMap", "namespace": "", "name": "web"}
    return {"id": ID, "account": "shop", "kind": "apply", "state": state, "subject": subject,
            "result": {"code": 200, "message": message, **result}}  # fmt: skip


def test_each_manifest_is_an_operation(ops: Ops, rest: RestDouble, tmp_path: Path) -> None:
    """With the namespace that was named, defaults left out, and an id each."""
    (tmp_path / "a.json").write_text(json.dumps(MANIFEST))
    (tmp_path / "b.yaml").write_text(json.dumps(MANIFEST))
    rest.answer("POST", "/v1/operations", ended("succeeded"))

    assert ops("apply", "-f", str(tmp_path), "-n", "storefront", "--force") == 0
    bodies = [request.body for request in rest.requests]
    manifest = {**MANIFEST, "metadata": {"name": "web", "namespace": "storefront"}}
    assert [{**body, "id": ""} for body in bodies] == [
        {"id": "", "account": "shop", "kind": "apply", "manifest": manifest, "force": True, "timeoutSeconds": 30.0}
    ] * 2
    assert len({body["id"] for body in bodies}) == 2


def test_a_failure_stops_the_rest_and_is_told_whole(
    ops: Ops, rest: RestDouble, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, the API server's message uncut, and how many were not begun."""
    (tmp_path / "two.yaml").write_text(f"{json.dumps(MANIFEST)}\n---\n{json.dumps(MANIFEST)}")
    message = "admission webhook refused: " + "x" * 500
    rest.answer("POST", "/v1/operations", ended("failed", message))

    assert ops("create", "-f", str(tmp_path / "two.yaml")) == 1
    assert len(rest.requests) == 1
    assert f"{message} (1 more were not begun)" in capsys.readouterr().err


def test_an_unknown_outcome_says_what_may_have_happened(
    ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and the gateway's account of it."""
    rest.answer("POST", "/v1/operations", ended("unknown", "the delete may or may not have taken effect"))

    assert ops("delete", "ConfigMap", "web", "--at-once", "--grace-period", "0") == 1
    said = capsys.readouterr().err
    assert "outcome" in said
    assert "may or may not have taken effect" in said
    assert rest.requests[0].body["wait"] is False
    assert rest.requests[0].body["gracePeriodSeconds"] == 0


def test_an_operation_that_goes_on_is_no_success(
    ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the wait is over it says how to look again; without a wait it is accepted, and that is all."""
    rest.answer("POST", "/v1/operations", {**ended("sent"), "result": None}, 202)

    assert ops("scale", "Deployment", "web", "--replicas", "3", "--wait", "1s") == 1
    assert f"fairlead ops status {ID}" in capsys.readouterr().err
    assert ops("scale", "Deployment", "web", "--replicas", "3", "--wait", "0") == 0


def test_an_operation_that_no_agent_took_says_so(
    ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most often the account's name is wrong or its agent is away."""
    rest.answer("POST", "/v1/operations", {**ended("pending"), "result": None}, 202)

    assert ops("get", "ConfigMap", "web", "--wait", "1s") == 1
    assert "no agent has taken the operation yet; does `fairlead accounts` list shop" in capsys.readouterr().err


def test_patches_travel_as_json(ops: Ops, rest: RestDouble) -> None:
    """YAML on the command line, JSON on the wire, with its type."""
    rest.answer("POST", "/v1/operations", ended("succeeded"))

    assert ops("patch", "ConfigMap", "web", "-p", "data: {a: '2'}", "--type", "merge") == 0
    body = rest.requests[0].body
    assert (body["patch"], body["patchType"], body["target"]) == (
        {"data": {"a": "2"}}, "merge", {"kind": "ConfigMap", "name": "web"},
    )  # fmt: skip
    assert ops("patch", "ConfigMap", "web") == 2


def test_reads_print_what_came_back(ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """A table for people, the document for programs."""
    rest.answer("POST", "/v1/operations", ended("succeeded"))
    rest.answer("GET", f"/v1/operations/{ID}/result", {"kind": "ConfigMapList", "items": [MANIFEST]})

    assert ops("list", "ConfigMap", "-l", "a=b") == 0
    assert rest.requests[0].body["labelSelector"] == "a=b"
    assert capsys.readouterr().out.splitlines()[1].split() == ["ConfigMap", "-", "web", "-", "-"]
    assert ops("get", "ConfigMap", "web", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["items"] == [MANIFEST]


def test_status_cancel_and_history(ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """A status tells the truth in its exit code; a cancellation answers as it stands."""
    rest.answer("GET", f"/v1/operations/{ID}", ended("failed", "no"))
    rest.answer("DELETE", f"/v1/operations/{ID}", ended("expired"))
    rest.answer("GET", "/v1/operations", {"items": [ended("succeeded")]})

    assert ops("status", ID) == 1
    assert ops("cancel", ID) == 0
    assert ops("history", "--state", "succeeded") == 0
    assert rest.requests[-1].query == {"state": "succeeded", "limit": "20"}
    assert "apply ConfigMap web" in capsys.readouterr().out


def test_the_only_account_need_not_be_named(
    ops: Ops, rest: RestDouble, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One account is meant; of several one must be named, and they are told."""
    monkeypatch.delenv("FAIRLEAD_ACCOUNT")
    rest.answer("GET", "/v1/accounts", {"items": [{"name": "only"}]})
    rest.answer("GET", "/v1/accounts", {"items": [{"name": "east"}, {"name": "west"}]})
    rest.answer("POST", "/v1/operations", ended("succeeded"))

    assert ops("delete", "ConfigMap", "web") == 0
    assert rest.requests[-1].body["account"] == "only"
    assert ops("delete", "ConfigMap", "web") == 2
    assert "east, west" in capsys.readouterr().err


def test_contradictions_are_misuse(ops: Ops, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another namespace in the manifest, one id for several operations, a wait that is none."""
    manifest = {**MANIFEST, "metadata": {"name": "web", "namespace": "other"}}
    file = tmp_path / "a.yaml"
    file.write_text(f"{json.dumps(manifest)}\n---\n{json.dumps(manifest)}")

    assert ops("apply", "-f", str(file), "-n", "storefront") == 2
    assert ops("apply", "-f", str(file), "--id", ID) == 2
    assert ops("apply", "-f", str(file), "--wait", "soon") == 2
    assert ops("get", "ConfigMap", "web", "--wait", "soon") == 2
    assert capsys.readouterr().err.count("--wait: `soon` is no duration") == 2


def test_a_deletion_by_labels(ops: Ops, rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """Or by name, never both, never neither."""
    rest.answer("POST", "/v1/operations", ended("succeeded"))

    assert ops("delete", "pods", "-l", "app=web", "--ignore-not-found", "--propagation", "orphan") == 0
    body = rest.requests[0].body
    assert (body["target"], body["labelSelector"]) == ({"kind": "pods"}, "app=web")
    assert (body["ignoreNotFound"], body["propagation"]) == (True, "Orphan")
    assert ops("delete", "pods") != 0
    assert ops("delete", "pods", "web", "-l", "app=web") != 0
    assert "--selector" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "side"), [((), None), (("--server-side",), True), (("--client-side",), False)])
def test_apply_may_choose_its_side(
    ops: Ops, rest: RestDouble, tmp_path: Path, words: tuple[str, ...], *, side: bool | None
) -> None:
    """Or leave it to annotations and settings."""
    (tmp_path / "a.json").write_text(json.dumps(MANIFEST))
    rest.answer("POST", "/v1/operations", ended("succeeded"))

    assert ops("apply", "-f", str(tmp_path / "a.json"), *words) == 0
    assert rest.requests[0].body.get("serverSide") is side
