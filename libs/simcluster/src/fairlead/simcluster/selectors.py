"""Label and field selectors, parsed once per request and asked per object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fairlead.simcluster.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.store import Entry

_TOKEN: Final = re.compile(r"\s*(==|!=|=|!|,|\(|\)|>|<|[^\s=!,()<>]+)")

# Field labels beside metadata.name and metadata.namespace, by group and plural (registry strategies of Kubernetes).
FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "pods": frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        }
    ),
    "events": frozenset(
        {f"involvedObject.{part}" for part in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion")}
        | {"involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"}
    ),
    "events.events.k8s.io": frozenset(
        {f"regarding.{part}" for part in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion")}
        | {"regarding.fieldPath", "reason", "reportingController", "type"}
    ),
    "namespaces": frozenset({"status.phase", "name"}),
    "nodes": frozenset({"spec.unschedulable"}),
    "secrets": frozenset({"type"}),
    "services": frozenset({"spec.clusterIP", "spec.type"}),
    "jobs.batch": frozenset({"status.successful"}),
    "replicasets.apps": frozenset({"status.replicas"}),
    "replicationcontrollers": frozenset({"status.replicas"}),
    "certificatesigningrequests.certificates.k8s.io": frozenset({"spec.signerName"}),
}

# events.k8s.io names the same stored fields otherwise.
STORED_FIELD: Final = {"regarding.": "involvedObject.", "reportingController": "reportingComponent"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term of a label selector."""

    label: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels satisfy the term (`notin` and `!=` accept an absent label, as Kubernetes does)."""
        value = labels.get(self.label)
        match self.operator:
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case "in":
                return value in self.values
            case "notin":
                return value is None or value not in self.values
            case _:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        try:
            number, bound = int(value or ""), int(next(iter(self.values)))
        except ValueError:
            return False
        return number > bound if self.operator == ">" else number < bound


class _Tokens:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            if found is None:  # pragma: no cover - the pattern takes every character
                raise bad_request(f"unable to parse requirement: unexpected {text[position:]!r}")
            self._tokens.append(found.group(1))
            position = found.end()
        self._next = 0

    def peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self._next += 1
        return token


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """Parse `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>3`; StatusError 400 when malformed."""
    tokens = _Tokens(text)
    terms: list[Requirement] = []
    while tokens.peek():
        terms.append(_requirement(tokens))
        if tokens.peek() and tokens.take() != ",":
            raise bad_request("unable to parse requirement: found more after a term, expected: ',' or end of string")
    return tuple(terms)


def _requirement(tokens: _Tokens) -> Requirement:
    if tokens.peek() == "!":
        tokens.take()
        return Requirement(tokens.take(), "absent")
    label = tokens.take()
    if label in (",", "(", ")", "=", "==", "!=", ">", "<"):
        raise bad_request(f"unable to parse requirement: found '{label}', expected: identifier")
    operator = tokens.peek()
    if operator in ("", ","):
        return Requirement(label, "exists")
    tokens.take()
    if operator in ("=", "==", "!=", ">", "<"):
        value = tokens.take() if tokens.peek() not in ("", ",") else ""
        name = {"=": "in", "==": "in", "!=": "notin"}.get(operator, operator)
        return Requirement(label, name, frozenset({value}))
    if operator in ("in", "notin"):
        return Requirement(label, operator, _value_set(tokens))
    raise bad_request(f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _value_set(tokens: _Tokens) -> frozenset[str]:
    if tokens.take() != "(":
        raise bad_request("unable to parse requirement: found a value, expected: '('")
    values: set[str] = set()
    while (value := tokens.take()) != ")":
        if not value:
            raise bad_request("unable to parse requirement: found '', expected: ',' or ')'")
        if value != ",":
            values.add(value)
    return frozenset(values)


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One term of a field selector."""

    path: tuple[str, ...]
    value: str
    negated: bool

    def matches(self, entry: Entry, obj: dict[str, Any] | None) -> bool:
        """Whether an object has (or has not) the value; an absent field reads as empty."""
        if self.path == ("metadata", "name"):
            actual = entry.name
        elif self.path == ("metadata", "namespace"):
            actual = entry.namespace
        else:
            actual = _text(obj, self.path)
        return (actual == self.value) != self.negated


def _text(obj: Any, path: tuple[str, ...]) -> str:
    for part in path:
        obj = obj.get(part) if isinstance(obj, dict) else None
    if isinstance(obj, bool):
        return str(obj).lower()
    return "" if obj is None else str(obj)


def parse_fields(text: str, resource: Resource) -> tuple[FieldTerm, ...]:
    """Parse `a.b=c,d!=e`; StatusError 400 for a field that the resource does not index."""
    terms: list[FieldTerm] = []
    for term in filter(None, (part.strip() for part in text.split(","))):
        label, operator, value = re.split(r"(!=|==|=)", term, maxsplit=1) if "=" in term else (term, "", "")
        if not operator:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        _check_field(label, resource)
        stored = label
        for served, kept in STORED_FIELD.items():
            if resource.group == "events.k8s.io" and label.startswith(served):
                stored = kept + label[len(served) :]
        terms.append(FieldTerm(tuple(stored.split(".")), value, operator == "!="))
    return tuple(terms)


def _check_field(label: str, resource: Resource) -> None:
    if label == "metadata.name" or (label == "metadata.namespace" and resource.namespaced):
        return
    if label in FIELDS.get(resource.key, ()):
        return
    if resource.custom or resource.key not in FIELDS:
        known = '"metadata.name", "metadata.namespace"' if resource.namespaced else '"metadata.name"'
        raise bad_request(f'"{label}" is not a known field selector: only {known}')
    raise bad_request(f"field label not supported: {label}")


class _Needed(msgspec.Struct):
    spec: dict[str, Any] | None = None
    status: dict[str, Any] | None = None
    involvedObject: dict[str, Any] | None = None  # noqa: N815 - the API's name
    type: str = ""
    reason: str = ""
    reportingComponent: str = ""  # noqa: N815 - the API's name
    source: Any = None


_needed = msgspec.json.Decoder(_Needed)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a resource a request is about."""

    namespace: str = ""
    labels: tuple[Requirement, ...] = ()
    fields: tuple[FieldTerm, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether no object is left out."""
        return not (self.namespace or self.labels or self.fields)

    @property
    def selective(self) -> bool:
        """Whether labels or fields decide (the namespace alone does not count)."""
        return bool(self.labels or self.fields)

    def matches(self, entry: Entry) -> bool:
        """Whether an object belongs to the selection."""
        if self.namespace and entry.namespace != self.namespace:
            return False
        if not all(term.matches(entry.labels) for term in self.labels):
            return False
        if not self.fields:
            return True
        deep = any(term.path[0] != "metadata" for term in self.fields)
        obj = msgspec.structs.asdict(_needed.decode(entry.body)) if deep else None
        return all(term.matches(entry, obj) for term in self.fields)
