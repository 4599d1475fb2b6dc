"""One family of errors. Each class has a stable reason for clients to rely on; `infra.grpc` maps the kind to a status.

A service defines its own errors in `domain/errors.py` by subclassing one of the kinds below and naming a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar


class Kind(Enum):
    INVALID_ARGUMENT = "invalid_argument"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    FAILED_PRECONDITION = "failed_precondition"
    ABORTED = "aborted"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    UNAVAILABLE = "unavailable"
    DATA_LOSS = "data_loss"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that is wrong: its path in the request and what was expected."""

    field: str
    description: str


class TenetError(Exception):
    """What a caller did, or met, that kept the request from being carried out.

    `metadata` holds short strings that a program can act on (identifiers, versions, limits), never personal data.
    """

    kind: ClassVar[Kind] = Kind.INTERNAL
    reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: tuple[FieldViolation, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = violations


class InvalidArgument(TenetError):
    kind = Kind.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"


class Unauthenticated(TenetError):
    kind = Kind.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class PermissionDenied(TenetError):
    kind = Kind.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class NotFound(TenetError):
    kind = Kind.NOT_FOUND
    reason = "NOT_FOUND"


class AlreadyExists(TenetError):
    kind = Kind.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"


class FailedPrecondition(TenetError):
    kind = Kind.FAILED_PRECONDITION
    reason = "FAILED_PRECONDITION"


class Aborted(TenetError):
    kind = Kind.ABORTED
    reason = "ABORTED"


class ResourceExhausted(TenetError):
    kind = Kind.RESOURCE_EXHAUSTED
    reason = "RESOURCE_EXHAUSTED"


class DeadlineExceeded(TenetError):
    kind = Kind.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"


class Unavailable(TenetError):
    kind = Kind.UNAVAILABLE
    reason = "UNAVAILABLE"


class DataLoss(TenetError):
    kind = Kind.DATA_LOSS
    reason = "DATA_LOSS"


class TenantUnknown(NotFound):
    """The tenant does not exist, or the caller may not know that it does: the two are answered identically."""

    reason = "TENANT_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("No such tenant, or none that you have access to.")


class Conflict(Aborted):
    """Others kept writing to the same streams; the command was decided again and again and lost each time."""

    reason = "CONFLICT"


class RequestIdReused(InvalidArgument):
    """The same request id came with another command. Take a new request id for a new command."""

    reason = "REQUEST_ID_REUSED"


class EntryTooLarge(InvalidArgument):
    """An event does not fit into one ledger entry; large values belong into the object store, cited by hash."""

    reason = "ENTRY_TOO_LARGE"


class ClockRefused(Unavailable):
    """The store's clock and this process's, or the ledger's last entry, differ by more than the limit."""

    reason = "CLOCK_REFUSED"


class LedgerReadOnly(FailedPrecondition):
    """The ledger is not an extension of the head that was signed; it takes nothing in until people have looked."""

    reason = "LEDGER_READ_ONLY"

    def __init__(self) -> None:
        super().__init__("The ledger contradicts what was signed of it and is read-only until that is resolved.")


class StoreUnavailable(Unavailable):
    """The ledger's database does not answer or has no room. Nothing was acknowledged; retry with the same id."""

    reason = "STORE_UNAVAILABLE"


class StoreOverloaded(ResourceExhausted):
    """Too many commands wait for this tenant's ledger. Retry with the same request id after a pause."""

    reason = "STORE_OVERLOADED"


class NotYetApplied(DeadlineExceeded):
    """The read model has not reached `min_position` within the deadline."""

    reason = "NOT_YET_APPLIED"
