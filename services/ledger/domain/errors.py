"""What the ledger service refuses, each with a reason that clients may rely on."""

from contracts.errors import FailedPrecondition, FieldViolation, InvalidArgument, NotFound, PermissionDenied


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


class CheckpointForeign(InvalidArgument):
    """The checkpoint is of another log, or of an earlier origin of this one."""

    reason = "CHECKPOINT_FOREIGN"


class LedgerNotClosed(FailedPrecondition):
    """The ledger takes appends."""

    reason = "LEDGER_NOT_CLOSED"


class LedgerNotRestored(FailedPrecondition):
    """The ledger that was to be opened is still another than the one that was signed."""

    reason = "LEDGER_NOT_RESTORED"


class ReopeningUnknown(NotFound):
    """Nobody has proposed to reopen the ledger."""

    reason = "REOPENING_UNKNOWN"


class ReopeningOutdated(FailedPrecondition):
    """The ledger or its signed head is another one than when the reopening was proposed."""

    reason = "REOPENING_OUTDATED"


class HoldStands(FailedPrecondition):
    """A legal hold covers the subject; it beats every erasure until two persons have released it."""

    reason = "HOLD_STANDS"


class HoldUnknown(NotFound):
    """There is no such hold in this ledger."""

    reason = "HOLD_UNKNOWN"


class HoldEnded(FailedPrecondition):
    """The hold was released before."""

    reason = "HOLD_ENDED"


class ErasureUnknown(NotFound):
    """There is no such erasure in this ledger."""

    reason = "ERASURE_UNKNOWN"


class ErasureDecided(FailedPrecondition):
    """The erasure was approved before."""

    reason = "ERASURE_DECIDED"


class NothingToErase(NotFound):
    """Nothing is sealed for the subject, or the field was erased already."""

    reason = "NOTHING_TO_ERASE"


class PersonNeeded(PermissionDenied):
    """A machine cannot erase, approve or release."""

    reason = "PERSON_NEEDED"


class SecondPersonNeeded(PermissionDenied):
    """The same person asked before; another one has to agree."""

    reason = "SECOND_PERSON_NEEDED"
