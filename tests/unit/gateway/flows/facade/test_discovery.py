"""Discovery out of stored documents."""

from __future__ import annotations

import json

import pytest
from tests.support.facade_doubles import ACCOUNT, MemoryShelf, a_request, whole

from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.core.facade.targets import Target, Verb
from fairlead.gateway.flows.facade import discovery as module
from fairlead.gateway.flows.facade.discovery import DiscoveryDocuments
from fairlead.gateway.ports.documents import DISCOVERY, VERSION_PATH

DOCUMENT = (
    b'{"items":[{"metadata":{},"versions":[{"version":"v1","resources":[]}]},'
    b'{"metadata":{"name":"apps"},"versions":[{"version":"v1","freshness":"Stale"}]}]}'
)
DEFINITIONS = Target(Verb.CREATE, "apiextensions.k8s.io", "v1", "customresourcedefinitions")


@pytest.fixture
def shelf() -> MemoryShelf:
    """With a document and a version."""
    made = MemoryShelf()
    made.put(DISCOVERY, DOCUMENT)
    made.put(DISCOVERY, b'{"major":"1"}', VERSION_PATH)
    return made


@pytest.fixture
def subject(shelf: MemoryShelf) -> DiscoveryDocuments:
    """Answers from that shelf."""
    return DiscoveryDocuments(shelf, 100_000)


async def test_answers_tell_what_they_are(subject: DiscoveryDocuments) -> None:
    """Type, ETag, age; and a client that has it gets nothing twice."""
    first = await subject.answer(a_request("GET", "/api/v1/"))
    assert first is not None
    headers = dict(first.headers)
    assert (first.status, headers["Content-Type"], headers["Vary"]) == (200, "application/json", "Accept")
    assert headers["Fairlead-Freshness"] == "source=document; stored=2026-01-01T00:00:00.000Z"
    again = await subject.answer(a_request("GET", "/api/v1", if_none_match=headers["ETag"]))

    assert again is not None
    assert (again.status, again.body, dict(again.headers)["ETag"]) == (304, b"", headers["ETag"])


async def test_the_version_is_the_servers_own(subject: DiscoveryDocuments) -> None:
    """Byte for byte."""
    answer = await subject.answer(a_request("GET", "/version"))

    assert answer is not None
    assert await whole(answer) == b'{"major":"1"}'


async def test_a_document_is_written_out_once(subject: DiscoveryDocuments, shelf: MemoryShelf) -> None:
    """As long as it is the same; a new one is seen at once, whichever gateway stored it."""
    for path in ("/api", "/apis", "/api/v1"):
        await subject.answer(a_request("GET", path))
    assert shelf.reads == 1
    shelf.put(DISCOVERY, b'{"items":[]}')
    answer = await subject.answer(a_request("GET", "/api"))

    assert answer is not None
    assert json.loads(await whole(answer))["versions"] == []
    assert shelf.reads == 2


async def test_memory_is_bounded(shelf: MemoryShelf) -> None:
    """What does not fit is read again."""
    subject = DiscoveryDocuments(shelf, 10)
    for _ in range(2):
        assert await subject.answer(a_request("GET", "/api"))

    assert shelf.reads == 2


async def test_refusals_are_those_of_the_api_server(subject: DiscoveryDocuments) -> None:
    """A group that is not served, a version, a form; a group version that the server could not ask."""
    unknown = await subject.answer(a_request("GET", "/apis/zoo/v1"))
    assert unknown is not None
    assert (unknown.status, unknown.body) == (404, b"404 page not found\n")
    for target, accept, code in (
        ("/apis/apps/v9", "*/*", 404),
        ("/apis", "text/html", 406),
        ("/apis/apps/v1", "*/*", 503),
    ):
        with pytest.raises(Refusal) as refused:
            await subject.answer(a_request("GET", target, accept=accept))
        assert refused.value.status.code == code
        assert refused.value.status.retry_after_s == 0


@pytest.mark.parametrize("document", [None, b"damaged"])
async def test_without_a_document_the_cluster_is_asked(shelf: MemoryShelf, document: bytes | None) -> None:
    """Nothing is made up."""
    shelf.documents.clear()
    if document:
        shelf.put(DISCOVERY, document)
    subject = DiscoveryDocuments(shelf, 100_000)

    assert await subject.answer(a_request("GET", "/apis")) is None
    assert await subject.answer(a_request("GET", "/version")) is None


async def test_definitions_that_are_written_unsettle_it(
    subject: DiscoveryDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a while, in their account alone; other writes do not."""
    subject.unsettle(ACCOUNT, Target(Verb.CREATE, "", "v1", "configmaps"))
    assert subject.settled(ACCOUNT)
    subject.unsettle(ACCOUNT, DEFINITIONS)
    assert not subject.settled(ACCOUNT)
    assert subject.settled("other")
    monkeypatch.setattr(module, "UNSETTLED_S", -1.0)
    subject.unsettle(ACCOUNT, DEFINITIONS)

    assert subject.settled(ACCOUNT)
