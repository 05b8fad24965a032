"""Which pod of a workload to ask for its log."""

from __future__ import annotations

from typing import Any

_PHASES = ("Unknown", "Pending", "Failed", "Succeeded", "Running")
"""From the one that tells least."""


def most_telling(pods: list[dict[str, Any]]) -> str:
    """Name the pod whose log tells most: one that runs before one that ran, the younger of two."""
    return str(max(pods, key=_rank)["metadata"]["name"])


def _rank(pod: dict[str, Any]) -> tuple[bool, int, str, str]:
    phase = (pod.get("status") or {}).get("phase", "Unknown")
    is_placed = bool((pod.get("spec") or {}).get("nodeName"))
    metadata = pod["metadata"]
    place = _PHASES.index(phase) if phase in _PHASES else 0
    return is_placed, place, metadata.get("creationTimestamp", ""), metadata["name"]
