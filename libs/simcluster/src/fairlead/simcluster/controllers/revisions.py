"""ControllerRevisions: the history of templates that StatefulSets and DaemonSets can be rolled back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.controllers.work import owner_reference, template_hash

if TYPE_CHECKING:
    from fairlead.simcluster.controllers.work import Work
    from fairlead.simcluster.store import Entry

REVISIONS: Final = "controllerrevisions.apps"
HASH_LABELS: Final = {"StatefulSet": "controller.kubernetes.io/hash", "DaemonSet": "controller-revision-hash"}


def record(work: Work, kind: str, owner: Entry, obj: dict[str, Any]) -> str:
    """Have a revision of the present template, the newest of all, and forget the oldest; the revision's name."""
    spec = obj["spec"]
    suffix = template_hash(spec["template"])
    name = f"{owner.name}-{suffix}"
    known = {each.name: (each, data["revision"]) for each, data in work.owned(owner, "apps/controllerrevisions")}
    newest = max((number for _, number in known.values()), default=0)
    if name not in known:
        labels = {**(spec["selector"].get("matchLabels") or {}), HASH_LABELS[kind]: suffix}
        revision = {
            "metadata": {
                "name": name,
                "labels": labels,
                "ownerReferences": [owner_reference("apps/v1", kind, owner)],
            },
            "data": {"spec": {"template": {**spec["template"], "$patch": "replace"}}},
            "revision": newest + 1,
        }
        work.create(REVISIONS, owner.namespace, revision)
    elif known[name][1] < newest:
        work.modify(REVISIONS, known[name][0], lambda old: {**old, "revision": newest + 1})
    _prune(work, [pair for each, pair in known.items() if each != name], int(spec.get("revisionHistoryLimit", 10)))
    return name


def _prune(work: Work, older: list[tuple[Entry, int]], limit: int) -> None:
    oldest_first = sorted(older, key=lambda pair: pair[1])
    for entry, _ in oldest_first[: max(len(older) - limit, 0)]:
        work.delete(work.resource(REVISIONS), entry)
