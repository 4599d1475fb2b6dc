"""What a shipper wraps around a record: OpenTelemetry's log record and Splunk's HTTP event, as the intake writes them.

The record inside is read as if it had come alone; the wrapping lends it host and clock where it has none of its own. A
record of no known format is kept as a generic one, with the sender's own names.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, object_at, spread, text_of
from services.detections.domain.formats.records import LogSource, Parsed, Source, Unreadable

OPENTELEMETRY, HTTP_EVENT = "tenet.otlp", "tenet.hec"
"""The one key of such an envelope; no sensor's own record has it."""
Inner = Callable[[bytes], Parsed]


def recognises(value: Json) -> bool:
    return len(value) == 1 and (OPENTELEMETRY in value or HTTP_EVENT in value)


def parse(value: Json, inner: Inner) -> Parsed:
    """`inner` reads the record that was wrapped; what it raises makes the record a generic one."""
    if OPENTELEMETRY in value:
        return _from_opentelemetry(object_at(value, OPENTELEMETRY), inner)
    return _from_http_event(object_at(value, HTTP_EVENT), inner)


def _from_opentelemetry(wrapped: Json, inner: Inner) -> Parsed:
    resource, attributes = object_at(wrapped, "resource"), object_at(wrapped, "attributes")
    body = wrapped.get("body")
    host = text_of(resource.get("host.name")) or text_of(attributes.get("host.name"))
    nanoseconds = wrapped.get("time")
    moment = read_clock(nanoseconds / 1_000_000_000) if isinstance(nanoseconds, int) and nanoseconds > 0 else None
    known = _known(body, inner)
    if known is None:
        fields = spread({"body": body, "severity_text": wrapped.get("severity"), **resource, **attributes})
        source = LogSource(service=text_of(resource.get("service.name")))
        known = Parsed(Source.GENERIC, None, "", "", "", fields, text=_text(body), logsource=source)
    return replace(known, occurred_at=known.occurred_at or moment, host=known.host or host)


def _from_http_event(wrapped: Json, inner: Inner) -> Parsed:
    event = wrapped.get("event")
    known = _known(event, inner)
    if known is None:
        named = event if isinstance(event, dict) else {"message": event}
        fields = spread({**object_at(wrapped, "fields"), **named})
        source = LogSource(service=text_of(wrapped.get("sourcetype")))
        known = Parsed(Source.GENERIC, None, "", "", "", fields, text=_text(event), logsource=source)
    moment = known.occurred_at or read_clock(wrapped.get("time"))
    return replace(known, occurred_at=moment, host=known.host or text_of(wrapped.get("host")))


def _known(body: Any, inner: Inner) -> Parsed | None:
    if isinstance(body, str):
        data = body.encode("utf-8", "replace")
    elif isinstance(body, dict):
        data = orjson.dumps(body)
    else:
        return None
    try:
        return inner(data)
    except Unreadable:
        return None


def _text(body: Any) -> str:
    return body if isinstance(body, str) else ""
