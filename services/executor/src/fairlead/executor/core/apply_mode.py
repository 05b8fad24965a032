"""Whether a manifest is applied client-side or server-side: the switches and annotations of Armory's agent.

A switch that says ``always`` or ``never`` decides; ``allowed`` leaves it to the next finer level: all kinds, one kind, the
request or the manifest's annotation. When none decides, ConfigMaps and Secrets are applied server-side, because the copy
that client-side apply keeps in an annotation would repeat their values, and everything else client-side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import InvalidRequest

SERVER_SIDE = "agent-k8s.armory.io/serverside-apply"
CLEAR_MANAGED_FIELDS = "agent-k8s.armory.io/ssa-clear-managed-fields"
MANIFEST_DEFAULTS = "agent-k8s.armory.io/ssa-manifest-defaults"
_YES = frozenset({"true", "enabled"})
_NO = frozenset({"false", "disabled"})
_SERVER_SIDE_KINDS = frozenset({"configmaps", "secrets"})


class Switch(StrEnum):
    """What one level says."""

    ALWAYS = "always"
    NEVER = "never"
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True)
class Switches:
    """One level: of all kinds when ``kind`` is empty, else of ``Kind`` or ``Kind.group``, regardless of case."""

    enabled: Switch = Switch.ALLOWED
    clear_managed_fields: Switch = Switch.ALLOWED
    manifest_defaults: Switch = Switch.ALLOWED
    kind: str = ""

    def cover(self, resource: Resource) -> bool:
        """Whether this level is about a kind."""
        kind, dot, group = self.kind.lower().partition(".")
        return kind == resource.kind.lower() and (not dot or group == resource.group.lower())


@dataclass(frozen=True, slots=True)
class ApplyMode:
    """How one manifest is applied; the second and third say something of server-side apply alone."""

    server_side: bool
    clear_managed_fields: bool = False
    """Whether every other manager loses its fields first."""
    manifest_defaults: bool = False
    """Whether defaults are written into the manifest, for servers that cannot merge without them (1.21 and older)."""


@dataclass(frozen=True, slots=True)
class ApplyPolicy:
    """The switches of all levels."""

    everywhere: Switches = Switches()
    kinds: tuple[Switches, ...] = ()

    def mode(self, resource: Resource, manifest: Mapping[str, Any], wanted: bool | None) -> ApplyMode:
        """Decide about a manifest.

        Args:
            resource: its kind.
            manifest: with its annotations.
            wanted: what the request says itself.

        Raises:
            InvalidRequest: the request wants what the switches forbid.

        """
        levels = (self.everywhere, *(each for each in self.kinds if each.cover(resource)))
        annotations = (manifest.get("metadata") or {}).get("annotations")
        told = annotations if isinstance(annotations, dict) else {}
        decided = _decided(level.enabled for level in levels)
        if wanted is not None and decided not in (None, wanted):
            side, value = ("never", "server-side") if wanted else ("always", "client-side")
            raise InvalidRequest([f"`serverSide`: {value} apply is ruled out by kubernetes.serverSideApply ({side})"])
        server_side = _first(
            decided, wanted, _annotated(told, SERVER_SIDE), not resource.group and resource.plural in _SERVER_SIDE_KINDS
        )
        return ApplyMode(
            server_side,
            _first(_decided(level.clear_managed_fields for level in levels), _annotated(told, CLEAR_MANAGED_FIELDS)),
            _first(_decided(level.manifest_defaults for level in levels), _annotated(told, MANIFEST_DEFAULTS)),
        )


def _decided(switches: Any) -> bool | None:
    """What the first level says that leaves no choice."""
    return next((switch is Switch.ALWAYS for switch in switches if switch is not Switch.ALLOWED), None)


def _annotated(annotations: Mapping[str, Any], name: str) -> bool | None:
    text = str(annotations.get(name, "")).lower()
    return True if text in _YES else False if text in _NO else None


def _first(*answers: bool | None) -> bool:
    return next((answer for answer in answers if answer is not None), False)
