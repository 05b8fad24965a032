"""Watches yield what each read of the socket brought, and errors by their meaning."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scripted_api import Reply, ScriptedApi, failure

from fairlead.contracts.identity import Resource
from fairlead.kube.errors import Gone, Invalid, ProtocolError, ServerError, TooManyRequests, Unreachable
from fairlead.kube.lines import LineCutter
from fairlead.kube.watches import WatchEvent, parse_event, refuses_initial_events, watch

if TYPE_CHECKING:
    from fairlead.kube.session import KubeSession

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
PATH = "/api/v1/pods"
DEFAULTS: dict[str, Any] = {"resource_version": "1", "timeout_s": 5}
POD = {"kind": "Pod", "metadata": {"name": "web", "resourceVersion": "5"}, "spec": {"text": 'a "}}" \n brace'}}


def line(kind: str, value: Any, **layout: Any) -> bytes:
    """Write one event as a server does."""
    return json.dumps({"type": kind, "object": value}, **(layout or {"separators": (",", ":")})).encode() + b"\n"


def bookmark(version: str, **annotations: str) -> dict[str, Any]:
    """Build a bookmark's object."""
    return {"kind": "Pod", "metadata": {"resourceVersion": version, "annotations": annotations}}


def error_line(code: int, reason: str, message: str = "") -> bytes:
    """Write an ERROR event."""
    return line("ERROR", {"kind": "Status", "code": code, "reason": reason, "message": message})


async def events_of(session: KubeSession, **options: Any) -> list[WatchEvent]:
    """Watch to the end."""
    found: list[WatchEvent] = []
    async with aclosing(watch(session, PODS, **(DEFAULTS | options))) as batches:
        async for batch in batches:
            found += batch
    return found


async def collect_until_error(session: KubeSession, into: list[WatchEvent], **options: Any) -> None:
    """Watch and keep what came before the error."""
    async with aclosing(watch(session, PODS, **(DEFAULTS | options))) as batches:
        async for batch in batches:
            into += batch


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED", "NEWKIND"])
@pytest.mark.parametrize("layout", [{"separators": (",", ":")}, {"separators": (", ", ": ")}])
def test_an_event_is_its_type_and_the_bytes_of_its_object(kind: str, layout: dict[str, Any]) -> None:
    """However the server sets its spaces."""
    event = parse_event(line(kind, POD, **layout).rstrip(b"\n"))

    assert event.type == kind
    assert event.object == json.dumps(POD, **layout).encode()


def test_the_order_of_an_events_fields_does_not_matter() -> None:
    """The fast way is for the usual form, not the only one."""
    assert parse_event(b'{"object":{"a":1},"type":"ADDED"}') == WatchEvent("ADDED", b'{"a":1}')


def test_a_bookmark_carries_its_version_and_whether_it_ends_the_initial_events() -> None:
    """Only the annotation with the value "true" ends them."""
    plain = parse_event(line("BOOKMARK", bookmark("12")))
    end = parse_event(line("BOOKMARK", bookmark("13", **{"k8s.io/initial-events-end": "true"})))
    not_end = parse_event(line("BOOKMARK", bookmark("14", **{"k8s.io/initial-events-end": "false"})))

    assert (plain.version, plain.initial_events_end) == (12, False)
    assert (end.version, end.initial_events_end) == (13, True)
    assert (not_end.version, not_end.initial_events_end) == (14, False)


@pytest.mark.parametrize(
    "raw", [b"sesame", b"{}", b'{"type":"BOOKMARK","object":{"metadata":{}}}', b'{"type":"ERROR"}', b"[]", b"\xff"]
)
def test_what_is_no_event_is_refused_without_being_quoted(raw: bytes) -> None:
    """A proxy's page in the middle of a stream is an error of its own."""
    with pytest.raises(ProtocolError) as refused:
        parse_event(raw)
    assert "sesame" not in str(refused.value)


@given(data=st.data())
def test_events_do_not_depend_on_chunk_boundaries(data: st.DataObject) -> None:
    """Any cutting of the stream gives the same events in the same order."""
    stream = line("ADDED", POD) + line("BOOKMARK", bookmark("7")) + line("DELETED", POD) + line("MODIFIED", POD)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30)))
    cutter = LineCutter()

    found = [
        parse_event(whole)
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for whole in cutter.feed(stream[start:end])
    ]

    assert [event.type for event in found] == ["ADDED", "BOOKMARK", "DELETED", "MODIFIED"]
    assert {json.loads(event.object)["metadata"].get("name") for event in found} == {"web", None}


