"""Small builders for tests of the watcher."""

from __future__ import annotations

from fairlead.contracts.envelope import Source
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.watcher.core.session import Known, Observed, Opened, Session

PODS = Resource("", "v1", "pods", "Pod", True)


def key(name: str, namespace: str = "shop") -> ObjectKey:
    """A key in the shop."""
    return ObjectKey(namespace, name)


def seen(name: str, version: int, *, uid: str = "", body: bytes = b"{}", namespace: str = "shop") -> Observed:
    """A state of an object; the UID is made of the name unless given."""
    return Observed(key(name, namespace), uid or f"uid-{name}", version, 0, body)


def session(
    *, checkpoint: int | None = None, highest: int = 0, epoch: int = 1, known: dict[ObjectKey, Known] | None = None
) -> Session:
    """A session that was just opened."""
    return Session(Opened("s", epoch, checkpoint, 0, highest), dict(known or {}))


def source(name: str = "s") -> Source:
    """The source of a session."""
    return Source("account", "cluster", PODS, "", name, 1)
