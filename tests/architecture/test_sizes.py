"""Modules and functions stay small enough to be read at once."""

from __future__ import annotations

import ast

from tests.support.source_tree import ROOT, python_files, syntax_of

MODULE_LINES = 400
FUNCTION_LINES = 70


def test_modules_are_short() -> None:
    """No module has more than 400 lines: split it by reason to change."""
    lengths = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in python_files()}
    long = [f"{name}: {length} lines" for name, length in lengths.items() if length > MODULE_LINES]

    assert not long, "\n".join(long)


def test_functions_fit_a_screen() -> None:
    """No function has more than 70 lines beside its docstring."""
    nodes = [(name, node) for name in python_files() for node in ast.walk(syntax_of(name))]
    long = [
        f"{name}:{node.lineno} {node.name}: {_lines(node)} lines"
        for name, node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lines(node) > FUNCTION_LINES
    ]

    assert not long, "\n".join(long)


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    docstring = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    spent = 0 if docstring is None else (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return (function.end_lineno or function.lineno) - function.lineno + 1 - spent
