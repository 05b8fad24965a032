"""WATCH: a cursor over a table's history that yields lines of JSON.

The cursor pulls: nothing is queued per watch, a slow reader costs no memory, and one that falls behind the history is
told 410 inside its stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fairlead.simcluster.api.options import ListOptions, parse_version
from fairlead.simcluster.errors import StatusError, expired
from fairlead.simcluster.store import Change, CompactedError, encode_entry

if TYPE_CHECKING:
    from fairlead.simcluster.api.views import View
    from fairlead.simcluster.selectors import Selection
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry, Table

TOO_OLD: Final = "The resourceVersion for the provided watch is too old."
NO_PROGRESS: Final = StatusError(
    500,
    "InternalError",
    "Internal error occurred: a watch stream was requested by the client but the required storage feature "
    "RequestWatchProgress is disabled",
)


def error_line(error: StatusError) -> bytes:
    """An ERROR event."""
    return b'{"type":"ERROR","object":%b}\n' % msgspec.json.encode(error.document())


class WatchCursor:
    """One watch's place in the history. `take` gives what there is, at most about a number of bytes."""

    def __init__(self, state: State, view: View, options: ListOptions) -> None:
        self.table: Table = state.store.table(view.resource.storage)
        self.ended = False
        self.bookmarks = options.bookmarks
        self._state = state
        self._view = view
        self._selection: Selection = options.selection
        self._closings = self.table.closings
        self._initial: list[Entry] = []
        self._initial_end: int | None = None
        self._pending_error: StatusError | None = None
        self._sequence = 0
        self._from = 0
        """Changes up to this version are not for this watch (a watch may start in the future)."""
        self._begin(options)

    def _begin(self, options: ListOptions) -> None:
        store, version = self._state.store, parse_version(options.version)
        if options.initial_events is not None and not self._state.watch_list:
            self._pending_error = NO_PROGRESS
            return
        if options.initial_events or (options.initial_events is None and not version):
            entries = self.table.snapshot(store.version)
            selected = entries if self._selection.everything else filter(self._selection.matches, entries)
            self._initial = list(reversed(list(selected)))
            self._initial_end = store.version if options.initial_events and options.bookmarks else None
            version = store.version
        try:
            self._sequence = self.table.sequence_after(version)
        except CompactedError:
            self._pending_error = expired(TOO_OLD)
        self._from = version

    def take(self, limit_bytes: int) -> bytes:
        """The next lines, empty when there is nothing now; `ended` tells that nothing will come."""
        if self._pending_error is not None:
            self.ended = True
            return error_line(self._pending_error)
        lines: list[bytes] = []
        size = 0
        while not self.ended and size < limit_bytes and (line := self._next()):
            lines.append(line)
            size += len(line)
        return b"".join(lines)

    def bookmark(self) -> bytes:
        """A bookmark at the cluster's present version, empty when older changes are still to be told."""
        caught_up = not self._initial and self._sequence >= self.table.first_sequence + len(self.table.history)
        return self._view.bookmark(max(self._state.store.version, self._from)) if caught_up else b""

    def _next(self) -> bytes:
        if self._initial:
            return self._view.event("ADDED", self._initial.pop())
        if self._initial_end is not None:
            version, self._initial_end = self._initial_end, None
            return self._view.bookmark(version, end_of_initial=True)
        table = self.table
        if self._sequence < table.first_sequence:
            self.ended = True
            return error_line(expired(TOO_OLD))
        while (at := self._sequence - table.first_sequence) < len(table.history):
            self._sequence += 1
            if line := self._line(table.history[at]):
                return line
        if self._closings != table.closings:
            self.ended = True
        return b""

    def _line(self, change: Change) -> bytes:
        if change.version <= self._from:
            return b""
        if self._selection.everything:
            return self._view.event(change.type, change.entry)
        before = change.previous is not None and self._selection.matches(change.previous)
        after = change.type != "DELETED" and self._selection.matches(change.entry)
        if after:
            return self._view.event("MODIFIED" if before else "ADDED", change.entry)
        if not before or change.previous is None:
            return b""
        if change.type == "DELETED":
            return self._view.event("DELETED", change.entry)
        # Leaving a selection is a delete that carries the old state under the new version.
        return self._view.event("DELETED", encode_entry(change.previous.decoded(), change.version))
