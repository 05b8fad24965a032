"""Label and field selectors."""

from __future__ import annotations

import pytest

from fairlead.simcluster.errors import StatusError
from fairlead.simcluster.resources import Registry, Resource
from fairlead.simcluster.selectors import Selection, parse_fields, parse_labels
from fairlead.simcluster.store import encode_entry


def _resource(key: str) -> Resource:
    found = Registry().by_key(key)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ("a=1", {"a": "1"}, True),
        ("a==1,b=2", {"a": "1"}, False),
        ("a!=1", {}, True),
        ("a in (1,2)", {"a": "2"}, True),
        ("a in (1,2)", {}, False),
        ("a notin (1,2)", {"a": "3"}, True),
        ("a notin (1)", {}, True),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("a=", {"a": ""}, True),
        ("a>5", {"a": "6"}, True),
        ("a>5", {"a": "x"}, False),
        ("a<5", {"a": "6"}, False),
        ("app.kubernetes.io/name = web , tier in ( x )", {"app.kubernetes.io/name": "web", "tier": "x"}, True),
        ("", {"a": "1"}, True),
    ],
)
def test_label_terms(selector: str, labels: dict[str, str], expected: bool) -> None:
    """All terms must hold."""
    assert all(term.matches(labels) for term in parse_labels(selector)) is expected


@pytest.mark.parametrize("selector", ["a b", "a in 1", "a in (1", "=1", "a=1 b=2"])
def test_malformed_label_selectors_are_refused(selector: str) -> None:
    """400."""
    with pytest.raises(StatusError) as caught:
        parse_labels(selector)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=web", True),
        ("metadata.name!=web", False),
        ("metadata.namespace=ns,status.phase=Running", True),
        ("spec.nodeName=", True),
        ("spec.hostNetwork=true", True),
        ("status.phase!=Running", False),
    ],
)
def test_field_terms(selector: str, expected: bool) -> None:
    """Absent fields read as empty, booleans as words."""
    pod = {
        "metadata": {"name": "web", "namespace": "ns"},
        "spec": {"hostNetwork": True},
        "status": {"phase": "Running"},
    }
    selection = Selection(fields=parse_fields(selector, _resource("pods")))

    assert selection.matches(encode_entry(pod, 1)) is expected


def test_events_are_selected_by_what_they_are_about() -> None:
    """In both groups, each by its own names."""
    event = encode_entry({"metadata": {"name": "e", "namespace": "ns"}, "involvedObject": {"name": "web"}}, 1)
    core = Selection(fields=parse_fields("involvedObject.name=web", _resource("events")))
    named = Selection(fields=parse_fields("regarding.name=web", _resource("events.events.k8s.io")))

    assert core.matches(event)
    assert named.matches(event)


@pytest.mark.parametrize(("key", "selector"), [("pods", "spec.containers=x"), ("configmaps", "a.b=c"), ("pods", "x")])
def test_unknown_fields_are_refused(key: str, selector: str) -> None:
    """400."""
    with pytest.raises(StatusError) as caught:
        parse_fields(selector, _resource(key))
    assert caught.value.code == 400


def test_a_selection_knows_its_reach() -> None:
    """The namespace restricts, but does not select."""
    assert Selection().everything
    assert not Selection("ns").everything
    assert not Selection("ns").selective
    assert Selection(labels=parse_labels("a")).selective
    assert not Selection("other").matches(encode_entry({"metadata": {"name": "a", "namespace": "ns"}}, 1))
