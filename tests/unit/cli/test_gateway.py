"""The client of the gateway's REST API: what it sends, and how refusals and failures are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.rest_double import RestDouble

from fairlead.cli.errors import MisuseError
from fairlead.cli.gateway import Gateway, GatewayRefusal, GatewayUnreachable, open_gateway
from fairlead.cli.parts.ports import free_port
from fairlead.cli.settings import ClientSettings

if TYPE_CHECKING:
    from pathlib import Path


ID = "01JQ8Z0000000000000000000A"


def client(rest: RestDouble) -> Gateway:
    """A client of the double."""
    return Gateway(rest.url, token="flt_test", trust_env=False)


def test_an_operation_is_submitted_with_its_id_and_token(rest: RestDouble) -> None:
    """The body is the request with the caller's id, so that a repetition is the same operation."""
    rest.answer("POST", "/v1/operations", {"id": ID, "state": "pending"}, 202)
    with client(rest) as gateway:
        gateway.submit({"account": "shop", "kind": "get"}, operation_id=ID)

    [request] = rest.requests
    assert request.body == {"id": ID, "account": "shop", "kind": "get"}
    assert request.headers["authorization"] == "Bearer flt_test"
    assert "wait" not in request.query


def test_a_long_wait_is_made_of_several(rest: RestDouble) -> None:
    """No request waits longer than proxies allow; the wait ends with the operation."""
    rest.answer("POST", "/v1/operations", {"id": ID, "state": "sent"}, 202)
    rest.answer("GET", f"/v1/operations/{ID}", {"id": ID, "state": "claimed"})
    rest.answer("GET", f"/v1/operations/{ID}", {"id": ID, "state": "succeeded"})
    with client(rest) as gateway:
        operation = gateway.submit({}, operation_id=ID, wait_s=60)

    assert operation["state"] == "succeeded"
    assert [request.query for request in rest.requests] == [{"wait": "20s"}] * 3


def test_rows_come_page_by_page(rest: RestDouble) -> None:
    """The token of a page leads to the next one; filters stay."""
    rest.answer("GET", "/v1/accounts/shop/objects", {"items": [{"name": "a"}], "continue": "t"})
    rest.answer("GET", "/v1/accounts/shop/objects", {"items": [{"name": "b"}]})
    with client(rest) as gateway:
        names = [row["name"] for row in gateway.objects("shop", kind="Pod")]

    assert names == ["a", "b"]
    assert rest.requests[1].query == {"kind": "Pod", "limit": "500", "continue": "t"}


def test_a_refusal_is_told_in_the_gateways_words(rest: RestDouble) -> None:
    """Detail and problems, and for an unknown credential what to do."""
    rest.answer("GET", "/v1/accounts", {"detail": "cannot", "problems": ["a", "b"]}, 400)
    rest.answer("GET", "/v1/tokens", {"detail": "present a valid token"}, 401)
    with client(rest) as gateway:
        with pytest.raises(GatewayRefusal, match="cannot: a; b"):
            gateway.accounts()
        with pytest.raises(GatewayRefusal, match="--token-file"):
            gateway.tokens()


def test_something_else_that_answers_is_no_gateway(rest: RestDouble) -> None:
    """A page without our form of failure is asked about."""
    rest.answer("GET", "/v1/accounts", b"<html>not here</html>", 404)
    with client(rest) as gateway, pytest.raises(GatewayRefusal, match="a Fairlead gateway"):
        gateway.accounts()


def test_nobody_there_is_told() -> None:
    """The address is named."""
    with (
        Gateway(f"http://127.0.0.1:{free_port()}", trust_env=False) as gateway,
        pytest.raises(GatewayUnreachable, match="is it running"),
    ):
        gateway.accounts()


def test_settings_make_a_client(tmp_path: Path, rest: RestDouble) -> None:
    """The token comes from its file, without the line end."""
    (tmp_path / "token").write_text("flt_file\n")
    rest.answer("GET", "/v1/accounts", {"items": []})
    with open_gateway(ClientSettings(gateway=rest.url, token_file=tmp_path / "token")) as gateway:
        gateway.accounts()

    assert rest.requests[0].headers["authorization"] == "Bearer flt_file"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "name the gateway"),
        ({"gateway": "gw:8443"}, "https://host:8443"),
        ({"gateway": "https://gw", "token_file": "/absent"}, "token file /absent"),
        ({"gateway": "https://gw", "token": "two\nlines"}, "characters that no token has"),
        ({"gateway": "https://gw", "token": "flt_\u00e9"}, "characters that no token has"),
        ({"gateway": "https://gw", "ca_file": "/absent"}, "/absent cannot be used"),
        ({"gateway": "https://gw", "ca_file": "/dev/null"}, r"\(no certificate or crl found\)$"),
    ],
)
def test_faults_of_the_settings_are_told(settings: dict[str, str], told: str) -> None:
    """Before anything is sent, and with what to do."""
    with pytest.raises(MisuseError, match=told):
        open_gateway(ClientSettings.model_validate(settings))
