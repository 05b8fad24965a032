"""What the bridge is composed of."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.bridge.service import build, make_identity, make_target
from fairlead.bridge.settings import AgentSettings, ClouddriverSettings, Settings
from fairlead.runtime.errors import ConfigurationError


def test_unreadable_files_are_faults_of_the_configuration() -> None:
    """Every file of the TLS settings that cannot be read is named at the start."""
    tls = {"cacertFile": "/nowhere/ca.pem", "clientCertFile": "/nowhere/c.pem", "clientKeyFile": "/nowhere/k.pem"}
    settings = Settings(clouddriver=ClouddriverSettings.model_validate({"tls": tls}))

    with pytest.raises(ConfigurationError) as raised:
        build(settings)
    assert len(raised.value.problems) == 3


def test_the_token_is_read_at_each_connection(tmp_path: Path) -> None:
    """A rotated token file is taken up; plaintext is a target without TLS."""
    file = tmp_path / "token"
    file.write_text("one\n")
    target = make_target(ClouddriverSettings.model_validate({"auth": {"tokenFile": str(file)}, "insecure": True}))
    assert (target.token(), target.tls) == ("one", None)

    file.write_text("two\n")
    assert target.token() == "two"


def test_identity() -> None:
    """An agent is named by its settings, else by its host."""
    assert make_identity(AgentSettings(id="pod-1", zone_id="z")).agent_id == "pod-1"
    assert make_identity(AgentSettings()).agent_id
