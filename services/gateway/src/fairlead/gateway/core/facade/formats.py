"""In which form a client wants objects (k8s.io/apiserver ``negotiation.NegotiateMediaTypeOptions``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from fairlead.gateway.core.facade.targets import Verb

_JSON = frozenset({"application/json", "application/*", "*/*"})
_VERSIONS = frozenset({"v1", "v1beta1"})
META = "meta.k8s.io"


class Shape(StrEnum):
    """What is told of each object."""

    OBJECT = "object"
    METADATA = "PartialObjectMetadata"
    TABLE = "Table"


@dataclass(frozen=True, slots=True)
class Format:
    """A form that can be written; always JSON."""

    shape: Shape = Shape.OBJECT
    api_version: str = f"{META}/v1"
    """Of metadata and tables."""


def format_of(accept: str, verb: Verb) -> Format | None:
    """The best form that the client takes; None when only the API server can write what it takes."""
    found = (_format(media, parameters, verb) for media, parameters in _clauses(accept))
    return next((each for each in found if each is not None), None) if accept.strip() else Format()


def _clauses(accept: str) -> list[tuple[str, Mapping[str, str]]]:
    """Media types with their parameters, the most wanted first; among equals the named before the general."""
    clauses = [_clause(text) for text in accept.split(",") if text.strip()]
    return sorted(clauses, key=lambda clause: (-_weight(clause[1]), clause[0].count("*")))


def _clause(text: str) -> tuple[str, Mapping[str, str]]:
    media, *rest = text.split(";")
    return media.strip().lower(), dict(_parameters(rest))


def _parameters(texts: list[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, _, value = text.partition("=")
        yield name.strip().lower(), value.strip().strip('"')


def _weight(parameters: Mapping[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 1.0


def _format(media: str, parameters: Mapping[str, str], verb: Verb) -> Format | None:
    if media not in _JSON or not _weight(parameters) > 0:
        return None
    shape, version = parameters.get("as", ""), parameters.get("v", "")
    if not shape:
        return Format()
    if parameters.get("g") != META or version not in _VERSIONS:
        return None
    metadata = "PartialObjectMetadataList" if verb is Verb.LIST else "PartialObjectMetadata"
    if shape == metadata:
        return Format(Shape.METADATA, f"{META}/{version}")
    return Format(Shape.TABLE) if (shape, version) == ("Table", "v1") else None
