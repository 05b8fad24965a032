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


@pytest.mark.parametrize(
    "credentials",
    [
        [{"name": "a", "kind": "agent", "accounts": ["*"]}],
        [{"name": "a", "kind": "agent", "accounts": ["*"], "sha256": SHA256, "certificate": "x"}],
        [{"name": "a", "kind": "agent", "accounts": ["*"], "sha256": "abc"}],
        [{"name": "a", "kind": "agent", "accounts": [], "sha256": SHA256}],
        [{"name": "a", "kind": "api", "accounts": ["*"], "certificate": "x"}],
        [{"name": "a", "kind": "api", "accounts": ["*"], "sha256": SHA256, "verbs": ["delete"]}],
        [{"name": "a", "kind": "api", "accounts": ["*"], "sha256": SHA256}] * 2,
    ],
)
def test_bad_credentials(credentials: list[dict[str, Any]]) -> None:
    """Malformed credentials are a fault, never a silently wider grant."""
    with pytest.raises(ValidationError) as refused:
        _load(credentials=credentials)
    assert SHA256 not in "".join(error["msg"] for error in refused.value.errors(include_input=False))
