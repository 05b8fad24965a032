"""Manifests from files: YAML or JSON, several documents to a file, lists taken apart."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from fairlead.cli.errors import MisuseError

STDIN = "-"
_SUFFIXES = (".yaml", ".yml", ".json")
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: JSON's types only, so a date stays text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_manifests(names: Sequence[str]) -> list[dict[str, Any]]:
    """Read all manifests of the files, directories and ``-`` (standard input) that are named, in order.

    Raises:
        MisuseError: something cannot be read, or is no Kubernetes object.

    """
    manifests = [
        manifest for name in names for source in _sources(name) for manifest in parse(_read(source), _called(source))
    ]
    if not manifests:
        raise MisuseError(f"there is no manifest in {', '.join(names)}")
    return manifests


def parse(text: str, source: str) -> Iterator[dict[str, Any]]:
    """Parse the documents of one file; a ``List`` becomes its items.

    Raises:
        MisuseError: with the place of the fault.

    """
    try:
        documents = list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise MisuseError(f"{source} is no YAML or JSON{f' (line {mark.line + 1})' if mark else ''}") from None
    for number, document in enumerate(documents, start=1):
        if document is None:
            continue
        place = source if len(documents) == 1 else f"{source}, document {number}"
        items = _items(document)
        for item in [document] if items is None else items:
            yield _checked(item, place)


def parse_patch(text: str) -> Any:
    """Parse the body of a patch, YAML or JSON: an object, or a list of JSON patch operations.

    Raises:
        MisuseError: it is neither.

    """
    try:
        patch = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        raise MisuseError("the patch is no YAML or JSON") from None
    if not isinstance(patch, dict | list):
        raise MisuseError("the patch is neither an object nor a list of JSON patch operations")
    return patch


def _items(document: Any) -> list[Any] | None:
    """Items of a `v1` List, None for anything else."""
    if isinstance(document, dict) and document.get("kind") == "List" and document.get("apiVersion") == "v1":
        items = document.get("items")
        return items if isinstance(items, list) else []
    return None


def _checked(item: Any, place: str) -> dict[str, Any]:
    """Make sure that it can travel as JSON and looks like an object; the gateway checks the rest."""
    if not isinstance(item, dict) or not item.get("kind") or not item.get("apiVersion"):
        raise MisuseError(f"{place}: this is no Kubernetes object: it needs apiVersion and kind")
    try:
        json.dumps(item, allow_nan=False)
    except (TypeError, ValueError):
        raise MisuseError(f"{place}: it holds something that JSON has no form for") from None
    return cast("dict[str, Any]", item)


def _sources(name: str) -> list[str]:
    if name != STDIN and Path(name).is_dir():
        return sorted(str(path) for path in Path(name).iterdir() if path.suffix in _SUFFIXES)
    return [name]


def _called(source: str) -> str:
    return "standard input" if source == STDIN else source


def _read(source: str) -> str:
    try:
        return sys.stdin.read() if source == STDIN else Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise MisuseError(f"{_called(source)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise MisuseError(f"{_called(source)} is no UTF-8 text") from None
