"""Small values for tests of the mirror: an account, a resource, events, parts and batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from fairlead.contracts.envelope import Batch, Change, Event, Inventory, InventoryEntry, Part, Source
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.claims import AccountClaim, ClusterIdentity
from fairlead.gateway.core.sessions import Opened, OpenRequest

ACCOUNT = "production"
CLUSTER = ClusterIdentity("4f0c-uid", "10.0.0.1:6443", "ca-1")
OTHER_CLUSTER = ClusterIdentity("77aa-uid", "10.9.9.9:6443", "ca-2")
PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
CLAIM = AccountClaim(ACCOUNT, CLUSTER)


def request(
    scope: str = "all",
    *,
    known_epoch: int = 0,
    ended_epoch: int = 0,
    namespace: str = "",
    resource: Resource = PODS,
    cluster: ClusterIdentity = CLUSTER,
) -> OpenRequest:
    """A wish to open a session."""
    return OpenRequest(ACCOUNT, cluster, resource, namespace, scope, known_epoch, ended_epoch)


def source(opened: Opened, *, resource: Resource = PODS, namespace: str = "", account: str = ACCOUNT) -> Source:
    """The source of a session's parts."""
    return Source(account, CLUSTER.uid, resource, namespace, opened.session, opened.epoch)


def key(name: str, namespace: str = "shop") -> ObjectKey:
    """The key of an object."""
    return ObjectKey(namespace, name)


def body(name: str, namespace: str = "shop", labels: dict[str, str] | None = None, **more: object) -> bytes:
    """A small object."""
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}, **more}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata}).encode()


def upsert(name: str, version: int, uid: str = "u1", *, namespace: str = "shop", **more: object) -> Event:
    """A new state of an object."""
    labels = more.pop("labels", None)
    content = body(name, namespace, labels if isinstance(labels, dict) else None, resourceVersion=str(version), uid=uid)
    event = Event(Change.UPSERT, key(name, namespace), uid, version, 0, content)
    for field, value in more.items():
        setattr(event, field, value)
    return event


def delete(name: str, version: int, uid: str = "u1", *, namespace: str = "shop") -> Event:
    """The deletion of an object."""
    return Event(Change.DELETE, key(name, namespace), uid, version, 0, b"")


def part(number: int, *events: Event, checkpoint: int | None = None, inventory: Inventory | None = None) -> Part:
    """A numbered part."""
    return Part(0, number, checkpoint, list(events), inventory)


def inventory(
    snapshot: int,
    entries: Iterable[tuple[str, str, int | None]],
    *,
    first: ObjectKey | None = None,
    until: ObjectKey | None = None,
) -> Inventory:
    """A chunk that lists objects of one namespace as (name, UID, version)."""
    return Inventory(
        snapshot, first, until, [InventoryEntry(key(name), uid, version) for name, uid, version in entries]
    )


def batch(origin: Source, parts: Sequence[Part]) -> Batch:
    """A batch of one session."""
    return Batch([origin], list(parts))
