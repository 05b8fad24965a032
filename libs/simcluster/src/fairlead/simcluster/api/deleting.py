"""DELETE: grace, finalizers and propagation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.api.options import dry_run
from fairlead.simcluster.api.patching import decode_object
from fairlead.simcluster.errors import cause, conflict, forbidden, invalid
from fairlead.simcluster.store import encode_entry

if TYPE_CHECKING:
    from fairlead.simcluster.api.routes import Request
    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry

PROTECTED_NAMESPACES: Final = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
# batch/v1 Jobs and ReplicationControllers orphan unless asked otherwise (their registries' garbage collection policy).
ORPHANS_BY_DEFAULT: Final = frozenset({"jobs.batch", "replicationcontrollers"})
PROPAGATION_FINALIZERS: Final = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete."""

    propagation: str = ""
    grace_period_s: int | None = None
    uid: str = ""
    version: str = ""
    dry_run: bool = False


def delete_options(request: Request) -> DeleteOptions:
    """From the body, or from the query; StatusError 400 or 422."""
    body: dict[str, Any] = decode_object(request.body, "DeleteOptions") if request.body.strip() else {}
    query = request.query
    propagation = body.get("propagationPolicy") or query.get("propagationPolicy", "")
    if propagation not in ("", "Foreground", "Background", "Orphan"):
        why = f'Unsupported value: "{propagation}": supported values: "Foreground", "Background", "Orphan", "nil"'
        causes = [cause("FieldValueNotSupported", "propagationPolicy", why)]
        raise invalid("meta.k8s.io", "DeleteOptions", "", causes)
    if "orphanDependents" in query or "orphanDependents" in body:
        orphan = body.get("orphanDependents", query.get("orphanDependents") == "true")
        propagation = "Orphan" if orphan else "Background"
    grace = body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    preconditions = body.get("preconditions") or {}
    return DeleteOptions(
        propagation=propagation,
        grace_period_s=int(grace) if grace is not None else None,
        uid=preconditions.get("uid") or "",
        version=preconditions.get("resourceVersion") or "",
        dry_run=dry_run(query, "DeleteOptions") or body.get("dryRun") == ["All"],
    )


def delete_entry(state: State, resource: Resource, entry: Entry, options: DeleteOptions) -> tuple[Entry, bool]:
    """Delete an object; its last state, and whether it is gone now. StatusError 403 or 409."""
    _check(resource, entry, options)
    obj = entry.decoded()
    metadata = obj["metadata"]
    before = encode_entry(obj, 0)
    first = "deletionTimestamp" not in metadata
    if first:
        _add_propagation(resource, metadata, options)
    grace = _grace_s(resource, obj, options)
    held = bool(metadata.get("finalizers"))
    if resource.key == "namespaces":
        grace, held = 0, bool((obj.get("spec") or {}).get("finalizers"))
    if not grace and not held:
        if resource.key == "pods":
            metadata |= {"deletionTimestamp": state.timestamp(), "deletionGracePeriodSeconds": 0}
        return (entry if options.dry_run else state.store.remove(resource.storage, obj)), True
    _mark(state, resource, obj, grace, first=first)
    if options.dry_run or encode_entry(obj, 0).body == before.body:
        return entry, False
    return state.store.write(resource.storage, obj), False


def _mark(state: State, resource: Resource, obj: dict[str, Any], grace_s: int, *, first: bool) -> None:
    metadata = obj["metadata"]
    shorter = not first and grace_s < metadata.get("deletionGracePeriodSeconds", 0)
    if not (first or shorter):
        return
    metadata["deletionTimestamp"] = state.timestamp(grace_s)
    if resource.key == "namespaces":
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
    elif not resource.custom or first:
        metadata["deletionGracePeriodSeconds"] = grace_s
    if first and "generation" in metadata:
        metadata["generation"] += 1
    managed = metadata.pop("managedFields", None)
    if managed:
        metadata["managedFields"] = managed


def _check(resource: Resource, entry: Entry, options: DeleteOptions) -> None:
    if options.uid and options.uid != entry.uid:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({entry.uid}). "
            "The object might have been deleted and then recreated"
        )
        raise conflict("", resource.kind, entry.name, why)
    if options.version and options.version != str(entry.version):
        why = (
            f"the ResourceVersion in the precondition ({options.version}) does not match the ResourceVersion in "
            f"record ({entry.version}). The object might have been modified"
        )
        raise conflict("", resource.kind, entry.name, why)
    if resource.key == "namespaces" and entry.name in PROTECTED_NAMESPACES:
        raise forbidden("", "namespaces", entry.name, "this namespace may not be deleted")


def _add_propagation(resource: Resource, metadata: dict[str, Any], options: DeleteOptions) -> None:
    propagation = options.propagation
    if not propagation and resource.key in ORPHANS_BY_DEFAULT:
        propagation = "Orphan"
    finalizer = PROPAGATION_FINALIZERS.get(propagation)
    if finalizer:
        present = metadata.get("finalizers") or []
        metadata["finalizers"] = [*present, *([finalizer] if finalizer not in present else [])]
    if resource.key == "customresourcedefinitions.apiextensions.k8s.io":
        present = metadata.get("finalizers") or []
        cleanup = "customresourcecleanup.apiextensions.k8s.io"
        metadata["finalizers"] = [*present, *([cleanup] if cleanup not in present else [])]


def _grace_s(resource: Resource, obj: dict[str, Any], options: DeleteOptions) -> int:
    """Only pods that a node runs have a grace period."""
    if resource.key != "pods":
        return 0
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    if options.grace_period_s is not None:
        return max(options.grace_period_s, 0)
    return int(spec.get("terminationGracePeriodSeconds") or 0)


def deleted_status(resource: Resource, entry: Entry) -> dict[str, Any]:
    """The Status that answers a delete of an object that is gone."""
    details: dict[str, Any] = {"name": entry.name}
    if resource.group:
        details["group"] = resource.group
    details |= {"kind": resource.plural, "uid": entry.uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
