"""Discovery in its forms; tests/e2e compares them with a real API server's."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from fairlead.gateway.core.facade.discovery import Form, UnreadableDocument, form_of, pages_of

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
V2, V2_BETA1 = AGGREGATED.format("v2"), AGGREGATED.format("v2beta1")
DOCUMENT: dict[str, Any] = {
    "kind": "APIGroupDiscoveryList",
    "apiVersion": "apidiscovery.k8s.io/v2",
    "metadata": {},
    "items": [
        {"metadata": {}, "versions": [{"version": "v1", "freshness": "Current", "resources": [
            {"resource": "pods", "responseKind": {"kind": "Pod"}, "scope": "Namespaced", "singularResource": "pod",
             "verbs": ["get", "list"], "shortNames": ["po"], "categories": ["all"],
             "subresources": [{"subresource": "log", "responseKind": {"kind": "Pod"}, "verbs": ["get"]}]},
        ]}]},
        {"metadata": {"name": "zoo"}, "versions": [
            {"version": "v2", "resources": [
                {"resource": "dens", "responseKind": {"kind": "Den"}, "scope": "Cluster", "verbs": ["get"],
                 "subresources": [
                     {"subresource": "scale", "verbs": ["get"],
                      "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"}}]},
                {"resource": "hidden", "scope": "Namespaced",
                 "subresources": [{"subresource": "eye", "responseKind": {"kind": "Eye"}, "verbs": ["create"]}]},
            ]},
            {"version": "v1"},
        ]},
        {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "freshness": "Stale"}]},
        {"metadata": {"name": "empty"}, "versions": []},
    ],
}  # fmt: skip


def page(path: str, form: Form = Form.OLD) -> Any:
    """What one path says."""
    return json.loads(pages_of(msgspec.json.encode(DOCUMENT))[path, form].body)


@pytest.mark.parametrize(
    ("path", "accept", "form"),
    [
        ("/apis", f"{V2},{V2_BETA1},application/json", Form.V2),
        ("/apis", f"{V2_BETA1},application/json", Form.V2_BETA1),
        ("/api", f"{AGGREGATED.format('v3')},{V2_BETA1}", Form.V2_BETA1),
        ("/apis", "application/json, */*", Form.OLD),
        ("/apis", "", Form.OLD),
        ("/apis", "application/vnd.kubernetes.protobuf, */*", Form.OLD),
        ("/apis", "application/json; charset=utf-8", Form.OLD),
        ("/apis/apps/v1", f"{V2},application/json", Form.OLD),
        ("/apis", AGGREGATED.format("v3"), None),
        ("/apis", "application/json;as=Table;g=meta.k8s.io;v=v1", None),
        ("/apis", "application/vnd.kubernetes.protobuf", None),
        ("/apis", "text/html", None),
    ],
)
def test_the_first_form_that_is_known_is_taken(path: str, accept: str, form: Form | None) -> None:
    """In the client's order; only the two roots are aggregated."""
    assert form_of(path, accept) is form


def test_the_core_group_stands_apart() -> None:
    """``/api`` has it, ``/apis`` the others in the server's order; each place of a kind is spelt out."""
    [core] = page("/api", Form.V2)["items"]
    kind = core["versions"][0]["resources"][0]["responseKind"]
    assert kind == {"group": "", "version": "", "kind": "Pod"}
    named = page("/apis", Form.V2_BETA1)

    assert named["apiVersion"] == "apidiscovery.k8s.io/v2beta1"
    assert [each["metadata"]["name"] for each in named["items"]] == ["zoo", "apps", "empty"]
    pages = pages_of(msgspec.json.encode(DOCUMENT))
    assert pages["/api", Form.V2].content_type == V2
    assert pages["/api", Form.V2_BETA1].content_type == V2_BETA1


def test_the_older_form_lists_groups_by_preference() -> None:
    """The first version is the preferred one; a group without any is not served."""
    versions = [{"groupVersion": "zoo/v2", "version": "v2"}, {"groupVersion": "zoo/v1", "version": "v1"}]

    assert [each["name"] for each in page("/apis")["groups"]] == ["zoo", "apps"]
    assert page("/apis/zoo") == {
        "kind": "APIGroup", "apiVersion": "v1", "name": "zoo", "versions": versions, "preferredVersion": versions[0],
    }  # fmt: skip
    assert page("/api")["versions"] == ["v1"]
    assert set(page("/")["paths"]) >= {
        "/api",
        "/api/v1",
        "/apis",
        "/apis/zoo",
        "/apis/zoo/v1",
        "/version",
        "/openapi/v3",
    }


def test_the_older_form_lists_subresources_beside_their_resources() -> None:
    """With what is not of the place they stand in; a resource that only carries subresources is not told."""
    assert page("/api/v1") == {
        "kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"],
             "shortNames": ["po"], "categories": ["all"]},
            {"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get"]},
        ],
    }  # fmt: skip
    assert page("/apis/zoo/v2") == {
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "zoo/v2", "resources": [
            {"name": "dens", "singularName": "", "namespaced": False, "kind": "Den", "verbs": ["get"]},
            {"name": "dens/scale", "singularName": "", "namespaced": False, "group": "autoscaling", "version": "v1",
             "kind": "Scale", "verbs": ["get"]},
            {"name": "hidden/eye", "singularName": "", "namespaced": True, "kind": "Eye", "verbs": ["create"]},
        ],
    }  # fmt: skip
    assert page("/apis/zoo/v1")["resources"] == []


def test_what_the_server_could_not_ask_is_unavailable() -> None:
    """An empty list would say that the kinds are gone."""
    pages = pages_of(msgspec.json.encode(DOCUMENT))

    assert pages["/apis/apps/v1", Form.OLD].unavailable
    assert not pages["/apis/zoo/v1", Form.OLD].unavailable


def test_equal_content_has_equal_etags() -> None:
    """Whoever wrote it out, whenever; another form is another page."""
    one, other = pages_of(msgspec.json.encode(DOCUMENT)), pages_of(msgspec.json.encode(DOCUMENT))

    assert {key: each.etag for key, each in one.items()} == {key: each.etag for key, each in other.items()}
    assert len({one["/apis", form].etag for form in Form}) == 3


@pytest.mark.parametrize(
    ("form", "told"), [(Form.V2, "public"), (Form.V2_BETA1, "public"), (Form.OLD, "no-cache, private")]
)
def test_caches_are_told_what_api_servers_tell_them(form: Form, told: str) -> None:
    """Only of the aggregated form they let others than the client keep it."""
    assert pages_of(msgspec.json.encode(DOCUMENT))["/apis", form].cache_control == told


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b'{"items":[{"versions":[{}]}]}', b'{"items":[{"versions":[{"version":"v1","resources":["x"]}]}]}'],
)
def test_a_document_that_is_none(document: bytes) -> None:
    """Is told as that, whatever is wrong with it."""
    with pytest.raises(UnreadableDocument):
        pages_of(document)
