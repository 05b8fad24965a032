"""Where an account stands at the gateway, and which names can stand there."""

from __future__ import annotations

from urllib.parse import quote

PREFIX = "/accounts/"
"""Everything below it is the Kubernetes API of an account."""
NAME_LIMIT_BYTES = 200
"""Clouddriver names a file after the account, with a few characters more; file names have 255 bytes at most."""


def account_path(name: str) -> str:
    """The path of an account's Kubernetes API, percent-encoded.

    Raises:
        ValueError: the name can stand in no path, or name no file; says why.

    """
    problem = unusable(name)
    if problem:
        raise ValueError(problem)
    return PREFIX + quote(name, safe="")


def unusable(name: str) -> str:
    """Why an account of this name cannot be reached through the gateway's Kubernetes API; empty when it can.

    The name is a step of a URL's path, and a file name: Clouddriver writes an account's kubeconfig to a file of its name.
    """
    if not name or name in (".", ".."):
        return f"an account cannot be called {name!r}: it has to be a step of a path"
    if "/" in name:
        return (
            f"the account name {name!r} holds a slash: it names a file for Clouddriver and a step of the gateway's URL"
        )
    if not name.isprintable():
        return f"the account name {name!r} holds a character that cannot be shown"
    if len(name.encode(errors="replace")) > NAME_LIMIT_BYTES:
        return f"the account name {name[:40] + '…'!r} is longer than {NAME_LIMIT_BYTES} bytes: it names a file for Clouddriver"
    return ""
