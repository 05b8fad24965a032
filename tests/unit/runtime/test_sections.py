"""Settings that several services share: defaults that are promised, and combinations that are refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fairlead.runtime.sections import (
    Account,
    BackoffSettings,
    KubernetesSettings,
    NatsSettings,
    Permissions,
    ServiceSettings,
)


def test_promised_defaults() -> None:
    """Defaults that users rely on; changing one is a change of behaviour and belongs into the changelog."""
    settings, kubernetes, account = ServiceSettings(), KubernetesSettings(), Account(name="prod")

    assert settings.nats.url == "nats://127.0.0.1:4222"
    assert (settings.health.port, settings.health.metrics_port) == (8082, 8008)
    assert settings.tracing.endpoint == ""
    assert settings.stop_timeout_seconds == pytest.approx(20)
    assert kubernetes.inventory_interval_seconds == pytest.approx(600)
    assert (account.max_resumable_resource_age_ms, account.secrets) == (300_000, "metadata")
    assert BackoffSettings().model_dump() == {"base_delay": 1.0, "multiplier": 1.6, "jitter": 0.2, "max_delay": 120.0}


@pytest.mark.parametrize(
    "url", ["nats://nats:4222", "tls://10.0.0.1:4222", "nats://a:1, nats://b:2", "nats://[::1]:4222", "nats://nats"]
)
def test_addresses_of_nats(url: str) -> None:
    """One server or several."""
    assert NatsSettings(url=url).url == url


@pytest.mark.parametrize("url", ["", "nats", "nats:4222", "http://nats:4222", "nats://", "nats://a:1,", "nats://a:x"])
def test_other_addresses_are_refused(url: str) -> None:
    """What cannot be dialled is a fault of the configuration."""
    with pytest.raises(ValidationError, match="must be nats://host:port"):
        NatsSettings(url=url)


def test_no_password_in_an_address() -> None:
    """Addresses are logged, so a password in one is refused, without being repeated to a user."""
    with pytest.raises(ValidationError) as caught:
        NatsSettings(url="nats://ann:sentinel@nats:4222")
    (fault,) = caught.value.errors(include_input=False)

    assert "nats.passwordFile" in fault["msg"]
    assert "sentinel" not in str(fault)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kubeconfigFile": "/a", "serviceAccount": True}, "set one of"),
        ({"kubeconfigFile": "/a", "kubeconfigContents": "b"}, "set one of"),
        ({"onlyNamespacedResources": True}, "needs namespaces"),
        ({"permissions": {"READ": ["ops", ""]}}, "must not be empty"),
        ({"permissions": {"WRITE": [" ops"]}}, "must not be empty"),
        ({"permissions": {"READ": "ops"}}, "tuple"),
        ({"permissions": {"EXECUTE": [""]}}, "must not be empty"),
        ({"permissions": {"REED": ["ops"]}}, "Extra inputs are not permitted"),
        ({"name": ""}, "at least 1"),
    ],
)
def test_accounts_that_make_no_sense(fields: dict[str, Any], told: str) -> None:
    """Contradictions and malformed permissions are refused, never quietly widened."""
    with pytest.raises(ValidationError, match=told):
        Account.model_validate({"name": "prod", **fields})


def test_account_names_are_unique() -> None:
    """Two accounts of one name are refused, and the name is told."""
    with pytest.raises(ValidationError, match="twice: prod"):
        KubernetesSettings.model_validate({"accounts": [{"name": "prod"}, {"name": "test"}, {"name": "prod"}]})


def test_permissions_are_written_in_capitals() -> None:
    """As in Armory's files."""
    permissions = Permissions.model_validate({"READ": ["a"], "WRITE": ["b"], "EXECUTE": ["c"]})

    assert (permissions.read, permissions.write, permissions.execute) == (("a",), ("b",), ("c",))
