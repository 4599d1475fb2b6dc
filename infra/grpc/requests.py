"""Reads what every request has in common, and checks it against the rules that its schema declares."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from protovalidate import Validator
from protovalidate._gen.buf.validate.validate_pb import FieldPath

from contracts.errors import FieldViolation, InvalidArgument
from contracts.ids import TenantId, is_tenant_id
from infra.auth.gate import Addressed
from infra.grpc.limits import (
    MAX_REQUEST_ID_LENGTH,
    MAX_TENANTS_PER_QUERY,
    MAX_VIOLATIONS_REPORTED,
    MIN_REQUEST_ID_LENGTH,
)


class MalformedRequest(InvalidArgument):
    """Fields of the request break the rules that its schema declares; each is named in the details."""

    reason = "MALFORMED_REQUEST"

    def __init__(self, violations: Iterable[FieldViolation]) -> None:
        found = tuple(violations)[:MAX_VIOLATIONS_REPORTED]
        super().__init__(f"Malformed: {', '.join(violation.field for violation in found)}.", violations=found)


@dataclass(frozen=True, slots=True)
class RequestShape:
    """Which of the shared fields a request message has."""

    tenant_id: bool
    tenant_ids: bool
    request_id: bool

    @classmethod
    def of(cls, message: Descriptor) -> "RequestShape":
        fields = message.fields_by_name
        return cls("tenant_id" in fields, "tenant_ids" in fields, "request_id" in fields)


_validator = Validator()
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
"""0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what google.protobuf.Timestamp may be."""
_LONGEST_SECONDS = 315_576_000_000
"""10000 years: what google.protobuf.Duration may be."""
_NANOS = 1_000_000_000


def validate(request: Message) -> None:
    """Raises MalformedRequest for everything that the schema's rules find wrong, and for what no schema needs to say:
    texts without U+0000, which no database column holds; times and durations that Protocol Buffers define."""
    if strange := list(islice(_undefined(request, ""), MAX_VIOLATIONS_REPORTED)):
        raise MalformedRequest(strange)
    found = _validator.collect_violations(request)
    if found:
        raise MalformedRequest(
            FieldViolation(_path(item.proto.field), item.proto.message or "is wrong") for item in found
        )


def _undefined(message: Message, path: str) -> Iterator[FieldViolation]:
    """Fields of a message, and of those within it, whose values no later code could keep."""
    if isinstance(message, Timestamp):
        if not (_FIRST_SECOND <= message.seconds <= _LAST_SECOND and 0 <= message.nanos < _NANOS):
            yield FieldViolation(path, "must lie in the years 1 to 9999")
        return
    if isinstance(message, Duration):
        if not (abs(message.seconds) <= _LONGEST_SECONDS and abs(message.nanos) < _NANOS):
            yield FieldViolation(path, "must be no longer than 10000 years")
        return
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        name = f"{path}.{field.name}" if path else field.name
        if isinstance(value, str | Message):
            yield from _undefined_value(value, name)
        elif isinstance(value, Mapping):
            for key in value:
                yield from _undefined_value(key, name)
                yield from _undefined_value(value[key], f"{name}[{key!r}]")
        else:
            for number, each in enumerate(value):
                yield from _undefined_value(each, f"{name}[{number}]")


def _undefined_value(value: object, path: str) -> Iterator[FieldViolation]:
    if isinstance(value, Message):
        yield from _undefined(value, path)
    elif isinstance(value, str) and "\0" in value:
        yield FieldViolation(path, "holds the character U+0000")


def addressed(request: Any, shape: RequestShape) -> Addressed:
    """The tenants that a request names, of which none needs to exist. Raises MalformedRequest."""
    tenant_id: str = request.tenant_id if shape.tenant_id else ""
    tenant_ids = tuple(dict.fromkeys(request.tenant_ids)) if shape.tenant_ids else ()
    if tenant_id and not is_tenant_id(tenant_id):
        raise MalformedRequest([FieldViolation("tenant_id", "is not a tenant's identifier")])
    if not all(is_tenant_id(each) for each in tenant_ids):
        raise MalformedRequest([FieldViolation("tenant_ids", "holds what is not a tenant's identifier")])
    if len(tenant_ids) > MAX_TENANTS_PER_QUERY:
        raise MalformedRequest([FieldViolation("tenant_ids", f"has more than {MAX_TENANTS_PER_QUERY} items")])
    return Addressed(TenantId(tenant_id) if tenant_id else None, tuple(TenantId(each) for each in tenant_ids))


def request_id(request: Any, shape: RequestShape) -> str:
    """The caller's request id; empty for a query. Raises MalformedRequest."""
    if not shape.request_id:
        return ""
    value: str = request.request_id
    if not MIN_REQUEST_ID_LENGTH <= len(value) <= MAX_REQUEST_ID_LENGTH or not _is_printable_ascii(value):
        wanted = f"must be {MIN_REQUEST_ID_LENGTH} to {MAX_REQUEST_ID_LENGTH} printable ASCII characters without spaces"
        raise MalformedRequest([FieldViolation("request_id", wanted)])
    return value


def _is_printable_ascii(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def _path(path: FieldPath | None) -> str:
    """A violation's place as it would be written in a program: `plan.steps[2].targets`; the message itself is `.`."""
    text = ""
    for element in path.elements if path else ():
        text += f".{element.field_name}" if text else element.field_name
        if element.subscript is not None:
            text += f"[{element.subscript.value}]"
    return text or "."
