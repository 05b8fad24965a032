"""Configuration: one YAML file with Armory's key names, overridden by environment variables, checked as a whole.

The file is ``FAIRLEAD_CONFIG``, else the first of `DEFAULT_FILES` that exists; a file beside it named ``…-local.yaml`` is
laid over it. Each key can be overridden by ``FAIRLEAD_<SERVICE>__<KEY>``, nested keys joined by two underscores:
``FAIRLEAD_WATCHER__NATS__CA_FILE=/ca.crt`` sets ``nats.caFile`` for the watcher; ``FAIRLEAD__…`` sets it for every service
that has the setting. Lists and mappings are written as YAML; an empty value is as good as none.
All faults are reported at once, with the key and what is expected, never with the value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.alias_generators import to_camel

from fairlead.runtime.errors import ConfigurationError

DEFAULT_FILES = (
    "/opt/fairlead/config/fairlead.yaml",
    "/opt/armory/config/armory-agent.yaml",
    "/opt/armory/config/armory-agent.yml",
)
PREFIX = "FAIRLEAD"


class Section(BaseModel):
    """Base of every settings class: frozen, camelCase in the file, unknown keys left alone.

    Unknown keys are no fault because one file serves all services, and files written for Armory's agent carry keys that
    have no meaning here; `unknown_keys` finds them for a warning.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


Settings = TypeVar("Settings", bound=Section)


def load(model: type[Settings], service: str, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a service.

    Args:
        model: the settings class.
        service: name of the service, which selects its environment variables.
        environment: instead of the process's own; for tests and compositions.

    Raises:
        ConfigurationError: with every fault.

    """
    variables = os.environ if environment is None else environment  # noqa: TID251 - this module is the reader
    document = read_files(variables)
    problems = []
    for prefix, shared in ((f"{PREFIX}__", True), (f"{PREFIX}_{service.upper()}__", False)):
        for name, text in sorted(variables.items()):
            if text and name.upper().startswith(prefix) and len(name) > len(prefix):
                problem = _override(document, model, name[len(prefix) :].split("__"), text, shared=shared)
                problems += [f"{name}: {problem}"] if problem else []
    try:
        settings = model.model_validate(document)
    except ValidationError as error:
        problems += [_fault(each) for each in error.errors(include_input=False, include_url=False)]
    if problems:
        raise ConfigurationError(*problems)
    return settings


def read_files(variables: Mapping[str, str]) -> dict[str, Any]:
    """Read the configuration file and its local overlay; an empty document when there is none."""
    named = variables.get("FAIRLEAD_CONFIG")
    path = Path(named) if named else next((each for each in map(Path, DEFAULT_FILES) if each.is_file()), None)
    if path is None:
        return {}
    if not path.is_file():
        raise ConfigurationError(f"FAIRLEAD_CONFIG names {path}, which is no file")
    document = _read_yaml(path)
    overlay = path.with_name(f"{path.stem}-local{path.suffix}")
    return merge(document, _read_yaml(overlay)) if overlay.is_file() else document


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay one document over another: mappings merge, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def unknown_keys(model: type[BaseModel], document: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Find keys of a document that a settings class does not know, as dotted paths."""
    known: dict[str, Any] = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    for key, value in document.items():
        if key not in known:
            yield f"{path}{key}"
        elif isinstance(value, dict) and isinstance(known[key], type) and issubclass(known[key], BaseModel):
            yield from unknown_keys(known[key], value, f"{path}{key}.")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:  # of text that is no UTF-8, of dates that there are not
        mark = getattr(error, "problem_mark", None)
        raise ConfigurationError(f"{path} is no YAML" + (f" (line {mark.line + 1})" if mark else "")) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} must hold a mapping of settings")
    return document


def _override(
    document: dict[str, Any], model: type[BaseModel], path: list[str], text: str, *, shared: bool
) -> str | None:
    """Put the value of an environment variable where its name points to; answers what is wrong with the name.

    A ``shared`` variable may name a setting that only other services have.
    """
    fields = {_plain(name): (field.alias or name, field.annotation) for name, field in model.model_fields.items()}
    found = fields.get(_plain(path[0]))
    if found is None:
        known = ", ".join(sorted(key for key, _ in fields.values()))
        return None if shared else f"there is no setting {path[0].lower()!r} here; known are {known}"
    key, annotation = found
    if len(path) == 1:
        document[key] = _value(annotation, text)
        return None
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return f"{key!r} has no settings below it"
    below = document.get(key) or {}
    if not isinstance(below, dict):
        return None  # the file is at fault, and the settings class says so
    document[key] = below = dict(below)
    return _override(below, annotation, path[1:], text, shared=shared)


def _value(annotation: Any, text: str) -> Any:
    """Read a variable's text. Scalars stay text, which the settings class reads: YAML would turn a password into a number."""
    if annotation in (str, SecretStr):
        return text
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # PyYAML reads dates and numbers, and fails of those that there are not
        return text
    return value if value is None or isinstance(value, (list, dict)) else text


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _fault(error: Any) -> str:
    """One fault: key, expectation, never the value (pydantic's messages do not repeat input, our validators must not)."""
    return f"{'.'.join(str(step) for step in error['loc']) or 'configuration'}: {error['msg']}"


def read_secret(path: Path, setting: str) -> str:
    """Read a secret from a file; an unreadable file is a fault of the named setting."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"{setting}: {path} cannot be read ({why})") from None
