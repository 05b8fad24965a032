"""Label selectors as Kubernetes writes them (k8s.io/apimachinery ``labels.Parse``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

SELECTOR_LIMIT = 4096
"""Characters of a selector."""
REQUIREMENTS_LIMIT = 64
"""Each is looked at for each row."""
_STEP = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_PREFIX = rf"(?=[^/]{{1,253}}/){_STEP}(\.{_STEP})*"
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"({_PREFIX}/)?{_WORD}")
_VALUE = re.compile(rf"({_WORD})?")
_SET = re.compile(r"(?P<key>\S+?)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_COMPARISON = re.compile(r"(?P<key>[^\s=!<>]+)\s*(?P<operator>==|=|!=|>|<)\s*(?P<value>[^\s=!<>]*)")
_EXISTENCE = re.compile(r"(?P<not>!?)\s*(?P<key>[^\s=!<>(),]+)")
_DIGITS = re.compile(r"[0-9]{1,63}")
_INTEGER_LIMIT = 2**63


class Operator(StrEnum):
    """How a requirement compares."""

    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    MISSING = "!"
    GREATER = "gt"
    LESS = "lt"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition; a selector is met when all of its requirements are."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()


class InvalidSelector(ValueError):
    """The text is no label selector; says which requirement is wrong."""


def parse_selector(text: str) -> tuple[Requirement, ...]:
    """Parse a selector; the empty one selects everything.

    Raises:
        InvalidSelector: unknown operator, bad key or value.

    """
    if len(text) > SELECTOR_LIMIT:
        raise InvalidSelector(f"label selector with more than {SELECTOR_LIMIT} characters")
    if not text.strip():
        return ()
    pieces = _split(text)
    if len(pieces) > REQUIREMENTS_LIMIT:
        raise InvalidSelector(f"label selector with more than {REQUIREMENTS_LIMIT} requirements")
    return tuple(_requirement(piece.strip()) for piece in pieces)


def selects(requirements: Sequence[Requirement], labels: Mapping[str, str]) -> bool:
    """Whether labels meet a selector."""
    return all(_met(requirement, labels.get(requirement.key)) for requirement in requirements)


def _met(requirement: Requirement, value: str | None) -> bool:
    match requirement.operator:
        case Operator.IN:
            return value in requirement.values
        case Operator.NOT_IN:
            return value not in requirement.values
        case Operator.EXISTS:
            return value is not None
        case Operator.MISSING:
            return value is None
    number = None if value is None else _integer(value)
    if number is None:
        return False
    bound = int(requirement.values[0])
    return number > bound if requirement.operator is Operator.GREATER else number < bound


def _integer(text: str) -> int | None:
    """A label's value as Go's ``strconv.ParseInt`` reads it into 64 bits; labels have no signs."""
    number = int(text) if _DIGITS.fullmatch(text) else _INTEGER_LIMIT
    return number if number < _INTEGER_LIMIT else None


def _split(text: str) -> list[str]:
    """Split at commas outside parentheses."""
    pieces, inside, start = [], False, 0
    for place, letter in enumerate(text):
        if letter == "," and not inside:
            pieces.append(text[start:place])
            start = place + 1
        inside = letter == "(" or (inside and letter != ")")
    return [*pieces, text[start:]]


def _requirement(piece: str) -> Requirement:
    if found := _SET.fullmatch(piece):
        values = tuple(dict.fromkeys(value.strip() for value in found["values"].split(",")))
        return _checked(piece, Requirement(found["key"], Operator(found["operator"]), values))
    if found := _COMPARISON.fullmatch(piece):
        return _checked(piece, Requirement(found["key"], _OPERATORS[found["operator"]], (found["value"],)))
    if found := _EXISTENCE.fullmatch(piece):
        return _checked(piece, Requirement(found["key"], Operator.MISSING if found["not"] else Operator.EXISTS))
    raise InvalidSelector(f"label selector: {piece[:80]!r} is no requirement")


_OPERATORS = {
    "=": Operator.IN,
    "==": Operator.IN,
    "!=": Operator.NOT_IN,
    ">": Operator.GREATER,
    "<": Operator.LESS,
}


def _checked(piece: str, requirement: Requirement) -> Requirement:
    if not _KEY.fullmatch(requirement.key):
        raise InvalidSelector(f"label selector: bad key in {piece[:80]!r}")
    ordered = requirement.operator in (Operator.GREATER, Operator.LESS)
    if not all(_VALUE.fullmatch(value) for value in requirement.values) or (
        ordered and _integer(requirement.values[0]) is None
    ):
        raise InvalidSelector(f"label selector: bad value in {piece[:80]!r}")
    return requirement
