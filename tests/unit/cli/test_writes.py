"""`fairlead accounts writes`."""

from __future__ import annotations

import pytest
from tests.support.rest_double import RestDouble

from fairlead.cli.app import run


def test_the_journal_page_by_page(
    rest: RestDouble, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each write in a line, as many as were asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    write = {
        "startedAt": "2026-01-01T00:00:00Z", "caller": "ann", "command": "kubectl apply", "verb": "patch",
        "resource": "deployments.apps", "namespace": "shop", "name": "web", "subresource": "scale", "outcome": "done",
        "code": 200, "resourceVersion": "42", "dryRun": False,
    }  # fmt: skip
    rest.answer("GET", "/v1/accounts/prod/writes", {"items": [write], "continue": "01J"})
    rest.answer("GET", "/v1/accounts/prod/writes", {"items": [write | {"dryRun": True}] * 5})
    with pytest.raises(SystemExit):
        run(["accounts", "writes", "prod", "--limit", "3", "--gateway", rest.url])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "deployments.apps/shop/web/scale" in lines[1]
    assert "done (dry run)" in lines[2]
    assert [each.query.get("continue") for each in rest.requests] == [None, "01J"]
