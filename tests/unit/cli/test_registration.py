"""`fairlead accounts register`, `unregister`, `registration` and `remove`."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.rest_double import RestDouble

from fairlead.cli.app import run

PATH = "/v1/accounts/shop/registration"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("fairlead.cli.registration.POLL_S", 0.001)


def _standing(state: str, message: str = "", wanted: str = "registered", **more: Any) -> dict[str, Any]:
    return {"account": "shop", "wanted": wanted, "state": state, "message": message, **more}


def _run(rest: RestDouble, *arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        run(["accounts", *arguments, "--gateway", rest.url])
    assert isinstance(done.value.code, int)
    return done.value.code


def test_registrations_say_what_is_missing(rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, or one; a grace period that runs is told."""
    rest.answer("GET", "/v1/registrations", {"items": [_standing("waiting", "no namespaces")]})
    rest.answer("GET", PATH, _standing("registered", missingSeconds=12.4))
    assert _run(rest, "registration") == 0
    assert "no namespaces" in capsys.readouterr().out
    assert _run(rest, "registration", "shop") == 0
    assert "12 s of the grace period" in capsys.readouterr().out


def test_registering_waits_for_its_end(rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """Under way is looked at again; the wish to take over is passed on."""
    rest.answer("POST", PATH, _standing("waiting"), 202)
    for state in ("retrying", "accepted", "registered"):
        rest.answer("GET", PATH, _standing(state))
    assert _run(rest, "register", "shop", "--adopt") == 0
    assert rest.requests[0].body == {"adopt": True}
    assert "is registered" in capsys.readouterr().out


@pytest.mark.parametrize(("state", "arguments"), [("conflict", []), ("refused", []), ("retrying", ["--wait", "0"])])
def test_registering_may_fail(
    rest: RestDouble, capsys: pytest.CaptureFixture[str], state: str, arguments: list[str]
) -> None:
    """With the gateway's words."""
    rest.answer("POST", PATH, _standing(state, "do that"), 202)
    assert _run(rest, "register", "shop", *arguments) == 1
    assert "do that" in capsys.readouterr().err


def test_unregistering(rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with the state, or says why it does not."""
    rest.answer("DELETE", PATH, _standing("registered", wanted="withdrawn"), 202)
    rest.answer("GET", PATH, _standing("retrying", "away", wanted="withdrawn"))
    assert _run(rest, "unregister", "shop", "--wait", "0.01") == 1
    assert "away" in capsys.readouterr().err
    rest.answer("GET", PATH, _standing("withdrawn", wanted="withdrawn"))
    assert _run(rest, "unregister", "shop") == 0
    assert "accounts register shop" in capsys.readouterr().out


def test_removing_needs_a_yes(rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it nothing is asked for; with it the command ends when the account is unknown."""
    assert _run(rest, "remove", "shop") == 2
    assert not rest.requests
    rest.answer("DELETE", "/v1/accounts/shop", _standing("registered", wanted="removed"), 202)
    rest.answer("GET", PATH, _standing("registered", wanted="removed"))
    rest.answer("GET", PATH, {"detail": "no such account"}, 404)
    assert _run(rest, "remove", "shop", "--yes") == 0
    assert "removed" in capsys.readouterr().out


def test_a_removal_may_be_called_off(rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """By an agent that came back; or refused at once."""
    rest.answer("DELETE", "/v1/accounts/shop", _standing("registered", wanted="removed"), 202)
    rest.answer("GET", PATH, _standing("waiting", "its agent came back"))
    assert _run(rest, "remove", "shop", "--yes") == 1
    assert "came back" in capsys.readouterr().err
    rest.answer("DELETE", "/v1/accounts/web", {"detail": "an agent serves it"}, 409)
    assert _run(rest, "remove", "web", "--yes") == 1
    assert "serves it" in capsys.readouterr().err
