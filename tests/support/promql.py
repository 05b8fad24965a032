"""What a query asks for: its metrics, the labels that it matches, and those that are left of its answer.

It reads the part of PromQL that our queries use; a real Prometheus judges the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"(?<![\w$.])([a-zA-Z_:][\w:]*)(?!\w)(?!\s*\()(\{[^}]*\})?(\[[^\]]*\])?")
_MATCHER = re.compile(r'([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")')
_WORDS = frozenset({"and", "or", "unless", "offset", "bool", "on", "ignoring", "group_left", "group_right"})


@dataclass(frozen=True)
class Selector:
    """One metric in a query."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""
    ranged: bool
    """Whether it is read over a window."""


@dataclass(frozen=True)
class Asked:
    """A query, taken apart."""

    selectors: tuple[Selector, ...]
    groupings: tuple[frozenset[str], ...]
    """Labels of each aggregation, in their order."""
    aggregated: bool

    @property
    def grouped(self) -> frozenset[str]:
        """Every label that some aggregation keeps."""
        return frozenset().union(*self.groupings)


def take_apart(query: str) -> Asked:
    """Read a query."""
    hidden: list[str] = []

    def hide(match: re.Match[str]) -> str:
        hidden.append(match[0])
        return f'"{len(hidden) - 1}"'

    masked = _STRING.sub(hide, query)
    groupings = tuple(frozenset(filter(None, re.split(r"[,\s]+", match[1]))) for match in _GROUPING.finditer(masked))
    bare = _GROUPING.sub(" ", masked)
    selectors = tuple(
        Selector(match[1], _matchers(match[2] or "", hidden), match[3] is not None)
        for match in _SELECTOR.finditer(bare)
        if match[1] not in _WORDS
    )
    return Asked(selectors, groupings, bool(re.search(r"\b(sum|max|min|avg|count)\b", masked)))


def _matchers(braces: str, hidden: list[str]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (label, operator, hidden[int(value.strip('"'))].strip('"'))
        for label, operator, value in _MATCHER.findall(braces)
    )
