"""Owners take their dependents along: background, foreground and orphan deletion; namespaces take all they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.api import writing
from fairlead.simcluster.api.writing import Write
from fairlead.simcluster.controllers.work import terminating
from fairlead.simcluster.store import object_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairlead.simcluster.controllers.work import Work
    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.store import Entry

RETRY_S: Final = 0.05
COLLECTOR: Final = Write("kube-controller-manager")


def collect(work: Work, table: str, entry: Entry) -> None:
    """Look at one object: as an owner that is being deleted, and as a dependent whose owners may be gone."""
    resource = work.state.registry.of_storage(table)
    if resource is None:
        return
    obj = entry.decoded()
    finalizers = obj["metadata"].get("finalizers") or []
    if terminating(obj) and "orphan" in finalizers:
        _orphan(work, resource, entry)
    elif terminating(obj) and "foregroundDeletion" in finalizers:
        _foreground(work, resource, entry)
    elif entry.owners and not terminating(obj):
        _dependent(work, resource, entry, obj)


def _edit(work: Work, resource: Resource, entry: Entry, change: Callable[[dict[str, Any]], None]) -> None:
    def edited(old: dict[str, Any]) -> dict[str, Any]:
        old["metadata"] = {**old["metadata"], "resourceVersion": ""}
        change(old["metadata"])
        return old

    writing.modify(work.state, resource, entry.namespace, entry.name, edited, COLLECTOR)


def _drop_finalizer(work: Work, resource: Resource, entry: Entry, name: str) -> None:
    def change(metadata: dict[str, Any]) -> None:
        metadata["finalizers"] = [each for each in metadata.get("finalizers") or () if each != name]

    _edit(work, resource, entry, change)


def _drop_owners(work: Work, resource: Resource, entry: Entry, uids: set[str]) -> None:
    def change(metadata: dict[str, Any]) -> None:
        owners = metadata.get("ownerReferences") or ()
        metadata["ownerReferences"] = [each for each in owners if each["uid"] not in uids]

    _edit(work, resource, entry, change)


def _orphan(work: Work, resource: Resource, owner: Entry) -> None:
    for table, dependent in work.state.store.owned_by(owner.uid):
        dependents = work.state.registry.of_storage(table.name)
        if dependents is not None:
            _drop_owners(work, dependents, dependent, {owner.uid})
    _drop_finalizer(work, resource, owner, "orphan")


def _foreground(work: Work, resource: Resource, owner: Entry) -> None:
    blocking = False
    for table, dependent in work.state.store.owned_by(owner.uid):
        kind, obj = work.state.registry.of_storage(table.name), dependent.decoded()
        references = [each for each in obj["metadata"]["ownerReferences"] if each["uid"] == owner.uid]
        blocking = blocking or any(each.get("blockOwnerDeletion") for each in references)
        if kind is not None and not terminating(obj):
            has_own = bool(work.state.store.owned_by(dependent.uid))
            work.delete(kind, dependent, "Foreground" if has_own else "Background")
    left = work.state.store.owned_by(owner.uid)
    if not left or not blocking:
        _drop_finalizer(work, resource, owner, "foregroundDeletion")


def _dependent(work: Work, resource: Resource, entry: Entry, obj: dict[str, Any]) -> None:
    gone, kept = set(), 0
    for reference in obj["metadata"]["ownerReferences"]:
        kind = work.state.registry.by_kind(reference["apiVersion"], reference["kind"])
        if kind is None:
            return  # an owner of an unknown kind may exist
        namespace = entry.namespace if kind.namespaced else ""
        owner = work.state.store.get(kind.storage, object_key(namespace, reference["name"]))
        if owner is None or owner.uid != reference["uid"]:
            gone.add(reference["uid"])
        else:
            kept += 1
    if gone and not kept:
        work.delete(resource, entry)
    elif gone:
        _drop_owners(work, resource, entry, gone)


def reconcile_namespace(work: Work, entry: Entry) -> None:
    """Empty a terminating namespace, then let it go."""
    obj = entry.decoded()
    if not terminating(obj):
        return
    left = 0
    for table, content in tuple(work.state.store.entries()):
        if content.namespace != entry.name:
            continue
        resource = work.state.registry.of_storage(table.name)
        if resource is not None and b'"deletionTimestamp"' not in content.metadata:
            work.delete(resource, content)
        left += work.state.store.get(table.name, content.key) is not None
    if left:
        work.after(RETRY_S, ("namespaces", entry.key))
        return
    obj["spec"] = {}
    if not obj["metadata"].get("finalizers"):
        work.state.store.remove("namespaces", obj)
