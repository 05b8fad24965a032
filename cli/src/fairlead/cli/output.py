"""How answers are printed: a table for people, JSON or YAML for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml


class Format(StrEnum):
    """Formats of ``--output``."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[Format, typer.Option("--output", "-o", help="How to print the answer.")]


def show(document: Any, output: Format, table: str) -> None:
    """Print a document in the format that was asked for; ``table`` is its form for people."""
    match output:
        case Format.JSON:
            typer.echo(json.dumps(document, indent=2))
        case Format.YAML:
            typer.echo(yaml.safe_dump(document, sort_keys=False), nl=False)
        case Format.TABLE:
            typer.echo(table)


def table(columns: Mapping[str, Sequence[object]], *, empty: str) -> str:
    """Lay out columns under their headings, as kubectl does; ``empty`` is said when there are no rows."""
    texts = {heading: [_cell(value) for value in values] for heading, values in columns.items()}
    if not any(texts.values()):
        return empty
    widths = [max(len(text) for text in (heading, *values)) for heading, values in texts.items()]
    rows = [list(texts), *map(list, zip(*texts.values(), strict=True))]
    return "\n".join(
        "   ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "-"
    return " ".join(str(value).split())
