"""The reference pages tell what the code does, and log entries use the keys that they list."""

from __future__ import annotations

import ast

from tests.support.source_tree import PRODUCT, python_files, syntax_of
from tools.docs import FOLDER, stale
from tools.reference.settings import models, rows
from tools.reference.signals import exposed_name

from fairlead.runtime import metrics
from fairlead.runtime.spans import EVENT, EXCHANGE, OPERATION

_LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
_SPREADS_FREELY = {"libs/runtime/src/fairlead/runtime/logs.py": "passes on what libraries log"}


def test_pages_are_current() -> None:
    """Each page says what the code says."""
    assert not (differing := stale()), f"run `make docs` and commit: {differing}"


def test_every_metric_has_its_row() -> None:
    """No metric is missing on its page."""
    page = (FOLDER / "metrics.md").read_text(encoding="utf-8")
    missing = [metric.describe() for metric in metrics.table() if f"`{exposed_name(metric)}`" not in page]

    assert not missing


def test_every_span_has_its_row() -> None:
    """Code opens the spans of the table and no others, so that the page tells all."""
    table = {step.name for step in (*EVENT, *OPERATION, *EXCHANGE)}

    assert {name for path in python_files(*PRODUCT) for name in spans_of(syntax_of(path))} == table


def spans_of(tree: ast.Module) -> list[str]:
    """The names in calls of ``tracing.span``."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "tracing.span"]
    return [ast.literal_eval(call.args[0]) for call in calls]


def test_every_setting_has_a_meaning() -> None:
    """A setting without a docstring is no setting that anybody can use."""
    silent = {row.key for model in models().values() for row in rows(model) if not row.meaning}

    assert not silent, "\n".join(sorted(silent))


def log_calls(tree: ast.Module) -> list[ast.Call]:
    """Calls of a logger: ``log.info(…)`` and ``get_logger().info(…)``."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return [call for call in calls if call.func.attr in _LEVELS and _is_logger(call.func.value)]  # type: ignore[attr-defined]


def _is_logger(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return _is_logger(value.func)
    name = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    return name in {"log", "_log", "logger", "get_logger"}


def faults(call: ast.Call, module: ast.Module) -> list[str]:
    """What a log call does wrong."""
    found = [f"key {word.arg!r} is no constant of logfields" for word in call.keywords if word.arg is not None]
    if not (len(call.args) == 1 and isinstance(call.args[0], ast.Constant | ast.Name)):
        found.append("the event is put together; it is constant text, and what varies is in keys")
    for word in call.keywords:
        if word.arg is None:
            found += ["a key is no constant of logfields" for keys in _spread(word.value, module) if not keys]
    return found


def _spread(value: ast.expr, module: ast.Module) -> list[bool]:
    """For each mapping that ``**value`` may be, whether its keys are constants; the source may be in the same module."""
    if isinstance(value, ast.Dict):
        return [all(_is_logfield(key) for key in value.keys)]
    named = value.func if isinstance(value, ast.Call) else value
    name = named.attr if isinstance(named, ast.Attribute) else named.id if isinstance(named, ast.Name) else ""
    sources = [node for node in ast.walk(module) if name in _defines(node)]
    found = [node for source in sources for node in ast.walk(source) if isinstance(node, ast.Dict)]
    return [all(_is_logfield(key) for key in each.keys) for each in found] or [False]


def _defines(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_logfield(key: ast.expr | None) -> bool:
    return key is None or (
        isinstance(key, ast.Attribute) and isinstance(key.value, ast.Name) and key.value.id == "logfields"
    )


def test_log_entries_use_the_listed_keys() -> None:
    """The event is constant text, and every key comes from logfields, so that no body slips in under a name of its own."""
    wrong = [
        f"{name}:{call.lineno}: {fault}"
        for name in python_files(*PRODUCT)
        if name not in _SPREADS_FREELY
        for call in log_calls(syntax_of(name))
        for fault in faults(call, syntax_of(name))
    ]

    assert not wrong, "\n".join(wrong)
