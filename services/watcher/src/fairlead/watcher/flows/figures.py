"""What one reflector counts: its series are looked up once, for watches bring events by the thousand."""

from __future__ import annotations

from fairlead.runtime import metrics


class Figures:
    """The series of one resource of one account; reflectors of several namespaces share them."""

    def __init__(self, account: str, resource: str) -> None:
        self._labels = (account, resource)
        self.events = metrics.WATCHER_EVENTS.labels(account, resource)
        self.watches = metrics.WATCHER_WATCHES.labels(account)
        self.backing_off = metrics.WATCHER_BACKING_OFF.labels(account)
        self._list_seconds = metrics.WATCHER_LIST_SECONDS.labels(resource)

    def session_opens(self, reason: str) -> None:
        """Count a session."""
        metrics.WATCHER_SESSIONS.labels(*self._labels, reason).inc()

    def list_begins(self, how: str) -> None:
        """Count a list: ``pages``, ``stream``, ``names`` or ``repair``."""
        metrics.WATCHER_LISTS.labels(*self._labels, how).inc()

    def listed(self, seconds: float) -> None:
        """Count the end of a whole list."""
        self._list_seconds.observe(seconds)
