"""Settings of the bridge."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fairlead.bridge.settings import ClouddriverSettings, Settings
from fairlead.contracts.streams import CLEAN_LOG
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.settings import load


def test_defaults() -> None:
    """The link is TLS unless said otherwise, and keeps gRPC's back-off."""
    settings = Settings()

    assert not settings.clouddriver.insecure
    assert settings.clouddriver.keep_alive_heartbeat_seconds == 20
    assert settings.clouddriver.backoff.max_delay == 120
    assert settings.bridge.log_max_bytes == CLEAN_LOG.max_bytes


@pytest.mark.parametrize(
    ("grpc", "host", "port"), [("gateway.example:9091", "gateway.example", 9091), ("[::1]:1", "::1", 1)]
)
def test_address(grpc: str, host: str, port: int) -> None:
    """Host and port come from one key, as Armory spells it."""
    settings = ClouddriverSettings(grpc=grpc)

    assert (settings.host, settings.port) == (host, port)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"grpc": "gateway"}, "expected host:port"),
        ({"grpc": "gateway:0"}, "expected host:port"),
        ({"insecure": True, "tls": {"serverName": "x"}}, "insecure excludes tls"),
        ({"tls": {"clientCertFile": "/c"}}, "belong together"),
        ({"auth": {"token": "t0ken", "tokenFile": "/t"}}, "set one of"),
    ],
)
def test_contradictions(document: dict[str, object], told: str) -> None:
    """Settings that contradict each other are refused, without repeating a value."""
    with pytest.raises(ValidationError, match=told):
        ClouddriverSettings.model_validate(document)


def test_a_fault_does_not_echo_a_token() -> None:
    """The fault that a user sees holds no secret."""
    with pytest.raises(ConfigurationError) as raised:
        load(
            Settings,
            "bridge",
            {"FAIRLEAD_BRIDGE__CLOUDDRIVER__AUTH__TOKEN": "t0ken", "FAIRLEAD__CLOUDDRIVER__GRPC": "x"},
        )

    assert "t0ken" not in str(raised.value)