async def test_a_watch_asks_for_bookmarks_and_its_own_end(api: ScriptedApi, session: KubeSession) -> None:
    """It also refuses compression, which would hold events back in the compressor."""
    api.on(PATH, Reply(chunks=(line("ADDED", POD),)))

    assert [event.type for event in await events_of(session, label_selector="a=b")] == ["ADDED"]
    assert api.seen[0].query == {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "5",
        "resourceVersion": "1",
        "labelSelector": "a=b",
    }
    assert api.seen[0].headers["Accept-Encoding"] == "identity"
    assert api.seen[0].headers["Accept"] == "application/json"


async def test_initial_events_are_asked_for_with_their_match(api: ScriptedApi, session: KubeSession) -> None:
    """Without a version the server gives a consistent view; metadata alone is asked for by the Accept header."""
    api.on(PATH, Reply(chunks=(line("BOOKMARK", bookmark("7", **{"k8s.io/initial-events-end": "true"})),)))

    events = await events_of(session, resource_version="", initial_events=True, metadata_only=True)

    assert [event.initial_events_end for event in events] == [True]
    assert api.seen[0].query["sendInitialEvents"] == "true"
    assert api.seen[0].query["resourceVersionMatch"] == "NotOlderThan"
    assert "resourceVersion" not in api.seen[0].query
    assert api.seen[0].headers["Accept"] == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [(410, "Expired", Gone), (429, "TooManyRequests", TooManyRequests), (500, "InternalError", ServerError)],
)
async def test_an_error_event_is_raised_after_the_events_before_it(
    api: ScriptedApi, session: KubeSession, code: int, reason: str, kind: type[Exception]
) -> None:
    """Even when both came in one read."""
    api.on(PATH, Reply(chunks=(line("ADDED", POD) + error_line(code, reason) + line("ADDED", POD),)))
    found: list[WatchEvent] = []

    with pytest.raises(kind):
        await collect_until_error(session, found)
    assert [event.type for event in found] == ["ADDED"]


async def test_a_refused_watch_is_raised_by_its_meaning(api: ScriptedApi, session: KubeSession) -> None:
    """An answer with a failure code is no stream."""
    api.on(PATH, failure(410, "Expired", "too old resource version: 1 (9)"))

    with pytest.raises(Gone, match="too old resource version"):
        await events_of(session)


@pytest.mark.parametrize(
    "broken",
    [
        Reply(chunks=(line("ADDED", POD), b'{"type":"ADD'), ending="cut"),
        Reply(chunks=(line("ADDED", POD), b'{"type":"ADD')),
        Reply(chunks=(line("ADDED", POD),), ending="silence"),
    ],
    ids=["connection cut", "ended in mid-line", "silent"],
)
async def test_a_broken_stream_is_unreachable(api: ScriptedApi, session: KubeSession, broken: Reply) -> None:
    """Whole events before the break count; half an event is no event."""
    api.on(PATH, broken)
    found: list[WatchEvent] = []

    with pytest.raises(Unreachable):
        await collect_until_error(session, found, idle_timeout_s=1.0)
    assert [event.type for event in found] == ["ADDED"]


async def test_an_endless_line_is_an_error(api: ScriptedApi, session: KubeSession) -> None:
    """Memory stays bounded."""
    api.on(PATH, Reply(chunks=(line("ADDED", {"data": "x" * 5000}).rstrip(b"\n"), b"x" * 5000)))

    with pytest.raises(ProtocolError, match="longer than 6000 bytes"):
        await events_of(session, line_limit_bytes=6000)


async def test_a_line_of_megabytes_comes_whole(api: ScriptedApi, session: KubeSession) -> None:
    """Objects near etcd's limit are many socket reads long."""
    large = {"metadata": {"name": "large"}, "data": "x" * 3_000_000}
    api.on(PATH, Reply(chunks=(line("ADDED", large),)))

    (event,) = await events_of(session)

    assert json.loads(event.object) == large


def test_servers_without_initial_events_are_known_by_their_refusal() -> None:
    """Both ways of refusing are told from ordinary failures."""
    assert refuses_initial_events(Invalid(422, "Invalid", "sendInitialEvents is forbidden for watch"))
    assert refuses_initial_events(ServerError(500, "", "the server does not support RequestWatchProgress"))
    assert not refuses_initial_events(ServerError(500, "InternalError", "etcd is down"))
    assert not refuses_initial_events(Gone(410, "Expired", "too old"))
