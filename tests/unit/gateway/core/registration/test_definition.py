"""Definitions of accounts for Clouddriver."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fairlead.contracts.accounts import account_path
from fairlead.gateway.core.registration.definition import FIXED, Roles, Template, bears_mark, define, differing

FIELDS = {"metrics": False, "cacheThreads": 1, "cacheIntervalSeconds": 60, "omitKinds": ["podPreset"]}
TEMPLATE = Template("https://fairlead:8443", b"PEM\n", "/tokens/{account}", FIELDS)
GOLDEN = (
    rb'{"type":"kubernetes","@type":"kubernetes","name":"prod-eu","permissions":{"READ":["dev","ops"],"WRITE":["ops"]},'
    rb'"kubeconfigContents":"apiVersion: v1\nkind: Config\nclusters:\n- name: fairlead\n  cluster:\n    server: '
    rb"\"https://fairlead:8443/accounts/prod-eu\"\n    certificate-authority-data: UEVNCg==\nusers:\n- name: fairlead\n"
    rb"  user:\n    tokenFile: \"/tokens/prod-eu\"\ncontexts:\n- name: fairlead\n  context: {cluster: fairlead, user: "
    rb'fairlead}\ncurrent-context: fairlead\n","checkPermissionsOnStartup":false,"cacheIntervalSeconds":60,"cacheThreads":1,'
    rb'"metrics":false,"omitKinds":["podPreset"]}'
)


def test_the_bytes_stay_for_ever() -> None:
    """Another release that made other bytes would make Clouddriver load every account again."""
    made = define(TEMPLATE, "prod-eu", Roles(read=("ops", "dev", "ops"), write=("ops",)))
    assert made.body == GOLDEN
    assert made == define(TEMPLATE, "prod-eu", Roles(read=("dev", "ops"), write=("ops",)))
    assert made.digest != define(TEMPLATE, "prod-eu", Roles(read=("dev",), write=("ops",))).digest


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_name_makes_a_kubeconfig_or_none(name: str) -> None:
    """What cannot stand in a path or name a file is refused; all else is read by YAML as it was meant."""
    try:
        made = define(TEMPLATE, name, Roles())
    except ValueError:
        with pytest.raises(ValueError, match="account"):
            account_path(name)
        return
    document = json.loads(made.body)
    kubeconfig = yaml.safe_load(document["kubeconfigContents"])
    assert document["name"] == name
    assert kubeconfig["clusters"][0]["cluster"]["server"] == made.server == f"https://fairlead:8443{account_path(name)}"
    assert kubeconfig["users"][0]["user"] == {"tokenFile": f"/tokens/{name}"}


def test_a_token_takes_the_place_of_the_file() -> None:
    """And without an authority of its own the kubeconfig names none."""
    made = define(Template("https://x", b"", "/f"), "a", Roles(), "flt_1")
    contents = json.loads(made.body)["kubeconfigContents"]
    assert 'token: "flt_1"' in contents
    assert "tokenFile" not in contents
    assert "certificate-authority" not in contents


def test_settings_add_fields_for_some_accounts() -> None:
    """Later rules win; what is the gateway's cannot be chosen."""
    rules = (
        (("prod-*",), {"environment": "prod", "cacheThreads": 3, "onlySpinnakerManaged": True}),
        (("prod-eu", "test"), {"cacheThreads": 4, "namespaces": ["a"], "name": "b"}),
    )
    made = json.loads(define(Template("https://x", fields=FIELDS, rules=rules), "prod-eu", Roles()).body)
    assert (made["environment"], made["cacheThreads"], made["onlySpinnakerManaged"]) == ("prod", 4, True)
    assert made["name"] == "prod-eu"
    assert "namespaces" not in made
    other = json.loads(define(Template("https://x", fields=FIELDS, rules=rules), "other", Roles()).body)
    assert "environment" not in other
    assert {"type", "name", "permissions", "kubeconfigContents", "namespaces"} <= FIXED


def test_permissions_are_those_that_are_given() -> None:
    """EXECUTE alone restricts as well; none at all is for everyone."""
    assert json.loads(define(TEMPLATE, "a", Roles(execute=("x",))).body)["permissions"] == {"EXECUTE": ["x"]}
    assert json.loads(define(TEMPLATE, "a", Roles()).body)["permissions"] == {}
    assert Roles(("b", "a"), ("a",), ("c",)).all() == ("a", "b", "c")


@pytest.mark.parametrize("role", ["", " ", " ops", "ops ", "a\tb", "ops\n"])
def test_malformed_roles_are_a_problem(role: str) -> None:
    """In any place: Clouddriver would trim them, or drop them and open the account."""
    for roles in (Roles(read=("a", role)), Roles(write=(role,)), Roles(execute=(role,))):
        assert "never registered" in roles.problem()
    assert not Roles(("a b",), ("ops@example.com",)).problem()


def test_ours_bear_our_address() -> None:
    """That of any of ours counts, exactly; what others wrote, or what is no text, is not ours."""
    made = define(TEMPLATE, "prod", Roles())
    theirs: dict[str, Any] = json.loads(made.body)
    assert bears_mark(theirs, made.server)
    assert bears_mark(theirs, "https://elsewhere/accounts/prod", made.server)
    assert not bears_mark(theirs, "https://fairlead:8443/accounts/pro")
    assert not bears_mark(theirs, "")
    assert not bears_mark({"kubeconfigContents": None}, made.server)
    assert not bears_mark({"kubeconfigFile": "/x"}, made.server)


def test_differences_are_told_by_name() -> None:
    """What Clouddriver adds, leaves out or keeps in another order is no difference."""
    made = define(TEMPLATE, "prod", Roles(("a", "b"), ("b",)))
    theirs: dict[str, Any] = json.loads(made.body)
    del theirs["@type"]
    theirs |= {"debug": False, "environment": None, "permissions": {"WRITE": ["b"], "READ": ["b", "a"], "EXECUTE": []}}
    assert differing(made, theirs) == []
    assert differing(made, theirs | {"permissions": {"READ": ["a"], "WRITE": ["b"]}}) == ["permissions"]
    assert differing(made, theirs | {"permissions": {}}) == ["permissions"]
    assert differing(made, theirs | {"metrics": True, "omitKinds": []}) == ["metrics", "omitKinds"]
