"""Spans and the W3C trace context that ties them together, across processes and through the events of a ledger.

Without a collector nothing is exported, but a trace context is still made for each root, so that logs, envelopes and
later reactions carry the same trace id.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, StatusCode, TraceFlags

MAX_QUEUED_SPANS = 8_192
"""Spans that wait for the collector; further ones are dropped rather than held in memory."""
MAX_SPAN_ATTRIBUTES = 32
EXPORT_TIMEOUT_SECONDS = 5

_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
_NOT_RECORDED = TraceFlags(TraceFlags.DEFAULT)

Attribute = str | int | bool


class Tracing:
    """Where the spans of this process go. One is installed at a time; the default records nothing."""

    def __init__(self, exporter: SpanExporter | None = None, resource: dict[str, str] | None = None) -> None:
        self._provider: TracerProvider | None = None
        if exporter is not None:
            self._provider = TracerProvider(
                resource=Resource.create(dict(resource or {})),
                span_limits=SpanLimits(max_span_attributes=MAX_SPAN_ATTRIBUTES),
                shutdown_on_exit=False,
            )
            self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=MAX_QUEUED_SPANS))
        self.tracer = self._provider.get_tracer("tenet") if self._provider else None

    def close(self) -> None:
        """Sends what is still queued and stops the exporter."""
        if self._provider is not None:
            self._provider.force_flush(EXPORT_TIMEOUT_SECONDS * 1000)
            self._provider.shutdown()


_installed = Tracing()


def install(tracing: Tracing) -> None:
    global _installed  # noqa: PLW0603  # One process has one destination for its spans, as it has one stderr.
    _installed = tracing


def otlp_exporter(endpoint: str) -> SpanExporter:
    """Sends spans to a collector by OTLP over HTTP; `endpoint` is its base address, such as `http://127.0.0.1:4318`."""
    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_SECONDS)


@contextmanager
def span(name: str, *, parent: str | None = None, **attributes: Attribute) -> Iterator[Span]:
    """A span around the block, current within it; `parent` is a traceparent that it continues, else the current one.

    An exception that leaves the block marks the span as failed by its type alone: messages may hold personal data.
    """
    outer = _remote(parent) if parent else context.get_current()
    token = context.attach(outer) if parent else None
    started = _start(name, outer, attributes)
    inner = context.attach(trace.set_span_in_context(started, outer))
    try:
        yield started
    except Exception as error:
        started.set_status(StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        started.end()
        context.detach(inner)
        if token is not None:
            context.detach(token)


def current_traceparent() -> str:
    """The `traceparent` header of the current span, or an empty string outside of any."""
    return traceparent_of(trace.get_current_span().get_span_context())


def traceparent_of(span_context: SpanContext) -> str:
    if not span_context.is_valid:
        return ""
    return f"00-{span_context.trace_id:032x}-{span_context.span_id:016x}-{span_context.trace_flags:02x}"


def is_traceparent(text: str) -> bool:
    """Whether this is a `traceparent` of version 00 (W3C Trace Context, section 3.2) with non-zero identifiers."""
    match = _TRACEPARENT.fullmatch(text)
    return match is not None and match[1] != "0" * 32 and match[2] != "0" * 16


def _start(name: str, outer: context.Context, attributes: dict[str, Attribute]) -> Span:
    if _installed.tracer is not None:
        return _installed.tracer.start_span(name, context=outer, attributes=attributes)
    above = trace.get_current_span(outer).get_span_context()
    trace_id = above.trace_id if above.is_valid else secrets.randbits(128) | 1
    flags = above.trace_flags if above.is_valid else _NOT_RECORDED
    return NonRecordingSpan(SpanContext(trace_id, secrets.randbits(64) | 1, is_remote=False, trace_flags=flags))


def _remote(traceparent: str) -> context.Context:
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return context.get_current()
    span_context = SpanContext(int(match[1], 16), int(match[2], 16), True, TraceFlags(int(match[3], 16)))
    return trace.set_span_in_context(NonRecordingSpan(span_context), context.get_current())
