"""Docstrings that stand below attributes, which Python itself forgets; and Markdown tables."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Iterable, Sequence
from functools import cache
from types import ModuleType
from typing import Any


@cache
def of_class(cls: type[Any]) -> dict[str, str]:
    """The docstrings of a class's attributes, those of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("fairlead."):
            module = inspect.getmodule(base)
            tree = ast.parse(inspect.getsource(module)) if module else ast.Module([], [])
            body = next((n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == base.__name__), [])
            found |= _below(body)
    return found


def of_module(module: ModuleType) -> dict[str, str]:
    """The docstrings of a module's constants."""
    return _below(ast.parse(inspect.getsource(module)).body)


def summary(documented: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").strip() for cell in line) + " |" for line in lines)


def _below(body: list[ast.stmt]) -> dict[str, str]:
    found: dict[str, str] = {}
    for statement, following in itertools.pairwise(body):
        names = _targets(statement)
        if names and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            found |= dict.fromkeys(names, " ".join(str(following.value.value).split()))
    return found


def _targets(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.AnnAssign):
        targets: list[ast.expr] = [statement.target]
    else:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]
