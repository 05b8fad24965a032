"""Layer 1: rules applied to one object.

An object that no rule touches comes out as the very bytes that went in. The others are rewritten: what remains keeps its
order, and its numbers keep their spelling. What cannot be decided is held back.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.scrubber.core.rules import KindRule, Rules
from fairlead.scrubber.core.texts import Candidates
from fairlead.scrubber.errors import Undecidable

MARK = "(withheld by fairlead: holds a Secret)"
"""Stands in place of a text that holds a secret object and is no JSON."""
DEPTH_MAX = 200
"""Deepest nesting that is looked through, strings of strings included."""

_syntax = msgspec.json.Decoder(msgspec.Raw)


class Outcome(NamedTuple):
    """What becomes of an object: its bytes, whether something was taken out, or why it is held back."""

    object: bytes
    redacted: bool = False
    withheld: str = ""


class Redactor:
    """Applies a set of rules to objects."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._everywhere = {rule.kind: rule for rule in rules.kinds if rule.everywhere}
        self._lists = {f"{kind}List": rule for kind, rule in self._everywhere.items()}
        fields = sorted({field for rule in self._everywhere.values() for field in rule.fields})
        self._candidates = Candidates(sorted(self._everywhere), fields)

    def redact(self, resource: Resource, body: bytes) -> Outcome:
        """Take out of one object what the rules name; never raises, and never lets through what it cannot decide."""
        try:
            return self._redact(resource, body)
        except Undecidable as error:
            return Outcome(b"", withheld=f"scrubber: {error}")
        except RecursionError:
            return Outcome(b"", withheld="scrubber: nested too deeply")
        except Exception as error:  # noqa: BLE001 - whatever a rule stumbles over must not let the object through
            return Outcome(b"", withheld=f"scrubber: a rule failed ({type(error).__name__})")

    def _redact(self, resource: Resource, body: bytes) -> Outcome:
        rule = self._rules.for_resource(resource.group, resource.kind)
        if rule is None and not self._candidates.may_hold(body):
            _check_syntax(body)
            return Outcome(body)
        document = parse(_decode(body))
        if not isinstance(document, dict):
            raise Undecidable("no JSON object")
        walk = _Walk(self._everywhere, self._lists, self._candidates)
        walk.mapping(document, rule, 0)
        if not walk.changed:
            return Outcome(body)
        return Outcome(msgspec.json.encode(document), redacted=True)


class _Walk:
    """One pass through a parsed document, which it changes in place."""

    def __init__(self, everywhere: dict[str, KindRule], lists: dict[str, KindRule], candidates: Candidates) -> None:
        self._everywhere = everywhere
        self._lists = lists
        self._candidates = candidates
        self.changed = False

    def mapping(self, node: dict[str, Any], rule: KindRule | None, depth: int) -> None:
        """Look through a mapping; ``rule`` says what it is when its kind does not."""
        if depth > DEPTH_MAX:
            raise Undecidable("nested too deeply")
        kind = node.get("kind")
        named = self._everywhere.get(kind) if isinstance(kind, str) else None
        rule = rule or named
        if rule is not None:
            self._apply(node, rule, depth)
        items = self._lists.get(kind) if isinstance(kind, str) else None
        for key, value in node.items():
            if items is not None and key == "items" and isinstance(value, list):
                for item in value:
                    if isinstance(item, dict):
                        self.mapping(item, items, depth + 2)
            elif isinstance(value, dict | list | str):
                node[key] = self._value(value, None, depth + 1)

    def _apply(self, node: dict[str, Any], rule: KindRule, depth: int) -> None:
        self._drop(node, rule.fields)
        metadata = node.get("metadata")
        if not isinstance(metadata, dict):
            return
        self._drop(metadata, rule.metadata)
        annotations = metadata.get("annotations")
        if not isinstance(annotations, dict):
            return
        self._drop(annotations, rule.annotations)
        for name, text in annotations.items():
            if isinstance(text, str):
                # Any document in an annotation of such an object may be a copy of it.
                annotations[name] = self._text(text, rule, depth + 3)

    def _drop(self, node: dict[str, Any], names: tuple[str, ...]) -> None:
        for name in names:
            if name in node:
                del node[name]
                self.changed = True

    def _value(self, value: Any, rule: KindRule | None, depth: int) -> Any:
        if isinstance(value, dict):
            self.mapping(value, rule, depth)
        elif isinstance(value, list):
            if depth > DEPTH_MAX:
                raise Undecidable("nested too deeply")
            value[:] = [self._value(item, rule, depth + 1) for item in value]
        elif isinstance(value, str):
            return self._text(value, rule, depth)
        return value

    def _text(self, text: str, rule: KindRule | None, depth: int) -> str:
        """Look through a string that may itself be JSON, or hold an object in some other way."""
        if rule is None and not self._candidates.may_hold(text.encode("utf-8", "surrogatepass")):
            return text
        if text.lstrip()[:1] in _BEGINS_JSON and depth < DEPTH_MAX:
            try:
                return self._nested(text, rule, depth)
            except (Undecidable, RecursionError):
                pass  # judged as plain text below
        held = self._candidates.text_holds(text) or (rule is not None and self._candidates.text_names_field(text))
        if not held:
            return text
        self.changed = True
        return MARK

    def _nested(self, text: str, rule: KindRule | None, depth: int) -> str:
        document = parse(text)
        within = _Walk(self._everywhere, self._lists, self._candidates)
        document = within._value(document, rule, depth + 1)
        if not within.changed:
            return text
        self.changed = True
        return msgspec.json.encode(document).decode()


_BEGINS_JSON = frozenset({"{", "[", '"'})


def parse(text: str) -> Any:
    """Parse JSON, keeping numbers as they are spelled.

    Raises:
        Undecidable: no JSON, or a key that stands twice in one mapping, of which readers see one or the other.

    """
    try:
        return json.loads(
            text, object_pairs_hook=_mapping, parse_int=_number, parse_float=_number, parse_constant=_constant
        )
    except ValueError:
        raise Undecidable("no valid JSON") from None


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Undecidable("no valid UTF-8") from None


def _check_syntax(body: bytes) -> None:
    try:
        _syntax.decode(body)
    except msgspec.DecodeError:
        raise Undecidable("no valid JSON") from None
    if not body.lstrip().startswith(b"{"):
        raise Undecidable("no JSON object")
    if not body.isascii():
        _decode(body)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise Undecidable("a key stands twice")
    return mapping


def _number(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def _constant(_: str) -> Any:
    raise Undecidable("no valid JSON")
