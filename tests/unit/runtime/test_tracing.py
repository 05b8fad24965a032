"""Traces, as a collector receives them: a real OTLP/HTTP listener and programs that export to it."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from fairlead.cli.parts.ports import free_port
from fairlead.runtime.sections import TracingSettings
from fairlead.runtime.tracing import configure, exemplar, fail, note, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.proto.trace.v1.trace_pb2 import Span
    from tests.support.programs import Program

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector:
    """Receives spans."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, *_: object) -> None:
                """Nothing is logged."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1/traces"

    def spans(self) -> dict[str, Span]:
        """What came, by name."""
        parsed = [ExportTraceServiceRequest.FromString(body) for body in self.requests]
        scopes = [scope for each in parsed for resource in each.resource_spans for scope in resource.scope_spans]
        return {span.name: span for scope in scopes for span in scope.spans}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that listens."""
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()
    thread.join()


def test_spans_with_their_parents(program: Callable[..., Program], collector: Collector) -> None:
    """A span belongs to the trace that it was given, spans inside it to it, and it gives its own context on."""
    running = program(f"""
import sys
from fairlead.runtime.sections import TracingSettings
from fairlead.runtime.tracing import configure, span
with configure("sample", TracingSettings(endpoint={collector.url!r})):
    with span("outer", {PARENT!r}, account="prod", count=3) as context:
        print(context, file=sys.stderr)
        with span("inner"):
            pass
    with span("other"):
        pass
""")
    assert running.ended() == 0
    spans = collector.spans()
    outer, inner, other = spans["outer"], spans["inner"], spans["other"]
    _, trace_id, parent_id, _ = PARENT.split("-")

    assert (outer.trace_id.hex(), outer.parent_span_id.hex()) == (trace_id, parent_id)
    assert (inner.trace_id, inner.parent_span_id) == (outer.trace_id, outer.span_id)
    assert other.trace_id != outer.trace_id
    assert running.output.strip() == f"00-{trace_id}-{outer.span_id.hex()}-01"
    assert {attribute.key for attribute in outer.attributes} == {"account", "count"}
    assert b"fairlead-sample" in collector.requests[0]


def test_a_callers_trace_goes_on(program: Callable[..., Program], collector: Collector) -> None:
    """What the caller records is continued; what it does not, or names wrongly, is traced all the same, on its own."""
    callers = {"recorded": PARENT, "dropped": f"{PARENT[:-1]}0", "wrong": "00-none", "absent": ""}
    running = program(f"""
from fairlead.runtime.sections import TracingSettings
from fairlead.runtime.tracing import configure, continued, span
with configure("sample", TracingSettings(endpoint={collector.url!r})):
    for name, traceparent in {callers!r}.items():
        with continued(traceparent), span(name):
            pass
    with span("after"):
        pass
""")
    assert running.ended() == 0
    spans = collector.spans()
    _, trace_id, parent_id, _ = PARENT.split("-")

    assert set(spans) == {*callers, "after"}
    assert (spans["recorded"].trace_id.hex(), spans["recorded"].parent_span_id.hex()) == (trace_id, parent_id)
    assert not [name for name, told in spans.items() if name != "recorded" and told.trace_id.hex() == trace_id]


def test_an_exception_is_told_by_its_class_alone(program: Callable[..., Program], collector: Collector) -> None:
    """The texts of errors may quote what they met, so no trace has them."""
    running = program(f"""
from fairlead.runtime.sections import TracingSettings
from fairlead.runtime.tracing import configure, span
with configure("sample", TracingSettings(endpoint={collector.url!r})):
    try:
        with span("failing"):
            raise ValueError("sentinel-4711")
    except ValueError:
        pass
""")

    assert running.ended() == 0
    failing = collector.spans()["failing"]
    assert failing.status.message == "ValueError"
    assert not failing.events
    assert b"sentinel" not in b"".join(collector.requests)


def test_more_is_told_of_the_open_span(program: Callable[..., Program], collector: Collector) -> None:
    """Attributes that are known only later, and failures that raise nothing; both are of the innermost span alone."""
    running = program(f"""
import sys
from fairlead.runtime.sections import TracingSettings
from fairlead.runtime.tracing import configure, exemplar, fail, note, span
with configure("sample", TracingSettings(endpoint={collector.url!r})):
    with span("outer"):
        with span("inner"):
            note(code=409)
            fail("refused")
        print(exemplar()["trace_id"], file=sys.stderr)
""")
    assert running.ended() == 0
    spans = collector.spans()
    outer, inner = spans["outer"], spans["inner"]

    assert [(each.key, each.value.int_value) for each in inner.attributes] == [("code", 409)]
    assert (inner.status.message, outer.status.message) == ("refused", "")
    assert not outer.attributes
    assert running.output.strip() == outer.trace_id.hex()


def test_an_exemplar_names_a_trace_that_is_kept() -> None:
    """The trace that was handed on, if its beginning was sampled; none where nothing is traced."""
    assert exemplar(PARENT) == {"trace_id": "0af7651916cd43dd8448eb211c80319c"}
    assert exemplar(PARENT.removesuffix("01") + "00") is None
    assert exemplar("nonsense") is None
    assert exemplar() is None
    with span("nothing", PARENT):
        note(code=1)
        fail("nobody hears it")
        assert exemplar() == exemplar(PARENT)


def test_a_collector_that_is_away_keeps_nobody(program: Callable[..., Program]) -> None:
    """The program goes on and ends, soon, though its spans cannot be delivered."""
    running = program(f"""
import time
from fairlead.runtime.sections import TracingSettings
from fairlead.runtime.tracing import configure, span
began = time.monotonic()
with configure("sample", TracingSettings(endpoint="http://127.0.0.1:{free_port()}/v1/traces")):
    with span("lost"):
        pass
raise SystemExit(0 if time.monotonic() - began < 15 else 3)
""")

    assert running.ended() == 0


def test_off_without_an_endpoint() -> None:
    """Without an endpoint a span records nothing and hands on the context that it was given."""
    with configure("sample", TracingSettings()), span("nothing", PARENT, account="prod") as context:
        assert context == PARENT
    with span("nothing") as context:
        assert context == ""
    with pytest.raises(ValueError, match="passes"), span("nothing"):
        raise ValueError("passes")
