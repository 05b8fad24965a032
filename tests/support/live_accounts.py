"""What REST tells of an account that no agent may have claimed yet: a stack that is ready does not promise the claim."""

from __future__ import annotations

from typing import Any

from fairlead.cli.gateway import Gateway, GatewayRefusal


def resources_of(gateway: Gateway, account: str) -> list[dict[str, Any]]:
    """Everything that is watched of an account; nothing while no agent has claimed it."""
    try:
        return gateway.resources(account)
    except GatewayRefusal as refusal:
        if refusal.status != 404:
            raise
        return []


def is_live(gateway: Gateway, account: str, *, kinds: int) -> bool:
    """Whether so many kinds of an account are watched and their first lists are in."""
    try:
        resources = gateway.resources(account)
    except GatewayRefusal:
        return False
    return len(resources) == kinds and all(each["state"] == "live" for each in resources)
