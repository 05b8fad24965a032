"""The environment of the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.cli.errors import MisuseError
from fairlead.cli.settings import client_settings, demo_settings


def test_the_gateway_is_found_by_the_environment() -> None:
    """FAIRLEAD_GATEWAY, FAIRLEAD_TOKEN_FILE and FAIRLEAD_CA_FILE; empty ones are as good as none."""
    settings = client_settings(
        {"FAIRLEAD_GATEWAY": "https://gw:8443", "FAIRLEAD_TOKEN_FILE": "/t", "FAIRLEAD_CA_FILE": ""}
    )

    assert settings.gateway == "https://gw:8443"
    assert settings.token_file == Path("/t")
    assert settings.ca_file is None


def test_the_demo_is_asked_by_the_environment() -> None:
    """KUBE_CONTEXT names a real cluster; a KUBECONFIG alone does not."""
    assert not demo_settings({"KUBECONFIG": "/home/me/config"}).kube_context
    assert demo_settings({"DEMO_EXIT": "1"}).exit_after_tour
    assert demo_settings({"KUBE_CONTEXT": "kind", "DEMO_YES": "1"}).assume_yes


def test_a_switch_that_is_no_switch_is_told() -> None:
    """The variable is named."""
    with pytest.raises(MisuseError, match="DEMO_EXIT"):
        demo_settings({"DEMO_EXIT": "maybe"})
