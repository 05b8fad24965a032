"""The wire forms of discovery turn into one another."""

from __future__ import annotations

import json

import pytest

from fairlead.kube.discovery_documents import (
    ApiGroup,
    ApiResourceList,
    GroupDiscoveryList,
    GroupVersion,
    VersionDiscovery,
    combined,
    decoded,
    from_legacy,
)
from fairlead.kube.errors import ProtocolError


def test_what_was_read_is_written_again() -> None:
    """Known fields survive, null and empty ones are left out, unknown ones are dropped."""
    subresource = {"subresource": "eviction", "responseKind": {"kind": "Eviction"}, "acceptedTypes": [{"kind": "E"}]}
    pods = {"resource": "pods", "shortNames": ["po"], "subresources": [subresource]}
    item = {"metadata": {}, "versions": [{"version": "v1", "resources": [pods], "freshness": "Current"}]}
    noisy = json.loads(json.dumps(item))
    noisy["metadata"]["creationTimestamp"] = None
    noisy["versions"][0]["resources"][0]["categories"] = None

    read = decoded(json.dumps({"items": [noisy]}).encode(), GroupDiscoveryList).items

    assert read is not None
    assert json.loads(combined(read))["items"] == [item]


def test_the_older_form_becomes_the_newer() -> None:
    """Scope, kinds of subresources, and subresources without a parent."""
    answer = b"""{"resources": [
        {"name": "pods", "kind": "Pod", "namespaced": true, "singularName": "pod", "verbs": ["get"]},
        {"name": "pods/eviction", "kind": "Eviction", "group": "policy", "version": "v1", "verbs": ["create"]},
        {"name": "orphans/status", "kind": "Orphan"},
        {"name": "nodes", "kind": "Node", "namespaced": false}]}"""

    version = from_legacy("v1", decoded(answer, ApiResourceList))

    assert [(found.resource, found.scope) for found in version.resources or ()] == [
        ("pods", "Namespaced"),
        ("nodes", "Cluster"),
    ]
    eviction = ((version.resources or [])[0].subresources or [])[0]
    assert eviction.subresource == "eviction"
    assert eviction.response_kind is not None
    assert eviction.response_kind.group == "policy"
    assert not version.stale
    assert VersionDiscovery("v1", freshness="Stale").stale


def test_the_preferred_version_comes_first() -> None:
    """The others keep the server's order."""
    versions = [GroupVersion(name) for name in ("v3", "v2", "v1")]

    assert ApiGroup("g", versions, GroupVersion("v2")).in_order == ["v2", "v3", "v1"]
    assert ApiGroup("g", versions).in_order == ["v3", "v2", "v1"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"items":[{}]}', b'{"items":"sesame"}'])
def test_anything_else_is_refused_without_being_quoted(body: bytes) -> None:
    """A proxy's page is no discovery."""
    with pytest.raises(ProtocolError) as refused:
        decoded(body, GroupDiscoveryList)
    assert "sesame" not in str(refused.value)
