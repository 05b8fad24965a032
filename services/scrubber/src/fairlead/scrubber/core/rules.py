"""Rules as data: what is taken out of objects of which kind, and the hash that names a set of rules."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated

import msgspec

CODE_REVISION = 2
"""Part of every hash. It grows when the code that carries out rules changes what comes out of it."""

Name = Annotated[str, msgspec.Meta(min_length=1)]


class KindRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is taken out of objects of one kind; the shape of an entry of rules.yaml, where the fields are told."""

    kind: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
    group: str = ""
    fields: tuple[Name, ...] = ()
    metadata: tuple[Name, ...] = ()
    annotations: tuple[Name, ...] = ()
    everywhere: bool = False


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A set of rules."""

    version: Annotated[int, msgspec.Meta(ge=1, le=1)]
    kinds: tuple[KindRule, ...] = ()

    @property
    def hash(self) -> str:
        """Name of this set: equal sets have equal hashes, whatever the file looked like."""
        canonical = msgspec.json.encode([CODE_REVISION, self])
        return sha256(canonical).hexdigest()[:16]

    def for_resource(self, group: str, kind: str) -> KindRule | None:
        """The rule for objects that are watched as this group and kind."""
        return next((rule for rule in self.kinds if rule.group == group and rule.kind == kind), None)


class InvalidRules(ValueError):
    """The text holds no rules; says where, for rules are no secret."""


def parse(text: str) -> Rules:
    """Read rules from YAML.

    Raises:
        InvalidRules: it is no YAML, or not of this shape.

    """
    try:
        return msgspec.yaml.decode(text, type=Rules)
    except msgspec.MsgspecError as error:
        raise InvalidRules(f"rules cannot be read: {error}") from None
