"""The pages of what is seen from outside: metrics, traces, log keys, errors."""

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
from fairlead.runtime.armory_metrics import OLD_NAMES, OldName, kind_of
from fairlead.runtime.errors import EXIT_CONFIGURATION, EXIT_FAILURE
from fairlead.runtime.spans import EVENT, EXCHANGE, OPERATION

ROOT = Path(__file__).resolve().parents[2]
ERROR_MODULES = (
    "fairlead.runtime.errors",
    "fairlead.runtime.nats_client",
    "fairlead.runtime.bus",
    "fairlead.kube.errors",
)

_METRICS = """# Metrics

Served at `/metrics` (port 8008; any other path does as well, such as Armory's `/prometheus_metrics`) by every service. A
process tells what its services count and nothing else: four services in one process (`fairlead agent`) tell all four parts.
Labels are accounts, resources and a few closed sets; no metric names an object. Python's own metrics of the process stand
beside these.

Who asks for OpenMetrics (`Accept: application/openmetrics-text`, as Prometheus does) gets exemplars too: where something was
traced, the bucket of a histogram that it fell into names its trace (`trace_id`). Prometheus keeps them when it is started with
`--enable-feature=exemplar-storage`.

What is *told by one gateway for all* is read from the database by whichever gateway has that duty, every 15 seconds; ask for
it with `max`, so that a change of duty shows nothing twice.
"""
_ARMORY = """## Armory's names

The metrics of Armory's agent, under the names and labels that its dashboard asks for. They are always there: each is reckoned
from one of ours when it is asked for, so that they cost nothing, and a switch would be one more thing to forget while moving.
They count what Fairlead does, which differs in two things: one connection is one agent's, whatever the number of clusters, and
the garbage collector's and scheduler's figures of a Go program (`go_*`) do not exist here. Names that end like no counter may
(`_count`, nothing) are untyped.
"""
_TRACES = """# Traces

One trace for each sampled event and for each operation and exchange, sent by OTLP/HTTP to `tracing.endpoint`; nothing without
one. Of events at most `tracing.eventsPerSecond` a second are followed for each resource, operations always. The context travels
as W3C `traceparent`: in the envelope and a header of the clean log, and in the frames of the link.

No span holds an object's body. What fails is marked in the span where it failed, by the class of the error or one word, for
the texts of errors may quote what they met. Exemplars of [metrics](metrics.md) lead from a histogram's bucket to a trace.
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
    for metric in metrics.table():
        groups.setdefault(metrics.group_of(metric), []).append(_metric_row(metric))
    parts = [_METRICS]
    for group, rows in groups.items():
        parts.append(f"## {group.capitalize()}\n\nOf {', '.join(metrics.SERVED_BY[group])}.\n")
        parts.append(table(("Metric", "Type", "Labels", "Unit", "Meaning"), rows) + "\n")
    rows = [_old_row(old) for old in OLD_NAMES]
    parts += [_ARMORY, table(("Metric", "Type", "Labels", "From", "Meaning"), rows) + "\n"]
    return "\n".join(parts)


def _metric_row(metric: MetricWrapperBase) -> list[str]:
    (family,) = metric.describe()
    name = exposed_name(metric)
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001 - told nowhere else
    unit = "s" if isinstance(metric, Histogram) or "seconds" in name else "bytes" if "bytes" in name else ""
    return [f"`{name}`", family.type, labels, unit, family.documentation]


def _old_row(old: OldName) -> list[str]:
    kind = {"unknown": "untyped"}.get(kind_of(old), kind_of(old))
    return [f"`{old.name}`", kind, f"`{old.label}`" if old.label else "", f"`{exposed_name(old.source)}`", old.meaning]


def exposed_name(metric: MetricWrapperBase) -> str:
    """The name as it stands in queries; of a histogram, without its suffixes."""
    (family,) = metric.describe()
    return f"{family.name}_total" if family.type == "counter" else str(family.name)


def traces_page() -> str:
    """Spans by what they follow."""
    parts = [_TRACES]
    for title, steps in (("An event", EVENT), ("An operation", OPERATION), ("An exchange", EXCHANGE)):
        rows = [
            [f"`{step.name}`", step.below and f"`{step.below}`", ", ".join(f"`{each}`" for each in step.attributes),
             step.meaning]
            for step in steps
        ]  # fmt: skip
        parts.append(f"## {title}\n\n" + table(("Span", "Below", "Attributes", "Meaning"), rows) + "\n")
    return "\n".join(parts)


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
