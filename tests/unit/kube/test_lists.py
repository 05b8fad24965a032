"""Lists come page by page, items as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.scripted_api import ScriptedApi, failure, reply

from fairlead.contracts.identity import Resource
from fairlead.kube.errors import Gone, ProtocolError
from fairlead.kube.lists import list_pages, parse_page

if TYPE_CHECKING:
    from fairlead.kube.session import KubeSession

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
PATH = "/api/v1/namespaces/shop/pods"


def page(*names: str, version: str = "9", token: str = "", remaining: int | None = None) -> dict[str, Any]:
    """Build a list's answer."""
    meta = {"resourceVersion": version, "continue": token, "remainingItemCount": remaining}
    return {"kind": "PodList", "metadata": meta, "items": [{"metadata": {"name": name}} for name in names]}


async def test_pages_are_asked_for_until_the_last(api: ScriptedApi, session: KubeSession) -> None:
    """Only the first request names a version; the token carries it on, the other options are repeated."""
    api.on(PATH, reply(page("a", "b", token="t1", remaining=1)), reply(page("c")))

    pages = [
        found
        async for found in list_pages(
            session,
            PODS,
            namespace="shop",
            limit=2,
            resource_version="5",
            resource_version_match="NotOlderThan",
            label_selector="app=web",
        )
    ]

    assert [found.items for found in pages] == [
        [b'{"metadata":{"name":"a"}}', b'{"metadata":{"name":"b"}}'],
        [b'{"metadata":{"name":"c"}}'],
    ]
    assert [(found.version, found.token, found.remaining) for found in pages] == [(9, "t1", 1), (9, "", None)]
    assert [seen.query for seen in api.seen] == [
        {"limit": "2", "labelSelector": "app=web", "resourceVersion": "5", "resourceVersionMatch": "NotOlderThan"},
        {"limit": "2", "labelSelector": "app=web", "continue": "t1"},
    ]
    assert api.seen[0].headers["Accept"] == "application/json"


async def test_metadata_alone_is_asked_for_by_the_accept_header(api: ScriptedApi, session: KubeSession) -> None:
    """The server then leaves everything but metadata out."""
    api.on("/api/v1/pods", reply(page()))

    assert [found.items async for found in list_pages(session, PODS, metadata_only=True)] == [[]]
    assert api.seen[0].headers["Accept"] == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


async def test_an_expired_token_is_gone(api: ScriptedApi, session: KubeSession) -> None:
    """What was yielded before stands; the caller must list anew."""
    api.on(PATH, reply(page("a", token="t1")), failure(410, "Expired", "The provided continue parameter is too old"))
    pages = list_pages(session, PODS, namespace="shop")

    assert (await anext(pages)).items == [b'{"metadata":{"name":"a"}}']
    with pytest.raises(Gone):
        await anext(pages)


async def test_a_token_that_does_not_move_ends_the_list(api: ScriptedApi, session: KubeSession) -> None:
    """A broken server cannot keep us listing for ever."""
    api.on(PATH, reply(page("a", token="t1")))

    pages = list_pages(session, PODS, namespace="shop")
    await anext(pages)
    await anext(pages)

    with pytest.raises(ProtocolError, match="same continue token twice"):
        await anext(pages)
    assert len(api.seen) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"sesame",
        b"[]",
        b'{"items":[]}',
        b'{"metadata":{"resourceVersion":"sesame"},"items":[]}',
        b'{"metadata":{}}',
    ],
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    """The error does not quote the answer."""
    with pytest.raises(ProtocolError) as refused:
        parse_page(body)
    assert "sesame" not in str(refused.value)


def test_a_list_of_null_is_empty() -> None:
    """Go writes an empty list as null at times."""
    assert parse_page(b'{"metadata":{"resourceVersion":"3"},"items":null}').items == []
