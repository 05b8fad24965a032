"""Requests to the Kubernetes API in the words of its authorisation, for metrics."""

from __future__ import annotations

from urllib.parse import parse_qs

# The only subresources of a namespace; below any other third segment stands a namespaced resource.
_OF_NAMESPACES = frozenset({"status", "finalize"})
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_OF_COLLECTIONS = {"get": "list", "delete": "deletecollection"}
"""What a verb means without a name."""
_ROOTS = {"api": 2, "apis": 3}
"""Segments that stand before the resource."""


def verb_of(method: str, target: str) -> str:
    """Name what a request does: ``get``, ``list``, ``watch``, ``create``, ``update``, ``patch``, ``delete``, ``deletecollection``.

    Other methods are ``other``, and what is no resource (discovery, schemas) is got: so the words are a closed set, even for
    requests that somebody else thought up.
    """
    path, _, query = target.partition("?")
    verb = _VERBS.get(method, "other")
    if verb == "get" and parse_qs(query).get("watch", ["0"])[-1] in ("1", "true"):
        return "watch"
    return _OF_COLLECTIONS.get(verb, verb) if _is_collection(path) else verb


def _is_collection(path: str) -> bool:
    segments = path.strip("/").split("/")
    below = segments[_ROOTS.get(segments[0], len(segments)) :]
    if len(below) > 2 and below[0] == "namespaces" and below[2] not in _OF_NAMESPACES:
        below = below[2:]
    return len(below) == 1
