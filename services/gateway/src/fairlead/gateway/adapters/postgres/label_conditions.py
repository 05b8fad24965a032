"""Label selectors as SQL conditions over the column ``labels``; the same meaning as `core.selectors.selects`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairlead.gateway.core.selectors import Operator, Requirement

_COMPARED = """
    case when labels ->> %s::text ~ '^[0-9]{{1,63}}$'
        then (labels ->> %s::text)::numeric {sign} %s and (labels ->> %s::text)::numeric < 9223372036854775808
        else false end
"""
_CONDITIONS = {
    Operator.IN: "coalesce(labels ->> %s::text = any(%s), false)",
    Operator.NOT_IN: "coalesce(labels ->> %s::text <> all(%s), true)",
    Operator.EXISTS: "labels ? %s::text",
    Operator.MISSING: "not labels ? %s::text",
    Operator.GREATER: _COMPARED.format(sign=">"),
    Operator.LESS: _COMPARED.format(sign="<"),
}


def conditions(requirements: Sequence[Requirement]) -> tuple[str, list[Any]]:
    """A condition to put behind others, beginning with ``and`` when there is any, and its parameters."""
    clauses = []
    parameters: list[Any] = []
    for requirement in requirements:
        clauses.append(f" and {_CONDITIONS[requirement.operator]}")
        parameters += _parameters(requirement)
    return "".join(clauses), parameters


def _parameters(requirement: Requirement) -> list[Any]:
    match requirement.operator:
        case Operator.IN | Operator.NOT_IN:
            return [requirement.key, list(requirement.values)]
        case Operator.EXISTS | Operator.MISSING:
            return [requirement.key]
        case Operator.GREATER | Operator.LESS:
            return [requirement.key, requirement.key, int(requirement.values[0]), requirement.key]
