"""Splunk's HTTP Event Collector: how shippers authenticate, what they send, and the codes that they act on.

Source: Splunk's documentation, "Format events for HTTP Event Collector" and "HTTP Event Collector REST API endpoints".
Events are JSON objects one after the other; each becomes one line, see `domain/formats/envelopes.py`.
"""

from collections.abc import Mapping

import orjson
from aiohttp import web

from contracts.errors import InvalidArgument, Kind, TenetError
from services.detections.domain.formats.envelopes import HTTP_EVENT
from services.detections.domain.formats.pieces import cut_values
from services.detections.servicer.http.answers import BodyTooLarge, headers_of, status_of

SUCCESS = {"text": "Success", "code": 0}
_KEPT = ("time", "host", "source", "sourcetype", "index", "event", "fields")


class NoData(InvalidArgument):
    reason = "NO_DATA"


class EventUnreadable(InvalidArgument):
    """One event is no JSON object; the metadata counts it from 0. Nothing of the request was taken."""

    reason = "EVENT_UNREADABLE"


class EventMissing(InvalidArgument):
    reason = "EVENT_MISSING"


class EventBlank(InvalidArgument):
    reason = "EVENT_BLANK"


_CODES: Mapping[type[TenetError], tuple[str, int]] = {
    NoData: ("No data", 5),
    EventUnreadable: ("Invalid data format", 6),
    EventMissing: ("Event field is required", 12),
    EventBlank: ("Event field cannot be blank", 13),
}
_KINDS: Mapping[Kind, tuple[int, str, int]] = {
    Kind.PERMISSION_DENIED: (403, "Invalid token", 4),
    Kind.NOT_FOUND: (403, "Invalid token", 4),
    # HEC knows no 429: shippers wait and send again on 503 with this code.
    Kind.RESOURCE_EXHAUSTED: (503, "Server is busy", 9),
    Kind.UNAVAILABLE: (503, "Server is busy", 9),
    Kind.ABORTED: (503, "Server is busy", 9),
    Kind.DEADLINE_EXCEEDED: (503, "Server is busy", 9),
}


def authorization(headers: Mapping[str, str]) -> str:
    """`Splunk <key>` is an API key by another name."""
    value = headers.get("Authorization", "")
    scheme, _, credential = value.partition(" ")
    return f"ApiKey {credential.strip()}" if scheme.lower() == "splunk" else value


def raw(body: bytes) -> bytes:
    """Lines as they are. Raises NoData."""
    if not body.strip():
        raise NoData("The body is empty.")
    return body


def lines(body: bytes) -> bytes:
    """One line an event. Raises NoData, EventUnreadable, EventMissing, EventBlank."""
    parts: list[bytes] = []
    for piece in cut_values([body]):
        if piece is None:
            continue
        at = {"invalid-event-number": str(len(parts))}
        if piece.reason is not None:
            raise EventUnreadable("An event cannot be read.", metadata=at)
        parts.append(_line(piece.data, at))
    if not parts:
        if body.strip():
            raise EventUnreadable("The body holds no JSON object.", metadata={"invalid-event-number": "0"})
        raise NoData("The body is empty.")
    return b"".join(parts)


def _line(data: bytes, at: dict[str, str]) -> bytes:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise EventUnreadable("An event is no JSON.", metadata=at) from None
    if "event" not in value:
        raise EventMissing("An event has no field `event`.", metadata=at)
    if value["event"] in ("", None):
        raise EventBlank("An event's field `event` is blank.", metadata=at)
    kept = {name: value[name] for name in _KEPT if name in value}
    return orjson.dumps({HTTP_EVENT: kept}, option=orjson.OPT_APPEND_NEWLINE)


def refusal(error: TenetError) -> web.Response:
    """HEC's own code and text, and Tenet's reason beside them."""
    status, (text, code) = _answer(error)
    body: dict[str, object] = {"text": text, "code": code, "reason": error.reason, "message": error.message}
    if number := error.metadata.get("invalid-event-number"):
        body["invalid-event-number"] = int(number)
    return web.json_response(body, status=status, headers=headers_of(status, error))


def _answer(error: TenetError) -> tuple[int, tuple[str, int]]:
    if type(error) in _CODES:
        return 400, _CODES[type(error)]
    if error.kind is Kind.UNAUTHENTICATED:
        if error.reason == "CREDENTIAL_MISSING":
            return 401, ("Token is required", 2)
        return 403, ("Invalid token", 4)
    if isinstance(error, BodyTooLarge) or status_of(error) == 413:
        return 413, ("Content too large", 27)
    if error.kind in _KINDS:
        status, text, code = _KINDS[error.kind]
        return status, (text, code)
    if error.kind is Kind.INVALID_ARGUMENT:
        return 400, ("Invalid data format", 6)
    return 500, ("Internal server error", 8)
