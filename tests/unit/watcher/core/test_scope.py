"""Which resources and namespaces an account watches."""

from __future__ import annotations

from dataclasses import replace

from tests.support.watching import PODS

from fairlead.contracts.identity import Resource
from fairlead.watcher.core.scope import DEFAULT_KINDS, Scope, Selection, selections

NODES = Resource("", "v1", "nodes", "Node", False)
SECRETS = Resource("", "v1", "secrets", "Secret", True)


def test_the_default_kinds_are_armorys_twelve() -> None:
    """An account without `kinds` watches what Armory's plug-in asks for."""
    assert Scope().wanted_kinds == DEFAULT_KINDS
    assert len(DEFAULT_KINDS) == 12
    assert Scope(kinds=("Pod",)).wanted_kinds == ("Pod",)
    assert Scope(custom_kinds=("Widget.example.com",)).wanted_kinds == (*DEFAULT_KINDS, "Widget.example.com")


def test_namespaces_multiply_namespaced_resources_only() -> None:
    """Each listed namespace has a reflector of its own; cluster-scoped resources are watched once."""
    chosen = selections(Scope(namespaces=("a", "b")), (PODS, NODES))

    assert [(each.resource.plural, each.namespace) for each in chosen] == [("pods", "a"), ("pods", "b"), ("nodes", "")]


def test_only_namespaced_resources_leaves_the_rest_out() -> None:
    """`onlyNamespacedResources` touches nothing cluster-scoped."""
    chosen = selections(Scope(namespaces=("a",), only_namespaced=True), (PODS, NODES))

    assert [each.resource.plural for each in chosen] == ["pods"]


def test_omitted_namespaces_are_left_out() -> None:
    """`omitNamespaces` wins over `namespaces`, and is handed to reflectors that watch all."""
    assert selections(Scope(namespaces=("a", "b"), omit_namespaces=frozenset("b")), (PODS,))[0].namespace == "a"
    assert selections(Scope(omit_namespaces=frozenset("b")), (PODS,))[0].omit_namespaces == {"b"}


def test_secrets_are_watched_as_metadata() -> None:
    """Values of Secrets never enter the process; only the core group's secrets are Secrets."""
    assert Selection(SECRETS, "", "", frozenset()).metadata_only
    assert not Selection(replace(SECRETS, group="example.com"), "", "", frozenset()).metadata_only


def test_the_digest_tells_scopes_apart() -> None:
    """Whatever decides which objects are seen, or how they are scrubbed, changes the digest."""
    base = Selection(PODS, "", "", frozenset())
    others = [
        replace(base, namespace="a"),
        replace(base, label_selector="a=b"),
        replace(base, omit_namespaces=frozenset("x")),
        replace(base, resource=replace(PODS, version="v2")),
    ]
    digests = {each.digest("rules") for each in [base, *others]} | {base.digest("other rules")}

    assert len(digests) == 6
