"""From the names people write to the resources a server serves. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlead.kube.discovery import DiscoveredResource, Discovery


def resolve_kind(discovery: Discovery, name: str) -> DiscoveredResource | None:
    """Find a resource by a kind as Spinnaker and Armory spell it, regardless of case.

    ``replicaSet``, ``pods`` (singular, kind or plural) mean the first preferred match in the server's order, so that
    built-in kinds win over custom ones; ``Certificate.cert-manager.io`` names the group, too, and means its preferred
    version even where the same objects are preferred under another group. Short names (``deploy``) count where no kind
    has that name.
    """
    short, dot, group = name.lower().partition(".")
    near = [
        found for found in discovery.resources if (found.resource.group.lower() == group if dot else found.preferred)
    ]
    for found in near:
        if short in (found.resource.kind.lower(), found.resource.plural.lower(), found.singular.lower()):
            return found
    return next((found for found in near if short in found.short_names), None)


def resolve_type(discovery: Discovery, api_version: str, kind: str) -> DiscoveredResource | None:
    """Find the resource of a manifest by its ``apiVersion`` and ``kind``, exactly as written."""
    for found in discovery.resources:
        if found.resource.kind == kind and found.resource.api_version == api_version:
            return found
    return None
