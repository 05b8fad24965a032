"""Watches: batches of events as they come off the socket, objects as bytes.

The loop only cuts lines, so that it keeps up with the server, which slows down for everybody when one watcher reads
slowly (kubernetes/kubernetes#121438). WatchList (KEP-3157) is the same stream, begun with synthetic ADDED events.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from fairlead.contracts.identity import parse_version
from fairlead.kube.errors import (
    ApiError,
    Invalid,
    KubeError,
    ProtocolError,
    ServerError,
    Unreachable,
    error_from_status,
)
from fairlead.kube.lines import LINE_LIMIT_BYTES, LineCutter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fairlead.contracts.identity import Resource
    from fairlead.kube.session import KubeSession

WHOLE_OBJECT = "application/json"
METADATA_OBJECT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
# The server ends a watch after timeoutSeconds by itself; this much later we do.
_GRACE_S = 30.0
# Bookmarks come about once a minute from a server with a watch cache.
IDLE_TIMEOUT_S = 150.0


class WatchEvent(msgspec.Struct, frozen=True, gc=False):
    """One event: ``type`` is ADDED, MODIFIED, DELETED or BOOKMARK, ``object`` the bytes of the object.

    ``version`` is a bookmark's resourceVersion (0 for other events: ``objects.prepare`` reads theirs), and
    ``initial_events_end`` says that this bookmark ends the initial events of a WatchList.
    """

    type: str
    object: bytes
    version: int = 0
    initial_events_end: bool = False


class _BookmarkMeta(msgspec.Struct):
    resourceVersion: str  # noqa: N815  # the wire's name
    annotations: dict[str, str] | None = None


class _Bookmark(msgspec.Struct):
    metadata: _BookmarkMeta


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


_decode_bookmark = msgspec.json.Decoder(_Bookmark).decode
_decode_line = msgspec.json.Decoder(_Line).decode
# How API servers write an event (metav1.WatchEvent through encoding/json): cutting these lines needs no decoding.
_PREFIXES = {f'{{"type":"{name}","object":'.encode(): name for name in ("ADDED", "MODIFIED", "DELETED")}
_PREFIX_BY_LETTER = {prefix[9:10]: (prefix, name) for prefix, name in _PREFIXES.items()}


async def watch(  # noqa: PLR0913  # the API's own watch options, by keyword
    session: KubeSession,
    resource: Resource,
    *,
    namespace: str = "",
    resource_version: str,
    label_selector: str = "",
    field_selector: str = "",
    metadata_only: bool = False,
    initial_events: bool = False,
    timeout_s: float,
    idle_timeout_s: float | None = IDLE_TIMEOUT_S,
    line_limit_bytes: int = LINE_LIMIT_BYTES,
) -> AsyncGenerator[list[WatchEvent]]:
    """Yield the events of each read of the socket as a batch, until the server ends the watch (``timeout_s``).

    With ``initial_events`` the server first sends what exists, not older than ``resource_version`` (empty: a
    consistent read), then a bookmark with ``initial_events_end``. Versions of these synthetic events are not in order.
    Close it (``contextlib.aclosing``) when leaving early.

    Raises:
        Gone: the version is too old; list again. Also in the middle of the stream.
        VersionTooLarge, TooManyRequests, Forbidden and other ApiErrors: by the answer or by an ERROR event. See
            ``refuses_initial_events`` for servers without WatchList.
        Unreachable: the connection failed, broke, or brought no byte for ``idle_timeout_s``.
        ProtocolError: a line is no event or is over ``line_limit_bytes``.

    """
    params = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(max(1, round(timeout_s)))}
    optional = {"resourceVersion": resource_version, "labelSelector": label_selector, "fieldSelector": field_selector}
    params |= {name: value for name, value in optional.items() if value}
    if initial_events:
        params |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    cutter = LineCutter(line_limit_bytes)
    chunks = session.stream(
        resource.path(namespace),
        params=params,
        headers={"Accept": METADATA_OBJECT if metadata_only else WHOLE_OBJECT},
        timeout_s=timeout_s + _GRACE_S,
        idle_timeout_s=idle_timeout_s,
    )
    async with aclosing(chunks):
        async for chunk in chunks:
            events, failure = _events(cutter.feed(chunk))
            if events:
                yield events
            if failure is not None:
                raise failure
    if cutter.pending_bytes:
        raise Unreachable(session.credentials.host, "the watch was cut in the middle of an event", maybe_sent=True)


def parse_event(line: bytes) -> WatchEvent:
    """Cut one line of a watch into its type and object.

    The object's bytes are not checked here; reading its identity does that.

    Raises:
        ApiError: the line is an ERROR event, by its meaning.
        ProtocolError: the line is no event.

    """
    known = _PREFIX_BY_LETTER.get(line[9:10])
    if known is not None and line.startswith(known[0]) and line.endswith(b"}}"):
        return WatchEvent(known[1], line[len(known[0]) : -1])
    try:
        event = _decode_line(line)
        raw = bytes(event.object)
        if event.type == "ERROR":
            raise _error(raw)
        if event.type != "BOOKMARK":
            return WatchEvent(event.type, raw)
        meta = _decode_bookmark(raw).metadata
        is_end = (meta.annotations or {}).get("k8s.io/initial-events-end") == "true"
        return WatchEvent("BOOKMARK", raw, parse_version(meta.resourceVersion), is_end)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a line of the watch is no event: {error}") from error


def refuses_initial_events(error: ApiError) -> bool:
    """Tell whether an error of ``watch(initial_events=True)`` means that this server cannot do WatchList.

    A server without the feature answers 422 to the parameters; one whose etcd lacks progress requests (before 3.4.25
    and 3.5.8) sends an ERROR event that says so.
    """
    return isinstance(error, Invalid) or (isinstance(error, ServerError) and "RequestWatchProgress" in error.message)


def _events(lines: list[bytes]) -> tuple[list[WatchEvent], KubeError | None]:
    """Parse lines up to the first that is an error, which must not swallow the events before it."""
    events: list[WatchEvent] = []
    try:
        for line in lines:
            events.append(parse_event(line))  # noqa: PERF401  # what came before a failure must be kept
    except KubeError as failure:
        return events, failure
    return events, None


def _error(raw: bytes) -> ApiError:
    status = json.loads(raw)
    return error_from_status(status if isinstance(status, dict) else {})
