"""PartialObjectMetadata: how Secrets are watched without their values."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.kubernetes.client import PARTIAL, PARTIAL_LIST, Api

SENTINEL = "sentinel-value"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def _secret(api: Api, name: str, **metadata: Any) -> dict[str, Any]:
    manifest = {"metadata": {"name": name, **metadata}, "stringData": {"key": SENTINEL}}
    answer = await api.post(api.core("secrets"), manifest)
    assert answer.code == 201, answer.text
    document: dict[str, Any] = answer.json
    return document


async def test_a_list_of_metadata_carries_no_values(api: Api) -> None:
    """PartialObjectMetadataList whose items name their type; neither data nor type of the Secret."""
    whole = await _secret(api, "one")
    answer = await api.get(api.core("secrets"), accept=PARTIAL_LIST, limit=1)

    assert answer.headers["Content-Type"].startswith("application/json")
    assert (answer.json["kind"], answer.json["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    [item] = answer.json["items"]
    assert set(item) == {"kind", "apiVersion", "metadata"}
    assert (item["kind"], item["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert item["metadata"] == whole["metadata"]


async def test_one_object_as_metadata(api: Api) -> None:
    """GET with the single form."""
    await _secret(api, "one")
    answer = await api.get(api.core("secrets", "one"), accept=PARTIAL)

    assert set(answer.json) == {"kind", "apiVersion", "metadata"}


async def test_every_event_of_a_metadata_watch_is_metadata(api: Api) -> None:
    """ADDED, MODIFIED, DELETED and the bookmark."""
    await _secret(api, "one")
    params = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with api.watch(api.core("secrets"), accept=PARTIAL, **params) as watch:
        await api.patch(api.core("secrets", "one"), {"stringData": {"key": SENTINEL + "2"}})
        await api.delete(api.core("secrets", "one"))
        events = [await watch.until(kind) for kind in ("ADDED", "BOOKMARK", "MODIFIED", "DELETED")]

    for event in events:
        assert event["object"]["kind"] == "PartialObjectMetadata"
        assert set(event["object"]) == {"kind", "apiVersion", "metadata"}
    assert SENTINEL not in json.dumps(events)


async def test_annotations_come_whole_even_as_metadata(api: Api) -> None:
    """The last-applied annotation leaks what was applied: it is for the reader to remove."""
    await _secret(api, "one", annotations={LAST_APPLIED: json.dumps({"stringData": {"key": SENTINEL}})})
    answer = await api.get(api.core("secrets", "one"), accept=PARTIAL)

    assert SENTINEL in answer.json["metadata"]["annotations"][LAST_APPLIED]


async def test_the_form_must_fit_the_request(api: Api) -> None:
    """406 for a list form on an object and the reverse; a second clause is a way out."""
    await _secret(api, "one")
    single = await api.get(api.core("secrets"), accept=PARTIAL)
    listed = await api.get(api.core("secrets", "one"), accept=PARTIAL_LIST)
    unknown = await api.get(api.core("secrets"), accept="text/xml")
    fallback = await api.get(api.core("secrets"), accept="text/xml, application/json")

    assert single.failure[:2] == listed.failure[:2] == unknown.failure[:2] == (406, "NotAcceptable")
    assert "the requested object is a list" in single.failure[2]
    assert "the requested object is not a list" in listed.failure[2]
    assert fallback.code == 200


async def test_values_pass_when_nobody_asks_for_less(api: Api) -> None:
    """The plain list has them: not asking is what protects."""
    await _secret(api, "one")
    answer = await api.get(api.core("secrets"))

    assert answer.json["items"][0]["data"]["key"]
