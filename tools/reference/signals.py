"""The pages of what is seen from outside: metrics, log keys, errors."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import Histogram
from prometheus_client.metrics import MetricWrapperBase
from tools.reference.docstrings import of_module, summary, table

from fairlead.runtime import logfields, metrics
from fairlead.runtime.errors import EXIT_CONFIGURATION, EXIT_FAILURE

ROOT = Path(__file__).resolve().parents[2]
ERROR_MODULES = (
    "fairlead.runtime.errors",
    "fairlead.runtime.nats_client",
    "fairlead.runtime.bus",
    "fairlead.kube.errors",
)

_METRICS = """# Metrics

Served at `/metrics` (port 8008) by every service. Labels are accounts, resources and a few closed sets; no metric names an
object. Python's own process and runtime metrics stand beside these.
"""
_LOGS = """# Log keys

Logs are JSON lines on standard error (on a terminal: text). Every entry has `timestamp`, `level`, `event` and `service`;
`event` is a constant sentence, and what varies is in the keys below. No entry holds the body of an object or a secret, and
errors are told by their texts, never by a traceback.
"""
_ERRORS = f"""# Errors

A class of error says what is done about it. Texts say what to do, and never hold an object or a secret. A program ends
with 0, with {EXIT_FAILURE} after a failure, or with {EXIT_CONFIGURATION} when its configuration is at fault.
"""


def metrics_page() -> str:
    """Metrics by service."""
    groups: dict[str, list[list[str]]] = {}
    for metric in all_metrics():
        (family,) = metric.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001 - told nowhere else
        unit = "s" if isinstance(metric, Histogram) or "seconds" in name else "bytes" if "bytes" in name else ""
        groups.setdefault(name.split("_")[1], []).append([f"`{name}`", family.type, labels, unit, family.documentation])
    parts = [_METRICS]
    for group, rows in groups.items():
        parts.append(f"## {group.capitalize()}\n")
        parts.append(table(("Metric", "Type", "Labels", "Unit", "Meaning"), rows) + "\n")
    return "\n".join(parts)


def all_metrics() -> list[MetricWrapperBase]:
    """Every metric of the one module, in its order."""
    return [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]


def logs_page() -> str:
    """The keys of log entries."""
    docs = of_module(logfields)
    rows = sorted([f"`{value}`", docs.get(name, "")] for name, value in vars(logfields).items() if name.isupper())
    return _LOGS + "\n" + table(("Key", "Meaning"), rows) + "\n"


def errors_page() -> str:
    """Classes of errors, by the part that raises them."""
    parts = [_ERRORS]
    seen: set[type[Any]] = set()
    for name in error_modules():
        module = importlib.import_module(name)
        classes = [
            value
            for value in vars(module).values()
            if inspect.isclass(value)
            and issubclass(value, Exception)
            and value.__module__ == name
            and value not in seen
        ]
        seen.update(classes)
        classes = [each for each in classes if not each.__name__.startswith("_")]
        if classes:
            parts.append(f"## {name}\n")
            parts += [*_tree(classes), ""]
    return "\n".join(parts)


def error_modules() -> list[str]:
    """Modules that define errors: those of the libraries, and the `errors` module of every part that has one."""
    found = []
    for path in sorted([*ROOT.glob("services/*/src/**/errors.py"), *ROOT.glob("cli/src/**/errors.py")]):
        steps = path.with_suffix("").parts
        found.append(".".join(steps[steps.index("src") + 1 :]))
    return [*ERROR_MODULES, *found]


def _tree(classes: list[type[Any]]) -> Iterator[str]:
    def below(parent: type[Any] | None, depth: int) -> Iterator[str]:
        for cls in classes:
            base = next((each for each in cls.__bases__ if each in classes), None)
            if base is parent:
                outer = "" if parent else f" ({', '.join(each.__name__ for each in cls.__bases__)})"
                yield f"{'  ' * depth}- **{cls.__name__}**{outer}: {summary(cls)}"
                yield from below(cls, depth + 1)

    return below(None, 0)
