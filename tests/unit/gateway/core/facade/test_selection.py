"""Selections: namespace, labels, fields."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.facade.selection import FieldTerm, UnsupportedField, parse_fields, parse_selection
from fairlead.gateway.core.selectors import InvalidSelector

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)


@pytest.mark.parametrize(("text", "terms"), [
    ("", []), (",", []), ("a=b", [FieldTerm("a", "b")]), ("a==b,", [FieldTerm("a", "b")]),
    ("a!=b,c=", [FieldTerm("a", "b", equal=False), FieldTerm("c", "")]),
    (r"a=b\,c\=d\\", [FieldTerm("a", r"b,c=d\\"[:-1])]),
    ("involvedObject.name=web,involvedObject.kind=Pod", [
        FieldTerm("involvedObject.name", "web"), FieldTerm("involvedObject.kind", "Pod"),
    ]),
])  # fmt: skip
def test_field_selectors_are_parsed(text: str, terms: list[FieldTerm]) -> None:
    """As apimachinery does it, escapes too."""
    assert list(parse_fields(text)) == terms


@pytest.mark.parametrize("text", ["a", "=b", "a=b=c", "a=\\x", "a=b\\", "a>b", "x" * 5000, "a=\0"])
def test_what_is_no_field_selector_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(UnsupportedField):
        parse_fields(text)


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30), st.booleans())
def test_values_survive_their_escapes(value: str, equal: bool) -> None:
    """Whatever a client escapes is what is compared."""
    escaped = value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
    assert parse_fields(f"a{'=' if equal else '!='}{escaped}") == (FieldTerm("a", value, equal),)


@given(st.text(max_size=40))
def test_any_text_is_a_field_selector_or_refused(text: str) -> None:
    """Nothing else is raised."""
    try:
        parse_fields(text)
    except UnsupportedField:
        return


def test_names_are_conditions_on_keys() -> None:
    """They cost no look into bodies, and no object changes its name."""
    selection = parse_selection(PODS, "shop", "", "metadata.name=web,metadata.namespace!=other")
    assert (selection.fields, selection.fickle) == ((), False)
    assert selection.covers(ObjectKey("shop", "web"))
    assert not selection.covers(ObjectKey("shop", "db"))
    assert not selection.covers(ObjectKey("other", "web"))


def test_a_selection_looks_at_labels_and_fields() -> None:
    """Both must be met."""
    selection = parse_selection(PODS, "", "app in (web,db),!old", "status.phase!=Failed,spec.nodeName=n1")
    assert selection.fickle
    fine = b'{"metadata":{"labels":{"app":"web"}},"spec":{"nodeName":"n1"},"status":{"phase":"Running"}}'
    assert selection.shows(fine)
    for before, after in ((b"web", b"x"), (b"Running", b"Failed"), (b"n1", b"n2"), (b'"app"', b'"old"')):
        assert not selection.shows(fine.replace(before, after))
    assert parse_selection(PODS, "", "", "").shows(fine)


@pytest.mark.parametrize(("resource", "field"), [
    (NODES, "metadata.namespace=x"), (NODES, "spec.unschedulable=true"), (PODS, "spec.containers=x"), (PODS, "x=y"),
])  # fmt: skip
def test_fields_that_rows_are_not_asked_for_are_left_to_others(resource: Resource, field: str) -> None:
    """The API server knows best which it allows."""
    with pytest.raises(UnsupportedField):
        parse_selection(resource, "", "", field)


def test_a_bad_label_selector_is_refused() -> None:
    """As the API server would."""
    with pytest.raises(InvalidSelector):
        parse_selection(PODS, "", "a in b", "")
