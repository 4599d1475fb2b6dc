"""The one place where an error becomes a gRPC status, and a status an error again.

The details are those of google.rpc: ErrorInfo with a stable reason and metadata, BadRequest for fields, RetryInfo where
the same request may succeed later (AIP-193).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from contracts.errors import FieldViolation, Kind, TenetError
from infra.grpc.limits import MAX_ERROR_TEXT, MAX_VIOLATIONS_REPORTED, RETRY_AFTER_SECONDS

DOMAIN = "tenet"
DETAILS_TRAILER = "grpc-status-details-bin"

CODES = {
    Kind.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Kind.FAILED_PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.ABORTED: grpc.StatusCode.ABORTED,
    Kind.RESOURCE_EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Kind.DATA_LOSS: grpc.StatusCode.DATA_LOSS,
    Kind.INTERNAL: grpc.StatusCode.INTERNAL,
}

_WORTH_RETRYING = frozenset({Kind.RESOURCE_EXHAUSTED, Kind.UNAVAILABLE, Kind.ABORTED})


class RemoteError(Exception):
    """What a server answered instead of a result. `retry_after` is in seconds; None: do not retry."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        metadata: dict[str, str] | None = None,
        violations: tuple[FieldViolation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{reason or code.name}: {message}")
        self.code, self.message, self.reason = code, message, reason
        self.metadata, self.violations, self.retry_after = dict(metadata or {}), violations, retry_after


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status as it goes over the wire: code, message, and the serialised google.rpc.Status for the trailer."""

    code: grpc.StatusCode
    message: str
    details: bytes

    @property
    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        return ((DETAILS_TRAILER, self.details),)


def refusal_of(error: TenetError) -> Refusal:
    code = CODES[error.kind]
    message = error.message[:MAX_ERROR_TEXT]
    status = status_pb2.Status(code=code.value[0], message=message)
    status.details.extend(_packed(_details(error)))
    return Refusal(code, message, status.SerializeToString())


def _details(
    error: TenetError,
) -> Iterable[error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo]:
    metadata = {key: value[:MAX_ERROR_TEXT] for key, value in error.metadata.items()}
    yield error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    if error.violations:
        yield error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(
                    field=violation.field[:MAX_ERROR_TEXT], description=violation.description[:MAX_ERROR_TEXT]
                )
                for violation in error.violations[:MAX_VIOLATIONS_REPORTED]
            ]
        )
    if error.kind in _WORTH_RETRYING:
        delay = Duration()
        delay.FromMilliseconds(int(RETRY_AFTER_SECONDS * 1000))
        yield error_details_pb2.RetryInfo(retry_delay=delay)


def _packed(
    details: Iterable[error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo],
) -> Iterable[Any]:
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        yield packed


def remote_error(error: grpc.aio.AioRpcError) -> RemoteError:
    """The rich error that a failed call carries; a failure of the transport has no reason."""
    details = next((value for key, value in error.trailing_metadata() or () if key == DETAILS_TRAILER), None)
    message = error.details() or ""
    if not isinstance(details, bytes):
        retry = RETRY_AFTER_SECONDS if error.code() is grpc.StatusCode.UNAVAILABLE else None
        return RemoteError(error.code(), message, retry_after=retry)
    info = error_details_pb2.ErrorInfo()
    fields = error_details_pb2.BadRequest()
    retry_info = error_details_pb2.RetryInfo()
    retry_after = None
    for packed in status_pb2.Status.FromString(details).details:
        if packed.Unpack(retry_info):
            retry_after = retry_info.retry_delay.ToMilliseconds() / 1000
        else:
            packed.Unpack(info)
            packed.Unpack(fields)
    violations = tuple(FieldViolation(item.field, item.description) for item in fields.field_violations)
    return RemoteError(
        error.code(),
        message,
        reason=info.reason,
        metadata=dict(info.metadata),
        violations=violations,
        retry_after=retry_after,
    )
