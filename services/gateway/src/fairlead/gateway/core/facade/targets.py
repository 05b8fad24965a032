"""What a request path of the Kubernetes API names (k8s.io/apiserver ``RequestInfoFactory``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """What is done to a resource, in the words of Kubernetes' authorisation."""

    GET = "get"
    LIST = "list"
    WATCH = "watch"
    CREATE = "create"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    DELETE_COLLECTION = "deletecollection"


READING = frozenset({Verb.GET, Verb.LIST, Verb.WATCH})
"""Verbs that change nothing."""
METHODS: Mapping[str, Verb] = {
    "GET": Verb.GET,
    "HEAD": Verb.GET,
    "POST": Verb.CREATE,
    "PUT": Verb.UPDATE,
    "PATCH": Verb.PATCH,
    "DELETE": Verb.DELETE,
}
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})
_UNNAMED = {Verb.GET: Verb.LIST, Verb.DELETE: Verb.DELETE_COLLECTION}
"""What a verb means without a name."""


@dataclass(frozen=True, slots=True)
class Target:
    """A resource, or one object of it. ``namespace`` and ``name`` are empty where the path has none."""

    verb: Verb
    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    by_prefix: bool = False
    """The path asks for a watch in the old form: ``/api/v1/watch/…``."""

    @property
    def resource(self) -> str:
        """Plural and group as messages name them: ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class MalformedPath(ValueError):
    """The path names a resource in a way that nobody serves."""


def is_true(value: str) -> bool:
    """Read a flag of a query: only two values mean no (k8s.io/apimachinery, ``Convert_Slice_string_To_bool``)."""
    return value != "0" and value.lower() != "false"


def target_of(method: str, path: str, *, watching: bool) -> Target | None:
    """Read what a request is about; None when it is about no resource (discovery, health, …).

    Args:
        method: one of `METHODS`.
        path: decoded, from its first slash on.
        watching: whether the query asks for a watch.

    Raises:
        MalformedPath: an empty step, or one of dots, with which a path could leave its place.

    """
    steps = _steps(path)
    if len(steps) < 3 or steps[0] not in ("api", "apis"):
        return None
    group = ""
    if steps.pop(0) == "apis":
        group = steps.pop(0)
        if len(steps) < 2:
            return None
    return _resource(group, steps.pop(0), METHODS[method], steps, watching=watching)


def _steps(path: str) -> list[str]:
    text = path.strip("/")
    steps = text.split("/") if text else []
    if any(step in ("", ".", "..") for step in steps):
        raise MalformedPath("the path has empty steps, or steps of dots")
    return steps


def _resource(group: str, version: str, verb: Verb, steps: list[str], *, watching: bool) -> Target:
    by_prefix = steps[0] == "watch" and len(steps) > 1
    if by_prefix:
        verb = Verb.WATCH
        del steps[0]
    namespace = ""
    if steps[0] == "namespaces" and len(steps) > 1:
        namespace = steps[1]
        if len(steps) > 2 and steps[2] not in _NAMESPACE_SUBRESOURCES:
            del steps[:2]
    plural, name, subresource = (*steps[:3], "", "")[:3]
    if not name:
        verb = Verb.WATCH if watching and verb is Verb.GET else _UNNAMED.get(verb, verb)
    return Target(verb, group, version, plural, namespace, name, subresource, by_prefix)
