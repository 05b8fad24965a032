"""CustomResourceDefinitions: their resources are served as soon as they stand and vanish with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.controllers.work import condition, terminating
from fairlead.simcluster.resources import Resource

if TYPE_CHECKING:
    from fairlead.simcluster.controllers.work import Work
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Change, Entry

TABLE: Final = "apiextensions.k8s.io/customresourcedefinitions"
KEY: Final = "customresourcedefinitions.apiextensions.k8s.io"
RETRY_S: Final = 0.05


def resources_of(definition: dict[str, Any]) -> list[Resource]:
    """The resources a definition serves, the storage version first."""
    spec = definition["spec"]
    names = spec["names"]
    versions = sorted(spec.get("versions") or (), key=lambda each: not each.get("storage"))
    made: list[Resource] = []
    for version in versions:
        if not version.get("served", True):
            continue
        subresources = version.get("subresources") or {}
        scale = subresources.get("scale") or {}
        made.append(
            Resource(
                group=spec["group"],
                version=version["name"],
                plural=names["plural"],
                kind=names["kind"],
                namespaced=spec.get("scope", "Namespaced") == "Namespaced",
                singular=names.get("singular") or names["kind"].lower(),
                list_kind=names.get("listKind") or f"{names['kind']}List",
                short_names=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                subresources=tuple(name for name in ("scale", "status") if name in subresources),
                custom=True,
                scale_paths=(
                    scale.get("specReplicasPath", ""),
                    scale.get("statusReplicasPath", ""),
                    scale.get("labelSelectorPath", ""),
                ),
                schema=(version.get("schema") or {}).get("openAPIV3Schema"),
                columns=tuple(version.get("additionalPrinterColumns") or ()),
                storage=f"{spec['group']}/{names['plural']}",
            )
        )
    return made


def serve(state: State, change: Change) -> None:
    """Follow a change of a definition in what is served."""
    previous, definition = change.previous, change.entry.decoded()
    if change.type != "DELETED":
        served = resources_of(definition)
        wanted = {each.version for each in served}
        if previous is not None:
            group, plural = definition["spec"]["group"], definition["spec"]["names"]["plural"]
            if {each.version for each in state.registry if (each.group, each.plural) == (group, plural)} != wanted:
                state.registry.remove(group, plural)
        for resource in served:
            state.registry.add(resource)
        return
    for resource in state.registry.remove(definition["spec"]["group"], definition["spec"]["names"]["plural"]):
        state.store.end_watches(resource.storage)


def reconcile(work: Work, entry: Entry) -> None:
    """Establish a definition, or clean up behind one that is being deleted."""
    definition = entry.decoded()
    if terminating(definition):
        _clean_up(work, entry, definition)
        return
    names = dict(definition["spec"]["names"])
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    old, now = definition.get("status") or {}, work.state.timestamp()
    accepted = condition(old, "NamesAccepted", holds=True, reason="NoConflicts", message="no conflicts found", now=now)
    established = condition(
        old,
        "Established",
        holds=True,
        reason="InitialNamesAccepted",
        message="the initial names have been accepted",
        now=now,
    )
    stored = [each["name"] for each in definition["spec"].get("versions") or () if each.get("storage")]
    status = {"conditions": [accepted, established], "acceptedNames": names, "storedVersions": stored}
    work.set_status(KEY, entry, status)


def _clean_up(work: Work, entry: Entry, definition: dict[str, Any]) -> None:
    resources = resources_of(definition)
    for resource in resources[:1]:
        table = work.state.store.table(resource.storage)
        for each in table.sorted_entries():
            work.delete(resource, each)
        if table.objects:
            work.after(RETRY_S, (TABLE, entry.key))
            return

    def drop(old: dict[str, Any]) -> dict[str, Any]:
        kept = [
            each for each in old["metadata"].get("finalizers") or () if not each.startswith("customresourcecleanup")
        ]
        return {**old, "metadata": {**old["metadata"], "finalizers": kept}}

    work.modify(KEY, entry, drop)
