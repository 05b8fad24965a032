"""Who answers a request: documents, the store, or the cluster itself."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from fairlead.gateway.core.facade import statuses
from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.core.facade.targets import READING, Target, Verb

CONNECTING = frozenset({"attach", "exec", "portforward", "proxy"})
"""Subresources that take over the connection, or lead past the API server."""
READ_HEADER = "fairlead-read"
COMMAND_HEADER = "kubectl-command"
CACHED_COMMAND = "kubectl get"
READING_METHODS = ("GET", "HEAD")


class Source(StrEnum):
    """Where an answer comes from."""

    DISCOVERY = "discovery"
    """The discovery document of the account."""
    OPENAPI = "openapi"
    """A stored copy of what the API server said."""
    STORE = "store"
    """The mirror; the cluster when the mirror cannot say."""
    TUNNEL = "tunnel"
    """The cluster."""


def source_of(method: str, path: str, target: Target | None, headers: Mapping[str, str]) -> Source:
    """Decide who answers.

    Args:
        method: of the request.
        path: decoded, from its first slash on.
        target: what it is about, as `target_of` says.
        headers: names in lower case.

    Raises:
        Refusal: nobody does.

    """
    refuse_connections(target, headers)
    if target is None:
        if method not in READING_METHODS:
            raise Refusal(statuses.method_not_allowed())
        return _source_of_path(path)
    wanted = headers.get(READ_HEADER, "")
    if wanted not in ("", "cached", "live"):
        raise Refusal(statuses.bad_request("Fairlead-Read is `live` or `cached`"))
    if method != "GET" or target.by_prefix or target.subresource or target.verb not in (Verb.LIST, Verb.WATCH):
        return Source.TUNNEL
    if wanted:
        return Source.STORE if wanted == "cached" else Source.TUNNEL
    return Source.STORE if headers.get(COMMAND_HEADER, CACHED_COMMAND) == CACHED_COMMAND else Source.TUNNEL


def refuse_connections(target: Target | None, headers: Mapping[str, str]) -> None:
    """Refuse what needs a connection of its own.

    Raises:
        Refusal: the request does.

    """
    if target is not None and target.subresource in CONNECTING:
        raise Refusal(statuses.not_offered(f"{target.subresource} of {target.plural}"))
    if headers.get("upgrade"):
        raise Refusal(statuses.not_offered("a connection that is upgraded"))


def lasts(target: Target | None) -> bool:
    """Whether an answer may take its time: watches and logs (k8s.io/apiserver ``BasicLongRunningRequestCheck``)."""
    return target is not None and (target.verb is Verb.WATCH or target.subresource == "log")


def reads(method: str, target: Target | None) -> bool:
    """Whether a token that may only read is enough."""
    return method in READING_METHODS if target is None else target.verb in READING


def _source_of_path(path: str) -> Source:
    steps = path.strip("/").split("/")
    match steps:
        case [""] | ["version"] | ["api" | "apis"]:
            return Source.DISCOVERY
        case ["api", _] | ["apis", _] | ["apis", _, _]:
            return Source.DISCOVERY
        case ["openapi", "v2"] | ["openapi", "v3", *_]:
            return Source.OPENAPI
        case _:
            return Source.TUNNEL
