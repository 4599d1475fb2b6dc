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


class RulePackUnsigned(FailedPrecondition):
    """A publisher is bound to the pack's name, so that packs of it need a signature."""

    reason = "RULE_PACK_UNSIGNED"


class RulePackSignerUntrusted(FailedPrecondition):
    """Nobody who is trusted for packs of that name has signed it, or not any more."""

    reason = "RULE_PACK_SIGNER_UNTRUSTED"


class RulePublisherUnknown(NotFound):
    reason = "RULE_PUBLISHER_UNKNOWN"


class RulePublishersTooMany(ResourceExhausted):
    reason = "RULE_PUBLISHERS_TOO_MANY"


class VerifierKeyUnreadable(InvalidArgument):
    """No public key with its name as signed notes write it, or none that signs rule packs."""

    reason = "VERIFIER_KEY_UNREADABLE"


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


class IndicatorListUnreadable(InvalidArgument):
    """A line of a list of indicators is not understood, or the list is empty or too long; the message says which."""

    reason = "INDICATOR_LIST_UNREADABLE"


class BlindReviewUnknown(NotFound):
    """Nothing of that name was drawn."""

    reason = "BLIND_REVIEW_UNKNOWN"


class AlreadyReviewed(FailedPrecondition):
    """Somebody has given the second verdict already."""

    reason = "ALREADY_REVIEWED"


class SecondAnalystNeeded(PermissionDenied):
    """Who gave the first verdict cannot give the second one."""

    reason = "SECOND_ANALYST_NEEDED"


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


class RuleUnknown(NotFound):
    reason = "RULE_UNKNOWN"


class RuleRetired(FailedPrecondition):
    """The rule was retired; it runs for nobody until it is reinstated."""

    reason = "RULE_RETIRED"


class RuleNotRetired(FailedPrecondition):
    reason = "RULE_NOT_RETIRED"


class RuleNotDeployed(FailedPrecondition):
    """No pack at work holds the rule."""

    reason = "RULE_NOT_DEPLOYED"


class RuleReferredTo(FailedPrecondition):
    """A correlation at work needs the rule, and would never fire again without it."""

    reason = "RULE_REFERRED_TO"


class RuleTestsFailed(FailedPrecondition):
    """A rule that the pack would put to work fails a test of its own."""

    reason = "RULE_TESTS_FAILED"


class RuleExcepted(FailedPrecondition):
    """The tenant excepts or disables the rule already."""

    reason = "RULE_EXCEPTED"


class RuleNotDisabled(FailedPrecondition):
    reason = "RULE_NOT_DISABLED"


class RuleExceptionUnknown(NotFound):
    """No exception of that name stands: it never did, has ended, or is over."""

    reason = "RULE_EXCEPTION_UNKNOWN"


class RuleExceptionTooLong(InvalidArgument):
    reason = "RULE_EXCEPTION_TOO_LONG"


class RuleExceptionsTooMany(ResourceExhausted):
    reason = "RULE_EXCEPTIONS_TOO_MANY"


class IntelligenceUnreadable(InvalidArgument):
    """Neither STIX 2.1 nor MISP as JSON; the message says what is wrong."""

    reason = "INTELLIGENCE_UNREADABLE"


class IntelligenceTooLarge(InvalidArgument):
    reason = "INTELLIGENCE_TOO_LARGE"


class IntelligenceHashMismatch(InvalidArgument):
    """The content is not what its sender says that it is."""

    reason = "INTELLIGENCE_HASH_MISMATCH"


class IntelligenceEmpty(InvalidArgument):
    """Nothing of the content can be used; the first refusals are in the metadata."""

    reason = "INTELLIGENCE_EMPTY"


class IntelligenceSourceUnknown(NotFound):
    reason = "INTELLIGENCE_SOURCE_UNKNOWN"


class IntelligenceSourcesTooMany(ResourceExhausted):
    reason = "INTELLIGENCE_SOURCES_TOO_MANY"


class IndicatorsTooMany(ResourceExhausted):
    """The source, or all sources of the ledger together, would hold more indicators than are matched."""

    reason = "INDICATORS_TOO_MANY"


class TechniqueUsesTooMany(ResourceExhausted):
    """The source would say more often than is kept that somebody uses a technique."""

    reason = "TECHNIQUE_USES_TOO_MANY"
