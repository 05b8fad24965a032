"""Client-side or server-side."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.executor_doubles import CONFIG_MAP, DEPLOYMENT, SECRET

from fairlead.contracts.operations import InvalidRequest
from fairlead.executor.core.apply_mode import (
    CLEAR_MANAGED_FIELDS,
    MANIFEST_DEFAULTS,
    SERVER_SIDE,
    ApplyMode,
    ApplyPolicy,
    Switch,
    Switches,
)

ALWAYS, NEVER, ALLOWED = Switches(Switch.ALWAYS), Switches(Switch.NEVER), Switches()


def noted(**annotations: str) -> dict[str, Any]:
    """A manifest with Armory's annotations."""
    names = {"side": SERVER_SIDE, "clear": CLEAR_MANAGED_FIELDS, "defaults": MANIFEST_DEFAULTS}
    return {"metadata": {"annotations": {names[name]: text for name, text in annotations.items()}}}


def of_deployments(switch: Switch) -> tuple[Switches, ...]:
    """The level of one kind."""
    return (Switches(switch, kind="deployment.apps"),)


def test_left_open_it_depends_on_the_kind() -> None:
    """ConfigMaps and Secrets are applied server-side."""
    policy = ApplyPolicy()

    assert policy.mode(DEPLOYMENT, {}, None) == ApplyMode(server_side=False)
    assert policy.mode(CONFIG_MAP, {}, None).server_side
    assert policy.mode(SECRET, {"metadata": {"annotations": None}}, None).server_side


@pytest.mark.parametrize("text", ["true", "enabled", "Enabled"])
def test_annotations_choose_where_they_may(text: str) -> None:
    """Both of Armory's spellings; what they refuse they may refuse as well."""
    assert ApplyPolicy().mode(DEPLOYMENT, noted(side=text, clear=text, defaults=text), None) == ApplyMode(
        server_side=True, clear_managed_fields=True, manifest_defaults=True
    )
    assert not ApplyPolicy().mode(CONFIG_MAP, noted(side="false"), None).server_side
    assert ApplyPolicy().mode(CONFIG_MAP, noted(side="maybe"), None).server_side


def test_switches_go_from_coarse_to_fine() -> None:
    """A level that decides is final; one that leaves it open leaves it to the next."""
    note = noted(side="true")

    assert ApplyPolicy(ALWAYS, of_deployments(Switch.NEVER)).mode(DEPLOYMENT, {}, None).server_side
    assert not ApplyPolicy(NEVER, of_deployments(Switch.ALWAYS)).mode(DEPLOYMENT, note, None).server_side
    assert not ApplyPolicy(ALLOWED, of_deployments(Switch.NEVER)).mode(DEPLOYMENT, note, None).server_side
    assert ApplyPolicy(ALLOWED, of_deployments(Switch.ALWAYS)).mode(DEPLOYMENT, {}, None).server_side
    assert not ApplyPolicy(NEVER).mode(SECRET, {}, None).server_side
    assert ApplyPolicy(ALLOWED, of_deployments(Switch.NEVER)).mode(CONFIG_MAP, {}, None).server_side


def test_the_request_goes_before_annotations_and_no_further() -> None:
    """What an operator has switched off cannot be asked for."""
    assert not ApplyPolicy().mode(DEPLOYMENT, noted(side="true"), False).server_side
    assert ApplyPolicy().mode(DEPLOYMENT, {}, True).server_side
    assert ApplyPolicy(ALWAYS).mode(DEPLOYMENT, {}, True).server_side
    with pytest.raises(InvalidRequest, match="never"):
        ApplyPolicy(NEVER).mode(DEPLOYMENT, {}, True)
    with pytest.raises(InvalidRequest, match="always"):
        ApplyPolicy(ALWAYS).mode(DEPLOYMENT, {}, False)
