"""OTLP/HTTP logs (opentelemetry-proto, `ExportLogsServiceRequest`) as lines that the reader of batches understands.

Each log record becomes one line: its body, attributes and resource under one key. A body that is a record of a known
format is read as that format; see `domain/formats/envelopes.py`.
"""

from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from services.detections.domain.formats.envelopes import OPENTELEMETRY
from services.detections.servicer.http.answers import BodyUnreadable

PROTOBUF, JSON = "application/x-protobuf", "application/json"
CONTENT_TYPES = (PROTOBUF, JSON)


def lines(body: bytes, content_type: str) -> bytes:
    """One line a log record, empty for none. Raises BodyUnreadable."""
    message = ExportLogsServiceRequest()
    try:
        if content_type == JSON:
            json_format.Parse(body, message, ignore_unknown_fields=True)
        else:
            message.ParseFromString(body)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, ValueError, RecursionError):
        raise BodyUnreadable("The body is no ExportLogsServiceRequest.") from None
    parts: list[bytes] = []
    for resource_logs in message.resource_logs:
        resource = _attributes(resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            parts.extend(_line(record, resource) for record in scope_logs.log_records)
    return b"".join(parts)


def answer(put_aside: int, content_type: str) -> bytes:
    """What was put aside counts as rejected, which tells the sender not to send it again."""
    message = ExportLogsServiceResponse()
    if put_aside:
        message.partial_success.rejected_log_records = put_aside
        message.partial_success.error_message = "Some records could not be read; they are kept aside with the reason."
    return json_format.MessageToJson(message).encode() if content_type == JSON else message.SerializeToString()


def _line(record: LogRecord, resource: dict[str, Any]) -> bytes:
    wrapped = {
        "time": record.time_unix_nano or record.observed_time_unix_nano,
        "severity": record.severity_text,
        "body": _plain(record.body),
        "attributes": _attributes(record.attributes),
        "resource": resource,
    }
    return orjson.dumps({OPENTELEMETRY: wrapped}, option=orjson.OPT_APPEND_NEWLINE)


def _attributes(pairs: "list[KeyValue] | Any") -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> Any:
    """Bounded in depth by protobuf's own limit of nesting."""
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "bytes_value":
            return value.bytes_value.hex()
        case kind:
            return getattr(value, kind)
