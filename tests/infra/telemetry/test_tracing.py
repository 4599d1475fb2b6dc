"""Trace contexts: made, continued, and exported when there is somewhere to send them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import get_current_span

from infra.telemetry import current_traceparent, is_traceparent, span, tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_outside_of_a_span_there_is_no_trace() -> None:
    assert current_traceparent() == ""


def test_a_root_makes_a_trace_and_what_is_inside_belongs_to_it() -> None:
    with span("outer"):
        outer = current_traceparent()
        with span("inner"):
            inner = current_traceparent()
        assert current_traceparent() == outer
    assert is_traceparent(outer)
    assert inner[:36] == outer[:36]
    assert inner != outer
    assert current_traceparent() == ""


def test_a_span_continues_the_trace_that_an_envelope_carried() -> None:
    with span("reaction", parent=PARENT):
        continued = current_traceparent()
    assert continued.split("-")[1] == PARENT.split("-")[1]
    assert continued.split("-")[3] == "01"


def test_two_roots_are_two_traces() -> None:
    traces = []
    for _ in range(2):
        with span("root"):
            traces.append(current_traceparent().split("-")[1])
    assert traces[0] != traces[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        PARENT + "\n",
    ],
)
def test_what_is_no_traceparent_is_not_taken_for_one(text: str) -> None:
    assert not is_traceparent(text)


class Collector:
    """An OTLP/HTTP collector that keeps what it is sent."""

    def __init__(self) -> None:
        received: list[ExportTraceServiceRequest] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/v1/traces":
                    received.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keeps the test's output quiet."""

        self.received = received
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list[str]:
        return [
            each.name
            for request in self.received
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for each in scope.spans
        ]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def test_spans_reach_the_collector_and_an_errors_message_does_not(collector: Collector) -> None:
    traces = tracing.Tracing(tracing.otlp_exporter(collector.endpoint), {"service.name": "tenet.test"})
    tracing.install(traces)
    try:
        with pytest.raises(ValueError), span("ingest", tenant="clinic"), span("append"):
            assert get_current_span().is_recording()
            raise ValueError("Ana Example, 10.1.2.3")
    finally:
        tracing.install(tracing.Tracing())
        traces.close()
    assert sorted(collector.spans()) == ["append", "ingest"]
    assert "Ana" not in str(collector.received)
    assert "ValueError" in str(collector.received)
