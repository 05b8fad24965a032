"""LIST and WATCH of the Kubernetes API out of the mirror, where the mirror can say."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fairlead.gateway.core.facade import coverage as coverages
from fairlead.gateway.core.facade import listing as listings
from fairlead.gateway.core.facade import statuses
from fairlead.gateway.core.facade.coverage import Answerer, Standing
from fairlead.gateway.core.facade.cursors import Cursor
from fairlead.gateway.core.facade.formats import Format, Shape, format_of
from fairlead.gateway.core.facade.freshness import FRESHNESS
from fairlead.gateway.core.facade.listing import ListOptions, Match, Unanswerable, WatchOptions
from fairlead.gateway.core.facade.selection import Selection, UnsupportedField, parse_selection
from fairlead.gateway.core.facade.statuses import Refusal, Status, expired
from fairlead.gateway.core.facade.targets import Target, Verb
from fairlead.gateway.core.facade.watching import Viewer
from fairlead.gateway.core.selectors import InvalidSelector
from fairlead.gateway.flows.facade.feeds import Feeds, Source
from fairlead.gateway.flows.facade.lists import Listing
from fairlead.gateway.flows.facade.watches import Watch
from fairlead.gateway.ports.facade import FacadeAnswer, FacadeRequest, WriteBarrier
from fairlead.gateway.ports.listing import Extent, ListingStore, Look, TableRenderer

WATCH_S = (1800.0, 3600.0)


def now_utc() -> datetime:
    """The time."""
    return datetime.now(UTC)


def watch_lasts_s() -> float:
    """How long a watch lasts at most: at random, so that clients do not come back all at once, as API servers do it."""
    return random.uniform(*WATCH_S)  # noqa: S311 - no secret


@dataclass(frozen=True)
class Reading:
    """`StoreReading`.

    What the rows cannot answer (a selector on a field that is not read, a withheld row, a form that only the API server
    writes, a query that makes no sense) is left to the cluster, which says itself what is wrong with it; unless the request
    goes on from an answer out of the rows: then its client has to begin anew, and gets all of it from one source.

    Args:
        store: the rows.
        barrier: of writes.
        feeds: of what happens to the rows.
        stale_s: how old the rows of an account whose agent is away may be.
        tables: makes tables; None: they are left to the cluster.

    """

    store: ListingStore
    barrier: WriteBarrier
    feeds: Feeds
    stale_s: float
    tables: TableRenderer | None = None
    now: Callable[[], datetime] = now_utc
    lasts_s: Callable[[], float] = watch_lasts_s

    async def answer(self, request: FacadeRequest, target: Target) -> FacadeAnswer | None:
        """Answer from the rows; None when only the cluster can. Raises `Refusal`, `UnknownAccount`, `DatabaseUnavailable`."""
        try:
            return await self._answer(request, target)
        except (Unanswerable, InvalidSelector, UnsupportedField):
            if listings.carries_cursor(request.parameter):
                raise Refusal(expired("the mirror can no longer answer this; begin without a version")) from None
            return None

    async def _answer(self, request: FacadeRequest, target: Target) -> FacadeAnswer:
        form = format_of(request.headers.get("accept", ""), target.verb)
        if (
            "\0" in request.path
            or form is None
            or coverages.is_never_read(target)
            or not self._writes(form, request, target)
        ):
            raise Unanswerable
        if target.verb is Verb.LIST:
            return await self._list(request, target, form, listings.list_options(request.parameter))
        return await self._watch(request, target, form, listings.watch_options(request.parameter))

    def _writes(self, form: Format, request: FacadeRequest, target: Target) -> bool:
        """Whether objects of the kind can be written in a form here: an empty table shows it."""
        if form.shape is not Shape.TABLE:
            return True
        include = request.parameter("includeObject") or "Metadata"
        return self.tables is not None and self.tables(target.group, target.plural, [], include) is not None

    async def _list(self, request: FacadeRequest, target: Target, form: Format, options: ListOptions) -> FacadeAnswer:
        newest = options.position is None and options.after is None
        caught_up = not newest or await self._caught_up(request.account, target)
        async with self.store.look(request.account, target.group, target.plural) as look:
            standing, extent = self._find(look, request, target)
            if not caught_up and coverages.must_wait(standing):
                raise Unanswerable
            cursor = await _cursor(look, extent, standing, options)
            after = options.after.after if options.after else None
            if await look.hides(extent, after):
                raise Unanswerable
            listing = Listing(
                self.store,
                request.account,
                standing.resource,
                extent,
                form,
                cursor,
                options.limit,
                self.tables,
                request.parameter("includeObject") or "Metadata",
            )
            page = await look.page(extent, after, listing.room())
        return FacadeAnswer(200, self._headers(standing), listing.begin(page))

    async def _watch(self, request: FacadeRequest, target: Target, form: Format, options: WatchOptions) -> FacadeAnswer:
        caught_up = not options.newest or await self._caught_up(request.account, target)
        async with self.store.look(request.account, target.group, target.plural) as look:
            standing, extent = self._find(look, request, target)
            if (not caught_up and coverages.must_wait(standing)) or await look.hides(extent, None):
                raise Unanswerable
            viewer = await _viewer(look, extent, standing, options)
            shown = look.coverage
        watch = Watch(
            self.store,
            self.feeds,
            Source(request.account, shown.nonce, standing, extent.redacted),
            extent,
            form,
            viewer,
            begun=shown.change,
            lasts_s=min(options.timeout_s or math.inf, self.lasts_s()),
            bookmarks=options.bookmarks,
            ends_initial=options.ends_initial,
            tables=self.tables,
            include_object=request.parameter("includeObject") or "Metadata",
        )
        return FacadeAnswer(200, self._headers(standing), watch.body())

    async def _caught_up(self, account: str, target: Target) -> bool:
        """Whether the rows hold what was written through gateways."""
        return await self.barrier.passed(account, target.group, target.plural, target.namespace)

    def _find(self, look: Look, request: FacadeRequest, target: Target) -> tuple[Standing, Extent]:
        """The reflector that answers, and its rows that are asked for."""
        standing = coverages.standing_for(look.coverage, target)
        if standing is None:
            raise Unanswerable
        match coverages.answerer(standing, self.now(), self.stale_s):
            case Answerer.CLUSTER:
                raise Unanswerable
            case Answerer.NOBODY:
                raise Refusal(_away(standing))
            case Answerer.STORE:
                labels, fields = request.parameter("labelSelector"), request.parameter("fieldSelector")
                selection = parse_selection(standing.resource, target.namespace, labels, fields)
                return standing, Extent(standing.id, selection, redacted=not coverages.hides_redacted(target))

    def _headers(self, standing: Standing) -> tuple[tuple[str, str], ...]:
        return (
            ("Content-Type", statuses.JSON),
            ("Cache-Control", "no-cache, private"),
            (FRESHNESS, coverages.freshness(standing, self.now())),
        )


async def _cursor(look: Look, extent: Extent, standing: Standing, options: ListOptions) -> Cursor:
    """The version that a list has.

    Raises:
        Unanswerable: the rows are older than what the client knows.
        Refusal: the version cannot be had (any more).

    """
    shown = look.coverage
    newest = Cursor(shown.nonce, shown.change)
    if options.after is not None:
        cursor = options.after.cursor
        if cursor.nonce != shown.nonce or not shown.floor <= cursor.change <= shown.change:
            raise Refusal(expired(listings.CONTINUE_EXPIRED))
        return cursor
    exact = options.match is Match.EXACT
    match options.position:
        case None:
            return newest
        case Cursor() as position:
            if exact and await look.changed(extent, position.change):
                raise Refusal(listings.too_old(position, newest))
            return listings.version_at(position, shown, exact=exact)
        case version if exact:
            raise Refusal(listings.too_old(version, newest))
        case version if standing.checkpoint is None or standing.checkpoint < version:
            raise Unanswerable
    return newest


async def _viewer(look: Look, extent: Extent, standing: Standing, options: WatchOptions) -> Viewer:
    """What a client knows at the start of its watch.

    A version of the cluster is that of the last event that the client saw, or of a list that was read live. One that the
    mirror has not reached is of such a list, and the cluster goes on from it.

    Raises:
        Unanswerable: the rows are older than what the client knows.
        Refusal: nobody can tell what happened since.

    """
    shown, selection = look.coverage, extent.selection
    newest = Cursor(shown.nonce, shown.change)
    known = _knows_nothing(selection) if options.initial else None
    match options.position:
        case None:
            return known or Viewer(selection, shown.change)
        case Cursor() as position:
            if position.nonce != shown.nonce or not shown.floor <= position.change <= shown.change:
                raise Refusal(listings.too_old(position, newest))
            return known or Viewer(selection, position.change)
        case version if known is None and version <= (standing.outlived or 0):
            raise Refusal(listings.too_old(version, newest))
        case version if standing.checkpoint is None or standing.checkpoint < version:
            raise Unanswerable
        case _ if known is not None:
            return known
        case version:
            place = await look.place(extent, version)
            if place is None or place < shown.floor:
                raise Refusal(listings.too_old(version, newest))
            return Viewer(selection, place)


def _knows_nothing(selection: Selection) -> Viewer:
    return Viewer(selection, -1, members=set() if selection.fickle else None)


def _away(standing: Standing) -> Status:
    """No Retry-After: the agent is away for long, so clients shall fail at once and keep what they have."""
    message = (
        f"nothing was heard of {standing.resource.name} since {standing.since:%Y-%m-%dT%H:%M:%SZ}: the agent is away"
    )
    return Status(503, "ServiceUnavailable", f"{message} ({statuses.NOT_SENT})")
