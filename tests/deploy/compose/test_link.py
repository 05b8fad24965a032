"""The way between agent and gateway: TLS always, and mutual TLS by one setting."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest
from tests.deploy.compose.conftest import OBSERVED, SHELLLESS
from tests.support.deployment import Deployment

_ANSWER_S = 5.0
_MIRROR_S = 90.0
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
"""HTTP/2's preface and empty settings (RFC 9113, 3.4)."""
SETTINGS = b"\4"
"""The type of the frame that a server begins with."""
MUTUAL = "CLIENT_CA_FILE=/run/fairlead/ca.crt"


@pytest.fixture
def mutual(deployment: Deployment) -> Iterator[Deployment]:
    """The deployment with mutual TLS; the setting goes with the test."""
    name, _, value = MUTUAL.partition("=")
    deployment.environment[name] = value
    deployment.up(OBSERVED, SHELLLESS)
    yield deployment
    del deployment.environment[name]
    deployment.up(OBSERVED, SHELLLESS)


def told(deployment: Deployment) -> bytes:
    """What the link's port says in HTTP/2 to a stranger who trusts the gateway and shows no certificate; nothing when refused."""
    context = ssl.create_default_context(cafile=deployment.credentials / "ca.crt")
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(address(deployment), _ANSWER_S) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as link:
                link.sendall(HELLO)
                return link.recv(64)
        except (ssl.SSLError, ConnectionError):
            return b""


def address(deployment: Deployment) -> tuple[str, int]:
    """Where agents connect to."""
    return "127.0.0.1", int(deployment.environment["LINK_PORT"])


def test_without_it_a_token_is_enough(deployment: Deployment) -> None:
    """No certificate is asked for."""
    assert told(deployment)[3:4] == SETTINGS


def test_plain_text_gets_no_answer(deployment: Deployment) -> None:
    """There is nothing but TLS at the port."""
    with socket.create_connection(address(deployment), _ANSWER_S) as plain:
        plain.sendall(HELLO)
        try:
            answer = plain.recv(64)
        except ConnectionError:
            answer = b""
    assert answer[3:4] != SETTINGS


def test_one_setting_demands_certificates(mutual: Deployment) -> None:
    """A stranger without one is refused; the agent, which has one, goes on."""
    assert told(mutual) == b""
    mutual.assert_mirrored(within_s=_MIRROR_S)
