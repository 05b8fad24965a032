"""Which objects of a resource a LIST or WATCH asks for: namespace, labels and fields."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.facade import fields as body_fields
from fairlead.gateway.core.selectors import Requirement, parse_selector, selects

NAME, NAMESPACE = "metadata.name", "metadata.namespace"
_LENGTH_LIMIT = 4096
_WHOLE = re.compile(r"(?:[^\\]|\\.)*", re.DOTALL)
_TERMS = re.compile(r"(?:[^\\,]|\\.)+", re.DOTALL)
_TERM = re.compile(r"(?P<field>[^=!\\,]+)(?P<operator>==|!=|=)(?P<value>(?:[^\\=]|\\.)*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class UnsupportedField(ValueError):
    """A field selector that cannot be read here; whether the API server can, it says itself."""


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One condition on a field."""

    field: str
    value: str
    equal: bool = True

    def met(self, value: str) -> bool:
        """Whether a field's value meets it."""
        return (value == self.value) is self.equal


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for of one resource."""

    group: str
    plural: str
    namespace: str = ""
    """Empty: all."""
    keys: tuple[FieldTerm, ...] = ()
    """Conditions on `NAME` and `NAMESPACE`, which stay as they are as long as an object exists."""
    labels: tuple[Requirement, ...] = ()
    fields: tuple[FieldTerm, ...] = ()
    """Conditions that only the body tells about."""

    @property
    def fickle(self) -> bool:
        """Whether an object may come into the selection or leave it while it exists."""
        return bool(self.labels or self.fields)

    def covers(self, key: ObjectKey) -> bool:
        """Whether an object of this key can be in the selection."""
        if self.namespace and key.namespace != self.namespace:
            return False
        return all(term.met(key.name if term.field == NAME else key.namespace) for term in self.keys)

    def shows(self, body: bytes) -> bool:
        """Whether an object whose key is covered is in the selection.

        Raises:
            msgspec.DecodeError: it is no object.

        """
        return (not self.labels or selects(self.labels, body_fields.labels_of(body))) and self.fields_met(body)

    def fields_met(self, body: bytes) -> bool:
        """Whether the conditions on fields are met; raises `msgspec.DecodeError`."""
        if not self.fields:
            return True
        values = body_fields.values_of(self.group, self.plural, [term.field for term in self.fields], body)
        return all(term.met(value) for term, value in zip(self.fields, values, strict=True))


def parse_selection(resource: Resource, namespace: str, labels: str, fields: str) -> Selection:
    """Read the selectors of a request.

    Raises:
        InvalidSelector: the label selector cannot be read.
        UnsupportedField: the field selector cannot be read, or names what rows are not asked for.

    """
    terms = parse_fields(fields)
    keys = (NAME, NAMESPACE) if resource.namespaced else (NAME,)
    of_keys = tuple(term for term in terms if term.field in keys)
    of_bodies = tuple(term for term in terms if term.field not in keys)
    for term in of_bodies:
        if not body_fields.is_known(resource.group, resource.plural, term.field):
            raise UnsupportedField("field label not supported")
    return Selection(resource.group, resource.plural, namespace, of_keys, parse_selector(labels), of_bodies)


def parse_fields(text: str) -> tuple[FieldTerm, ...]:
    """Read a field selector (k8s.io/apimachinery ``fields.ParseSelector``).

    Raises:
        UnsupportedField: it is none.

    """
    if len(text) > _LENGTH_LIMIT or "\0" in text or not _WHOLE.fullmatch(text):
        raise UnsupportedField("the field selector is too long, or ends in an escape")
    return tuple(_term(piece) for piece in _TERMS.findall(text) if piece)


def _term(piece: str) -> FieldTerm:
    found = _TERM.fullmatch(piece)
    if found is None or any(escaped not in "\\,=" for escaped in _ESCAPE.findall(found["value"])):
        raise UnsupportedField("the field selector cannot be read")
    return FieldTerm(found["field"], _ESCAPE.sub(r"\1", found["value"]), found["operator"] != "!=")
