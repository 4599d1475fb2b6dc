"""What can be wrong with a command of the detections service, each with a reason that stays."""

from contracts.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, ResourceExhausted


class DetectionUnknown(NotFound):
    reason = "DETECTION_UNKNOWN"


class CustomerReportUnknown(NotFound):
    reason = "CUSTOMER_REPORT_UNKNOWN"


class RulePackUnknown(NotFound):
    reason = "RULE_PACK_UNKNOWN"


class AlreadyClaimed(FailedPrecondition):
    """Another analyst is at it."""

    reason = "ALREADY_CLAIMED"


class NotClaimed(FailedPrecondition):
    reason = "NOT_CLAIMED"


class AlreadyValidated(FailedPrecondition):
    """A verdict stands; it must be withdrawn before another one is given."""

    reason = "ALREADY_VALIDATED"


class NotValidated(FailedPrecondition):
    reason = "NOT_VALIDATED"


class ValidationChanged(FailedPrecondition):
    """The verdict that stands is not the one that was named."""

    reason = "VALIDATION_CHANGED"


class NotAPerson(PermissionDenied):
    """A validation is a person's: no key, policy or timer can give it."""

    reason = "NOT_A_PERSON"


class NotAnAnalyst(PermissionDenied):
    reason = "NOT_AN_ANALYST"


class RationaleMissing(InvalidArgument):
    reason = "RATIONALE_MISSING"


class VerdictUnsuitable(InvalidArgument):
    """This verdict cannot be given to this kind of subject, or lacks what it needs."""

    reason = "VERDICT_UNSUITABLE"


class SightInFuture(InvalidArgument):
    """A decision names a position that its maker cannot have seen."""

    reason = "SIGHT_IN_FUTURE"


class SummaryMissing(InvalidArgument):
    reason = "SUMMARY_MISSING"


class BatchTooLarge(InvalidArgument):
    reason = "BATCH_TOO_LARGE"


class BatchIdReused(InvalidArgument):
    """The same batch id came with other bytes."""

    reason = "BATCH_ID_REUSED"


class BatchRaisesTooMuch(ResourceExhausted):
    """One batch would touch more detections than one append can hold. Cut it smaller; nothing of it was taken."""

    reason = "BATCH_RAISES_TOO_MUCH"


class RulePackUnreadable(InvalidArgument):
    reason = "RULE_PACK_UNREADABLE"


class RulePackEmpty(InvalidArgument):
    """Nothing in the pack compiles."""

    reason = "RULE_PACK_EMPTY"


class RuleUncompilable(InvalidArgument):
    """A rule that cannot be run as written."""

    reason = "RULE_UNCOMPILABLE"
