"""The page of settings, from the settings classes of the services."""

from __future__ import annotations

import importlib
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from tools.reference.docstrings import of_class, summary, table

from fairlead.runtime.settings import DEFAULT_FILES

SERVICES = ("watcher", "scrubber", "bridge", "executor", "gateway")
UNITS = {"seconds": "s", "ms": "ms", "bytes": "bytes", "delay": "s"}

INTRODUCTION = f"""# Settings

One YAML file serves all services; keys have the names of Armory's agent where it has them. It is `FAIRLEAD_CONFIG`, else
the first of these that exists: {", ".join(f"`{file}`" for file in DEFAULT_FILES)}. A file beside it named `…-local.yaml` is
laid over it.

Each key can be overridden by an environment variable: `FAIRLEAD_<SERVICE>__<KEY>` for one service, `FAIRLEAD__<KEY>` for
every service that has the key. Nested keys are joined by two underscores; lists are written as YAML; an empty variable is as
good as none. Keys that a service does not know are left alone. All faults are reported at once, with the key and what is
expected, never with the value; the exit code is then 2.

What stands in a list (`accounts[]`) is set in the file alone.
"""


@dataclass(frozen=True)
class Row:
    """One setting."""

    key: str
    variable: str
    kind: str
    default: str
    unit: str
    meaning: str

    def cells(self) -> list[str]:
        """The columns of the table."""
        variable = f"<br>`{self.variable}`" if self.variable else ""
        return [f"`{self.key}`{variable}", self.kind, self.default, self.unit, self.meaning]


def page() -> str:
    """Settings by the services that have them, the most shared first."""
    services: dict[Row, list[str]] = {}
    for service, model in models().items():
        for row in rows(model):
            services.setdefault(row, []).append(service)
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row, having in services.items():
        groups.setdefault(tuple(having), []).append(row)
    parts = [INTRODUCTION]
    for names, group in sorted(groups.items(), key=lambda each: -len(each[0])):
        every = len(names) == len(models())
        parts.append(f"## {'Every service' if every else ' and '.join(names).capitalize()}\n")
        parts.append(_told(names, every=every))
        parts.append(
            table(("Key and variable", "Type", "Default", "Unit", "Meaning"), (row.cells() for row in group)) + "\n"
        )
    return "\n".join(parts)


def models() -> dict[str, type[BaseModel]]:
    """The settings classes of the services that are there."""
    found = {}
    for service in SERVICES:
        if find_spec(f"fairlead.{service}") and find_spec(f"fairlead.{service}.settings"):
            found[service] = importlib.import_module(f"fairlead.{service}.settings").Settings
    return found


def rows(model: type[BaseModel], key: str = "", variable: str | None = "") -> Iterator[Row]:
    """Flatten a settings class; without a variable inside lists."""
    docs = of_class(model)
    for name, field in model.model_fields.items():
        path = f"{key}{field.alias or name}"
        environment = None if variable is None else f"{variable}__{name.upper()}"
        listed = _listed(field.annotation)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from rows(field.annotation, f"{path}.", environment)
        elif listed:
            meaning = docs.get(name, "") or summary(listed)
            yield Row(path, "", "list of sections", "none", "", meaning)
            yield from rows(listed, f"{path}[].", None)
        else:
            shown = f"…{environment}" if environment else ""
            yield Row(path, shown, _kind(field), _default(field), _unit(name), docs.get(name, ""))


def _told(names: tuple[str, ...], *, every: bool) -> str:
    prefixes = [f"`FAIRLEAD_{name.upper()}`" for name in names]
    which = "`FAIRLEAD`, or `FAIRLEAD_<SERVICE>` for one of them" if every else " or ".join([*prefixes, "`FAIRLEAD`"])
    return f"The `…` of a variable is {which}.\n"


def _listed(annotation: Any) -> type[BaseModel] | None:
    inner = [each for each in typing.get_args(annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
    return inner[0] if inner and typing.get_origin(annotation) is tuple else None


def _kind(field: FieldInfo) -> str:
    limits = []
    for constraint in field.metadata:
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            if hasattr(constraint, name):
                limits.append(f"{sign} {getattr(constraint, name)}")
    return " ".join([_type(field.annotation), ", ".join(limits)]).strip()


def _type(annotation: Any) -> str:
    plain = {str: "text", SecretStr: "secret", int: "integer", float: "number", bool: "true or false", Path: "file"}
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in plain:
        return plain[annotation]
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is UnionType or origin is typing.Union:
        return " or ".join(_type(each) for each in arguments if each is not NoneType)
    if origin is typing.Annotated:
        return _type(arguments[0])
    return getattr(annotation, "__name__", str(annotation))


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, SecretStr) or value in (None, "", ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value)
    return f"`{value:g}`" if isinstance(value, float) and value < 1e6 else f"`{value}`"


def _unit(name: str) -> str:
    words = name.split("_")
    return next((unit for word, unit in UNITS.items() if word in words), "")
