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


class MappingUnreadable(InvalidArgument):
    """A declared mapping that is no YAML, or does not say what a mapping has to."""

    reason = "MAPPING_UNREADABLE"


class MappingUnknown(NotFound):
    """No mapping of this tenant has that hash; a mapping is declared by sending it once."""

    reason = "MAPPING_UNKNOWN"


class BatchRaisesTooMuch(ResourceExhausted):
    """One batch would touch more detections than one append can hold. Cut it smaller; nothing of it was taken."""

    reason = "BATCH_RAISES_TOO_MUCH"


class QuotaExceeded(ResourceExhausted):
    """The tenant sends more than it may. Nothing was taken; `retry_after_seconds` says when to send it again."""

    reason = "QUOTA_EXCEEDED"


class RulePackUnreadable(InvalidArgument):
    reason = "RULE_PACK_UNREADABLE"


class RulePackEmpty(InvalidArgument):
    """Nothing in the pack compiles."""

    reason = "RULE_PACK_EMPTY"


class RuleUncompilable(InvalidArgument):
    """A rule that cannot be run as written."""

    reason = "RULE_UNCOMPILABLE"


class PeriodInvalid(InvalidArgument):
    reason = "PERIOD_INVALID"


class HuntTooLarge(ResourceExhausted):
    """The period holds more telemetry than one hunt may look at."""

    reason = "HUNT_TOO_LARGE"


class HuntRefused(InvalidArgument):
    """The question is none, would change something, or is not understood; the message says what."""

    reason = "HUNT_REFUSED"


class HuntTooSlow(ResourceExhausted):
    reason = "HUNT_TOO_SLOW"


class HuntFailed(ResourceExhausted):
    """The process that looked for the answer came to an end of its own."""

    reason = "HUNT_FAILED"


class HuntsBusy(ResourceExhausted):
    """As many hunts as one service makes at once are under way; try again when one is over."""

    reason = "HUNTS_BUSY"


class SuppressionUnknown(NotFound):
    reason = "SUPPRESSION_UNKNOWN"


class SuppressionTooBroad(InvalidArgument):
    """It names neither a rule nor a condition, and so would hide everything."""

    reason = "SUPPRESSION_TOO_BROAD"


class SuppressionTooLong(InvalidArgument):
    reason = "SUPPRESSION_TOO_LONG"


class SuppressionsTooMany(ResourceExhausted):
    reason = "SUPPRESSIONS_TOO_MANY"


class ConditionUnreadable(InvalidArgument):
    reason = "CONDITION_UNREADABLE"


class ExpectedBehaviourUnknown(NotFound):
    reason = "EXPECTED_BEHAVIOUR_UNKNOWN"


class ExpectationScopeUnsuitable(InvalidArgument):
    """What is to be the same is not named, or names nobody."""

    reason = "EXPECTATION_SCOPE_UNSUITABLE"


class ExpectationTooLong(InvalidArgument):
    reason = "EXPECTATION_TOO_LONG"


class ExpectationsTooMany(ResourceExhausted):
    reason = "EXPECTATIONS_TOO_MANY"


class SecondPersonNeeded(PermissionDenied):
    """Who remembered it cannot confirm it."""

    reason = "SECOND_PERSON_NEEDED"
