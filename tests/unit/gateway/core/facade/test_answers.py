"""What answers to writes say of their object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.kubernetes_protobuf import envelope, put

from fairlead.gateway.core.facade.answers import Answered, Written, asks_dry_run, read_answer, written
from fairlead.gateway.core.facade.targets import Target, Verb

PODS = Target(Verb.DELETE, "", "v1", "pods", "shop", "web")
META = {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "42"}
DELETED = "2026-01-01T00:00:00Z"


def _json(kind: str = "Pod", **metadata: Any) -> bytes:
    return json.dumps({"kind": kind, "apiVersion": "v1", "metadata": META | metadata, "spec": {"secret": 1}}).encode()


def _protobuf(kind: str = "Pod", *more: bytes) -> bytes:
    metadata = put(1, "web") + put(3, "shop") + put(5, "u1") + put(6, "42") + b"".join(more)
    return envelope(kind, put(1, metadata) + put(2, put(1, "spec")))


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (_json(), "application/json"),
        (_json(), "application/json;charset=utf-8"),
        (_protobuf(), "application/vnd.kubernetes.protobuf"),
    ],
)
def test_identity_and_version(body: bytes, media: str) -> None:
    """In both formats."""
    assert read_answer(body, media) == Answered("Pod", "shop", "web", "u1", 42)


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (json.dumps({"kind": "Status", "details": {"name": "web", "uid": "u1"}}).encode(), "application/json"),
        (
            envelope("Status", put(2, "Success") + put(5, put(1, "web") + put(6, "u1"))),
            "application/vnd.kubernetes.protobuf",
        ),
    ],
)
def test_a_status_names_what_was_deleted(body: bytes, media: str) -> None:
    """Its details hold name and UID."""
    found = read_answer(body, media)
    assert found == Answered("Status", name="web", uid="u1")
    assert written(PODS, 200, found) == Written(200, "", "web", "u1", None, deleted=True)


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"metadata": {"name": 1}}', "application/json"),
        (b'{"a":' * 20_000, "application/json"),
        (b"\xff", "application/json"),
        (b"k8s\0\xff", "application/vnd.kubernetes.protobuf"),
        (_json(), "text/plain"),
    ],
)
def test_what_cannot_be_read(body: bytes, media: str) -> None:
    """Nothing is guessed."""
    assert read_answer(body, media) is None
    assert written(PODS, 200, None) == Written(200)


@pytest.mark.parametrize("version", ["", "0", "abc", "-1", "9" * 60])
def test_versions_that_are_none(version: str) -> None:
    """A dry run answers without one; other servers may answer anything."""
    found = read_answer(_json(resourceVersion=version), "application/json")
    assert found is not None
    assert found.version is None


@pytest.mark.parametrize(
    ("verb", "metadata", "gone"),
    [
        (Verb.DELETE, {}, True),
        (Verb.PATCH, {}, False),
        (Verb.DELETE, {"deletionTimestamp": DELETED, "deletionGracePeriodSeconds": 30}, False),
        (Verb.DELETE, {"deletionTimestamp": DELETED, "deletionGracePeriodSeconds": 0}, True),
        (Verb.DELETE, {"deletionTimestamp": DELETED, "finalizers": ["a"], "deletionGracePeriodSeconds": 0}, False),
        (Verb.PATCH, {"deletionTimestamp": DELETED, "finalizers": [], "deletionGracePeriodSeconds": 0}, True),
        (Verb.PATCH, {"deletionTimestamp": DELETED, "finalizers": ["a"]}, False),
    ],
)
def test_gone_or_marked(verb: Verb, metadata: dict[str, Any], *, gone: bool) -> None:
    """An object that a grace period or a finalizer keeps is there still, whoever asked."""
    target = Target(verb, "", "v1", "pods", "shop", "web")
    assert written(target, 200, read_answer(_json(**metadata), "application/json")).deleted is gone
    fields = [put(9, put(1, 5))] if "deletionTimestamp" in metadata else []
    fields += [put(10, metadata["deletionGracePeriodSeconds"])] if "deletionGracePeriodSeconds" in metadata else []
    fields += [put(14, name) for name in metadata.get("finalizers", [])]
    answered = read_answer(_protobuf("Pod", *fields), "application/vnd.kubernetes.protobuf")
    assert written(target, 200, answered).deleted is gone


def test_namespaces_go_later() -> None:
    """Their finalizers stand in the spec."""
    target = Target(Verb.DELETE, "", "v1", "namespaces", "shop", "shop")
    answered = read_answer(_json("Namespace", deletionTimestamp=DELETED), "application/json")
    assert not written(target, 200, answered).deleted


def test_a_status_of_another_write_tells_nothing() -> None:
    """An eviction's answer names no version of the pod."""
    target = Target(Verb.CREATE, "", "v1", "pods", "shop", "web", "eviction")
    assert written(target, 201, Answered("Status", name="web", uid="u1")) == Written(201)


@pytest.mark.parametrize(
    ("body", "media", "asked"),
    [
        (b"", "application/vnd.kubernetes.protobuf", False),
        (b'{"kind":"DeleteOptions","dryRun":["All"]}', "application/json", True),
        (b'{"kind":"DeleteOptions","propagationPolicy":"Background"}', "application/json", False),
        (envelope("DeleteOptions", put(1, 0) + put(5, "All")), "application/vnd.kubernetes.protobuf", True),
        (envelope("DeleteOptions", put(4, "Orphan")), "application/vnd.kubernetes.protobuf", False),
        (b"", "", False),
        (b"{", "application/json", None),
        (b"dryRun: [All]", "application/yaml", None),
        (b"{", "application/vnd.kubernetes.protobuf", None),
    ],
)
def test_a_deletion_may_be_a_dry_run(body: bytes, media: str, *, asked: bool | None) -> None:
    """Kubectl says so in the body; one that cannot be read may say anything."""
    assert asks_dry_run(body, media) is asked
