"""What the command reads from the environment, and nothing else does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from fairlead.cli.errors import MisuseError
from fairlead.runtime.settings import Section


class ClientSettings(Section):
    """Where the gateway is and how to show who one is; options of the command line win over these."""

    gateway: str = ""
    """FAIRLEAD_GATEWAY: https://host:8443"""
    token: str = ""
    """FAIRLEAD_TOKEN; a file is better."""
    token_file: Path | None = None
    """FAIRLEAD_TOKEN_FILE"""
    ca_file: Path | None = None
    """FAIRLEAD_CA_FILE: authority that signed the gateway's certificate; the system's own when empty."""
    account: str = ""
    """FAIRLEAD_ACCOUNT"""


class DemoSettings(Section):
    """How `make demo` is asked to behave."""

    kube_context: str = ""
    """KUBE_CONTEXT: context of a real cluster of the user's, instead of a simulated one."""
    kubeconfig: str = ""
    """KUBECONFIG: where contexts are looked for, as kubectl does; alone it changes nothing."""
    assume_yes: bool = False
    """DEMO_YES=1: do not ask before the real cluster is touched."""
    exit_after_tour: bool = False
    """DEMO_EXIT=1: end after the tour."""


def client_settings(environment: Mapping[str, str] | None = None) -> ClientSettings:
    """Read FAIRLEAD_GATEWAY and the like."""
    variables = os.environ if environment is None else environment  # noqa: TID251 - this module is the reader
    found = {name: variables.get(f"FAIRLEAD_{name.upper()}") for name in ClientSettings.model_fields}
    return ClientSettings.model_validate({name: text for name, text in found.items() if text})


def demo_settings(environment: Mapping[str, str] | None = None) -> DemoSettings:
    """Read KUBE_CONTEXT, KUBECONFIG, DEMO_YES and DEMO_EXIT."""
    variables = os.environ if environment is None else environment  # noqa: TID251 - this module is the reader
    names = {
        "kube_context": "KUBE_CONTEXT",
        "kubeconfig": "KUBECONFIG",
        "assume_yes": "DEMO_YES",
        "exit_after_tour": "DEMO_EXIT",
    }
    found = {field: variables.get(name, "") for field, name in names.items()}
    try:
        return DemoSettings.model_validate({field: text for field, text in found.items() if text})
    except ValidationError as error:
        wrong = sorted({names[str(fault["loc"][0])] for fault in error.errors(include_input=False)})
        raise MisuseError(f"{', '.join(wrong)}: set it to 1 or 0") from None
