"""URL paths of the Kubernetes API, classed for metrics."""

from __future__ import annotations

# The only subresources of a namespace; below any other third segment stands a namespaced resource.
_OF_NAMESPACES = frozenset({"status", "finalize"})


def path_class(path: str) -> str:
    """Name what a path asks for without names: ``pods``, ``pods/log``, ``deployments.apps``, ``discovery``, ``version``.

    Namespaces, object names and queries never show, so that the classes are as few as the resources in use.
    """
    segments = path.partition("?")[0].strip("/").split("/")
    if segments[0] == "api" and len(segments) > 2:
        group, rest = "", segments[2:]
    elif segments[0] == "apis" and len(segments) > 3:
        group, rest = segments[1], segments[3:]
    elif segments[0] in ("api", "apis"):
        return "discovery"
    else:
        return segments[0]
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _OF_NAMESPACES:
        rest = rest[2:]
    resource = f"{rest[0]}.{group}" if group else rest[0]
    return f"{resource}/{rest[2]}" if len(rest) > 2 else resource
