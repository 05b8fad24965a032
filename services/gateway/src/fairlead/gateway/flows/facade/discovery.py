"""Discovery and version out of stored documents: whether an agent is connected makes no difference."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from fairlead.gateway.core.facade import statuses
from fairlead.gateway.core.facade.discovery import Form, Page, Pages, UnreadableDocument, form_of, pages_of
from fairlead.gateway.core.facade.freshness import FRESHNESS, of_document
from fairlead.gateway.core.facade.memory import Memory
from fairlead.gateway.core.facade.negotiation import matches_etag
from fairlead.gateway.core.facade.statuses import JSON, Refusal
from fairlead.gateway.core.facade.targets import Target
from fairlead.gateway.ports.documents import DISCOVERY, VERSION_PATH, DocumentShelf, DocumentState
from fairlead.gateway.ports.facade import FacadeAnswer, FacadeRequest
from fairlead.runtime import logfields
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
DEFINITIONS = frozenset(
    {("apiextensions.k8s.io", "customresourcedefinitions"), ("apiregistration.k8s.io", "apiservices")}
)
"""What a cluster serves is decided by these."""
UNSETTLED_S = 15.0
"""So long after a write of definitions discovery is read live: the agent waits 2 s and asks then, the API server publishes
within a second."""
NOT_FOUND_TEXT = FacadeAnswer(404, (("Content-Type", "text/plain; charset=utf-8"),), b"404 page not found\n")
"""What the API server says of a group that it does not serve."""


@dataclass
class DiscoveryDocuments:
    """Answers out of the discovery document of an account.

    Args:
        shelf: where documents are.
        cache_bytes: answers that are kept, each account's document written out once as long as it is the same.

    """

    shelf: DocumentShelf
    cache_bytes: int
    _pages: Memory[str, Pages] = field(init=False)
    _unsettled: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pages = Memory(self.cache_bytes)

    async def answer(self, request: FacadeRequest) -> FacadeAnswer | None:
        """Answer; None when nothing is stored that could.

        Raises:
            Refusal: nobody serves that, or not in that form.
            DatabaseUnavailable: and the document is not in memory.

        """
        path = "/" + request.path.strip("/")
        if path == VERSION_PATH:
            return await self._version(request)
        form = form_of(path, request.headers.get("accept", ""))
        state = await self._state(request.account)
        if state is None:
            return None
        pages = await self._written_out(request.account, state)
        if pages is None:
            return None
        if form is None:
            raise Refusal(statuses.not_acceptable(JSON))
        page = pages.get((path, form))
        if page is None:
            return _missing(pages, path)
        if page.unavailable:
            raise Refusal(
                statuses.Status(503, "ServiceUnavailable", "the server is currently unable to handle the request")
            )
        return _answer(request, page, state)

    def unsettle(self, account: str, target: Target) -> None:
        """Note a write; one of definitions changes what the cluster serves, and the agent tells so a little later."""
        if (target.group, target.plural) in DEFINITIONS:
            now = time.monotonic()
            self._unsettled = {each: until for each, until in self._unsettled.items() if until > now}
            self._unsettled[account] = now + UNSETTLED_S

    def settled(self, account: str) -> bool:
        """Whether the stored document holds; else the cluster should be asked while it can be."""
        return self._unsettled.get(account, 0.0) < time.monotonic()

    async def standing(self, account: str) -> DocumentState | None:
        """Which discovery document there is."""
        return await self._state(account)

    async def _version(self, request: FacadeRequest) -> FacadeAnswer | None:
        state = await self._state(request.account, VERSION_PATH)
        if state is None:
            return None
        pages = self._pages.get(state.sha256)
        if pages is None:
            body = await self.shelf.content(request.account, DISCOVERY, VERSION_PATH, state.sha256)
            if body is None:
                return None
            pages = {(VERSION_PATH, Form.OLD): Page.of(body)}
            self._pages.put(state.sha256, pages, len(body))
        return _answer(request, pages[VERSION_PATH, Form.OLD], state)

    async def _state(self, account: str, path: str = "") -> DocumentState | None:
        return await self.shelf.state(account, DISCOVERY, path)

    async def _written_out(self, account: str, state: DocumentState) -> Pages | None:
        pages = self._pages.get(state.sha256)
        if pages is not None:
            return pages
        document = await self.shelf.content(account, DISCOVERY, "", state.sha256)
        if document is None:  # replaced a moment ago
            return None
        try:
            pages = pages_of(document)
        except UnreadableDocument as error:
            log.error("the discovery document cannot be read", **{
                logfields.ACCOUNT: account, logfields.ERROR: chain(error)})  # fmt: skip
            return None
        self._pages.put(state.sha256, pages, sum(len(page.body) for page in pages.values()))
        return pages


def _answer(request: FacadeRequest, page: Page, state: DocumentState) -> FacadeAnswer:
    headers = (
        ("Content-Type", page.content_type),
        ("ETag", page.etag),
        ("Vary", "Accept"),
        ("Cache-Control", page.cache_control),
        (FRESHNESS, of_document(state.stored)),
    )
    if matches_etag(request.headers.get("if-none-match", ""), page.etag):
        return FacadeAnswer(304, headers[1:])
    return FacadeAnswer(200, headers, page.body)


def _missing(pages: Pages, path: str) -> FacadeAnswer:
    group, _, _ = path.rpartition("/")
    if (group, Form.OLD) in pages and group not in ("/apis", "/api"):
        raise Refusal(statuses.not_found())
    return NOT_FOUND_TEXT
