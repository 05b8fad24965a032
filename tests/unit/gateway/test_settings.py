"""Settings of the gateway."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fairlead.gateway.settings import Settings

SHA256 = "A" * 64


def _load(**gateway: Any) -> Settings:
    return Settings.model_validate({"gateway": gateway})


def test_defaults() -> None:
    """Without a file the gateway has the documented ports and times."""
    section = _load().gateway
    assert (section.link.port, section.https.port) == (9091, 8443)
    assert (section.link.heartbeat_seconds, section.link.max_age_seconds) == (20, 7200)
    assert section.database.migrate


def test_credentials() -> None:
    """A credential has one way to be recognised; hexadecimal digits count in either case."""
    credential = {"name": "a", "kind": "agent", "accounts": ["*"]}
    (loaded,) = _load(credentials=[credential | {"sha256": SHA256}]).gateway.credentials
    assert loaded.sha256 == SHA256.lower()
    assert _load(credentials=[credential | {"certificate": "agent-*"}]).gateway.credentials


def test_the_facade_has_an_address() -> None:
    """As kubeconfigs name it; what is no address is a fault."""
    assert _load(facade={"url": "https://fairlead.example.com:8443/"}).gateway.facade.url.endswith(":8443")
    for wrong in ("fairlead:8443", "https://user:password@host", "https://host?x", "ftp://host"):
        with pytest.raises(ValidationError):
            _load(facade={"url": wrong})


@pytest.mark.parametrize(
    "credentials",
    [
        [{"name": "a", "kind": "agent", "accounts": ["*"]}],
        [{"name": "a", "kind": "agent", "accounts": ["*"], "sha256": SHA256, "certificate": "x"}],
        [{"name": "a", "kind": "agent", "accounts": ["*"], "sha256": "abc"}],
        [{"name": "a", "kind": "agent", "accounts": [], "sha256": SHA256}],
        [{"name": "a", "kind": "api", "accounts": ["*"], "certificate": "x"}],
        [{"name": "a", "kind": "api", "accounts": ["*"], "sha256": SHA256, "verbs": ["delete"]}],
        [{"name": "a", "kind": "facade", "accounts": ["*"], "sha256": SHA256, "verbs": ["read", "admin"]}],
        [{"name": "a", "kind": "facade", "accounts": ["*"], "certificate": "x"}],
        [{"name": "a", "kind": "api", "accounts": ["*"], "sha256": SHA256}] * 2,
    ],
)
def test_bad_credentials(credentials: list[dict[str, Any]]) -> None:
    """Malformed credentials are a fault, never a silently wider grant."""
    with pytest.raises(ValidationError) as refused:
        _load(credentials=credentials)
    assert SHA256 not in "".join(error["msg"] for error in refused.value.errors(include_input=False))


def test_clouddriver() -> None:
    """Off by default, with the grace period that Armory had; addresses lose their last slash."""
    section = _load().gateway
    assert (section.clouddriver.url, section.account_cleanup_frequency_seconds) == ("", 600)
    assert _load(accountCleanupFrequencySeconds=0).gateway.account_cleanup_frequency_seconds == 0
    rules = [{"accounts": ["prod-*"], "fields": {"environment": "prod", "onlySpinnakerManaged": True}}]
    chosen = _load(clouddriver={"url": "http://cd:7002/", "definitions": rules}).gateway.clouddriver
    assert (chosen.url, chosen.definitions[0].fields["environment"]) == ("http://cd:7002", "prod")


@pytest.mark.parametrize(
    "clouddriver",
    [
        {"url": "cd:7002"},
        {"fiatUrl": "http://user:password@fiat"},
        {"checkSeconds": 0},
        {"adopt": [""]},
        {"definitions": [{"accounts": ["*"], "fields": {"namespaces": ["a"]}}]},
        {"definitions": [{"accounts": ["*"], "fields": {"permissions": {}}}]},
        {"definitions": [{"accounts": [], "fields": {}}]},
        {"definitions": [{"accounts": ["*"], "fields": {"when": object()}}]},
    ],
)
def test_bad_settings_of_clouddriver(clouddriver: dict[str, Any]) -> None:
    """What would reach nobody, or change what is the gateway's to say."""
    with pytest.raises(ValidationError):
        _load(clouddriver=clouddriver)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://10.0.0.7:8443/", "https://10.0.0.7:8443"),
        ("https://gateway-2.shop:8443", "https://gateway-2.shop:8443"),
        ("https://fd00:10:244::7:8443", "https://[fd00:10:244::7]:8443"),
        ("https://fd00::ffff:10.0.0.7:8443", "https://[fd00::ffff:10.0.0.7]:8443"),
        ("https://[fd00::7]:8443", "https://[fd00::7]:8443"),
    ],
)
def test_the_address_for_other_gateways(url: str, taken: str) -> None:
    """A manifest puts a pod's address before the port; an address of IPv6 gets its brackets."""
    assert _load(peers={"url": url}).gateway.peers.url == taken
