"""Label selectors, as apimachinery parses them."""

from __future__ import annotations

import pytest

from fairlead.gateway.core.selectors import InvalidSelector, Operator, Requirement, parse_selector, selects


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        ("", []),
        (" a = b ", [Requirement("a", Operator.IN, ("b",))]),
        ("a==b,c!=d", [Requirement("a", Operator.IN, ("b",)), Requirement("c", Operator.NOT_IN, ("d",))]),
        ("x.io/a in (b, c ,)", [Requirement("x.io/a", Operator.IN, ("b", "c", ""))]),
        ("a notin (b),!c, d", [
            Requirement("a", Operator.NOT_IN, ("b",)), Requirement("c", Operator.MISSING), Requirement("d", Operator.EXISTS),
        ]),
        ("a>5,b<9223372036854775807", [
            Requirement("a", Operator.GREATER, ("5",)), Requirement("b", Operator.LESS, ("9223372036854775807",)),
        ]),
        ("in in (in)", [Requirement("in", Operator.IN, ("in",))]),
        ("a=", [Requirement("a", Operator.IN, ("",))]),
    ],
)  # fmt: skip
def test_selectors_are_parsed(text: str, requirements: list[Requirement]) -> None:
    """Every operator and both spellings of equality."""
    assert list(parse_selector(text)) == requirements


@pytest.mark.parametrize(
    "text",
    ["=b", "a=b=c", "a in b", "a in (b", "a>x", "a>-3", "a<9223372036854775808", "-a", "a b", ",", "a=-", "a,,b", "é=x", "x/y/z=1", "x..y/z", "a" * 5000, ",".join(["a"] * 65), "," * 4096],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    """With the requirement that is wrong, shortened."""
    with pytest.raises(InvalidSelector) as refusal:
        parse_selector(text)
    assert len(str(refusal.value)) < 200


def test_missing_labels_meet_negations_only() -> None:
    """As in Kubernetes: ``!=`` and ``notin`` select objects without the label."""
    assert selects(parse_selector("a!=b,a notin (c),!a"), {})
    assert not selects(parse_selector("a"), {})
    assert not selects(parse_selector("a="), {})
    assert not selects(parse_selector("a>1"), {"a": "x"})
    assert selects(parse_selector("a>1,a<3"), {"a": "2"})


def test_numbers_are_those_of_64_bits() -> None:
    """Nanoseconds since 1970 have 19 digits; what Go cannot read into 64 bits meets no comparison."""
    above = parse_selector("at>1763700000000000000")
    assert selects(above, {"at": "1763700000000000001"})
    assert selects(above, {"at": "000001763700000000000001"})
    assert not selects(above, {"at": "1763699999999999999"})
    assert not selects(above, {"at": "9223372036854775808"})
