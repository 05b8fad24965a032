"""Traces: set up once by the entry point; off, and free, without an endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fairlead.runtime.sections import TracingSettings

EXPORT_S = 3.0
"""What one export may take, retries included; also what the end of a program waits for a collector that is away."""

_propagator = TraceContextTextMapPropagator()


@contextmanager
def configure(service: str, settings: TracingSettings) -> Iterator[None]:
    """Export the spans of this process while the context lasts; does nothing without an endpoint."""
    if not settings.endpoint:
        yield
        return
    provider = TracerProvider(resource=Resource.create({"service.name": f"fairlead-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.endpoint, timeout=EXPORT_S)))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


@contextmanager
def span(name: str, traceparent: str = "", *, start_ms: int = 0, **attributes: str | int) -> Iterator[str]:
    """Open a span below ``traceparent`` and give its own traceparent; attributes never hold bodies.

    It starts at ``start_ms`` (Unix time) where that is given and past. Without a traceparent it is a child of the span that is open.
    An exception that passes through is recorded by its class only, for its text may quote what it met.
    """
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    tracer = trace.get_tracer("fairlead")
    with tracer.start_as_current_span(
        name,
        context=parent,
        attributes=attributes,
        start_time=_nanoseconds(start_ms),
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        try:
            yield carrier.get("traceparent", "")
        except BaseException as error:
            current.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise


@contextmanager
def continued(traceparent: str) -> Iterator[None]:
    """Let what is traced here go on with a caller's trace (W3C Trace Context), if the caller records it; else it begins its own."""
    caller = _propagator.extract({"traceparent": traceparent})
    if not trace.get_current_span(caller).get_span_context().trace_flags.sampled:
        yield
        return
    token = context.attach(caller)
    try:
        yield
    finally:
        context.detach(token)


def note(**attributes: str | int) -> None:
    """Tell more of the span that is open; attributes never hold bodies."""
    trace.get_current_span().set_attributes(attributes)


def fail(why: str) -> None:
    """Mark the span that is open as failed, where no exception passes through it. ``why``: one of a closed set of words."""
    trace.get_current_span().set_status(trace.StatusCode.ERROR, why)


def exemplar(traceparent: str = "") -> dict[str, str] | None:
    """Name a trace beside an observation of a histogram: that of ``traceparent``, else of the span that is open.

    None where nothing is traced, which `Histogram.observe` takes for no exemplar.
    """
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    known = trace.get_current_span(parent).get_span_context()
    return {"trace_id": trace.format_trace_id(known.trace_id)} if known.trace_flags.sampled else None


def _nanoseconds(start_ms: int) -> int | None:
    return min(start_ms * 1_000_000, time.time_ns()) if start_ms else None
