"""GET of one object and LIST: pages of consistent snapshots."""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.api.options import ContinueToken, ListOptions, parse_version
from fairlead.simcluster.errors import StatusError, bad_request, expired, not_found, too_large_version
from fairlead.simcluster.store import CompactedError, object_key

if TYPE_CHECKING:
    from fairlead.simcluster.api.routes import Target
    from fairlead.simcluster.api.views import View
    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry, Table

PIECE_BYTES: Final = 1024 * 1024
CONTINUE_EXPIRED: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


def get_entry(state: State, resource: Resource, target: Target) -> Entry:
    """The object a path names; StatusError 404."""
    entry = state.store.get(resource.storage, object_key(target.namespace, target.name))
    if entry is None:
        raise not_found(resource.group, resource.plural, target.name)
    return entry


def list_pieces(state: State, view: View, options: ListOptions) -> list[bytes]:
    """The encoded list in pieces of about a megabyte."""
    version, entries = _snapshot(state, view.resource, options)
    chosen, following = _page(entries, options)
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if following is not None:
        last = chosen[-1]
        start = last.name if options.selection.namespace else last.key
        metadata["continue"] = ContinueToken(version, start).encode()
        if not options.selection.selective:
            metadata["remainingItemCount"] = following
    head, tail = view.frame(metadata)
    return _pieces(head, [view.item(entry) for entry in chosen], tail)


def _pieces(head: bytes, items: list[bytes], tail: bytes) -> list[bytes]:
    pieces: list[bytes] = []
    run: list[bytes] = []
    size = 0
    for item in items:
        run.append(item)
        size += len(item)
        if size >= PIECE_BYTES:
            pieces.append(b",".join(run))
            run, size = [], 0
    if run or not pieces:
        pieces.append(b",".join(run))
    for at in range(1, len(pieces)):
        pieces[at] = b"," + pieces[at]
    pieces[0] = head + pieces[0]
    pieces[-1] += tail
    return pieces


def _snapshot(state: State, resource: Resource, options: ListOptions) -> tuple[int, list[Entry]]:
    store, table = state.store, state.store.table(resource.storage)
    if options.token is not None:
        return _continued(store.version, table, options.token, options)
    try:
        asked = parse_version(options.version)
    except StatusError as error:
        raise bad_request(f"invalid resource version: {error.message}") from error
    if asked > store.version:
        raise too_large_version(asked, store.version)
    if options.match == "Exact" or (options.limit and asked and not options.match):
        # Without a match, a limit makes a version exact ("legacy exact" in the API's concepts page).
        try:
            return asked, table.snapshot(asked)
        except CompactedError as error:
            raise expired("The resourceVersion for the provided list is too old.") from error
    return store.version, table.snapshot(store.version)


def _continued(current: int, table: Table, token: ContinueToken, options: ListOptions) -> tuple[int, list[Entry]]:
    version = current if token.version < 0 else token.version
    try:
        entries = table.snapshot(version)
    except CompactedError as error:
        raise expired(CONTINUE_EXPIRED, ContinueToken(-1, token.start).encode()) from error
    namespace = options.selection.namespace
    start = object_key(namespace, token.start)
    return version, entries[bisect.bisect_right(entries, start, key=lambda entry: entry.key) :]


def _page(entries: list[Entry], options: ListOptions) -> tuple[list[Entry], int | None]:
    """The entries of this page, and how many follow (None: this is the last page)."""
    selection = options.selection
    chosen = entries if selection.everything else [entry for entry in entries if selection.matches(entry)]
    # A list at version 0 comes from the watch cache, which does not page.
    if not options.limit or options.version == "0" or len(chosen) <= options.limit:
        return chosen, None
    return chosen[: options.limit], len(chosen) - options.limit
