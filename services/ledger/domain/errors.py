"""What the ledger service refuses, each with a reason that clients may rely on."""

from contracts.errors import FieldViolation, InvalidArgument, NotFound, PermissionDenied


class RangeRefused(InvalidArgument):
    """The range of positions is empty, reversed, or reaches beyond the ledger's head."""

    reason = "RANGE_REFUSED"

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message, violations=(FieldViolation(field, message),))


class FieldUnknown(NotFound):
    """The entry has no sealed field at that path, or there is no entry at that position."""

    reason = "FIELD_UNKNOWN"


class SubscriptionEnded(PermissionDenied):
    """The subscriber lost its role for one of the tenants while the stream was running."""

    reason = "SUBSCRIPTION_ENDED"
