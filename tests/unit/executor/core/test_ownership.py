"""Fields change hands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.executor.core.ownership import sole_ownership, takeover, united

NOTE: dict[str, Any] = {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}}


def entry(manager: str, operation: str, *fields: str, note: bool = False, **more: Any) -> dict[str, Any]:
    """One entry of managedFields."""
    owned: dict[str, Any] = {"f:spec": {f"f:{field}": {} for field in fields}}
    if note:
        owned["f:metadata"] = NOTE
    return {
        "manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": owned, **more,
    }  # fmt: skip


def changed(patch: bytes | None) -> list[dict[str, Any]]:
    """The entries after a patch."""
    assert patch is not None
    steps = json.loads(patch)
    assert [(step["op"], step["path"]) for step in steps] == [
        ("replace", "/metadata/managedFields"), ("replace", "/metadata/resourceVersion"),
    ]  # fmt: skip
    assert steps[1]["value"] == "7"
    entries: list[dict[str, Any]] = steps[0]["value"]
    return entries


def body(*entries: dict[str, Any]) -> bytes:
    """An object."""
    return json.dumps({"metadata": {"resourceVersion": "7", "managedFields": entries}}).encode()


def test_fields_of_client_side_apply_join_ours() -> None:
    """The former entry goes, its fields are ours; other managers keep theirs."""
    entries = changed(
        takeover(
            body(
                entry("fairlead", "Apply", "a"),
                entry("kubectl-client-side-apply", "Update", "b", note=True),
                entry("hpa", "Update", "replicas"),
                entry("kubectl-client-side-apply", "Update", "c", subresource="status"),
            ),
            "fairlead",
        )
    )

    assert [(each["manager"], each["operation"]) for each in entries] == [
        ("fairlead", "Apply"), ("hpa", "Update"), ("kubectl-client-side-apply", "Update"),
    ]  # fmt: skip
    assert entries[0]["fieldsV1"] == {"f:spec": {"f:a": {}, "f:b": {}}, "f:metadata": NOTE}


def test_without_an_entry_of_ours_the_former_one_becomes_it() -> None:
    """Our own client-side entry, and the one made before anybody applied, are taken over alike."""
    entries = changed(
        takeover(
            body(entry("fairlead", "Update", "a", note=True), entry("before-first-apply", "Update", "b", note=True)),
            "fairlead",
        )
    )

    assert [(each["manager"], each["operation"]) for each in entries] == [("fairlead", "Apply")]
    assert entries[0]["fieldsV1"]["f:spec"] == {"f:a": {}, "f:b": {}}


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (entry("fairlead", "Apply", "a"),),
        (entry("kubectl", "Update", "a"),),
        (entry("x", "Apply", "a", note=True),),
    ],
)
def test_nothing_to_take_over(entries: tuple[dict[str, Any], ...]) -> None:
    """Whoever does not own the annotation has not applied client-side."""
    assert takeover(body(*entries), "fairlead") is None


def test_an_entry_of_another_version_goes_without_its_fields() -> None:
    """As kubectl does: paths of another version may mean other fields."""
    other = entry("kubectl-client-side-apply", "Update", "b", note=True) | {"apiVersion": "apps/v1beta1"}
    entries = changed(takeover(body(entry("fairlead", "Apply", "a"), other), "fairlead"))

    assert len(entries) == 1
    assert entries[0]["fieldsV1"] == {"f:spec": {"f:a": {}}}


def test_sole_ownership_takes_all_but_status() -> None:
    """Afterwards nobody else owns anything of the object itself."""
    status = entry("kubelet", "Update", "x", subresource="status")
    entries = changed(
        sole_ownership(body(entry("a", "Update", "x"), status, entry("b", "Apply", "y")), "fairlead", "apps/v1")
    )

    assert [(each["manager"], each["operation"]) for each in entries] == [("fairlead", "Apply"), ("kubelet", "Update")]
    assert entries[0]["fieldsV1"] == {"f:spec": {"f:x": {}, "f:y": {}}}
    assert sole_ownership(body(entry("fairlead", "Apply", "x"), status), "fairlead", "apps/v1") is None


def test_a_field_that_is_owned_itself_stays_so() -> None:
    """An empty set is the field itself, which a dot says beside fields below it."""
    assert united({"f:a": {}}, {"f:a": {"f:b": {}}}) == {"f:a": {".": {}, "f:b": {}}}
    assert united({"f:a": {"f:c": {}}}, {"f:a": {"f:b": {}}}) == {"f:a": {"f:b": {}, "f:c": {}}}
    assert united({"f:a": {}}, {"f:a": {}}) == {"f:a": {}}
