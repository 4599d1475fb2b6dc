"""What the cases service refuses, each with the reason that clients rely on."""

from contracts.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied


class CaseUnknown(NotFound):
    reason = "CASE_UNKNOWN"


class SubjectUnknown(NotFound):
    reason = "SUBJECT_UNKNOWN"


class PlanUnknown(NotFound):
    reason = "PLAN_UNKNOWN"


class StepUnknown(NotFound):
    reason = "STEP_UNKNOWN"


class ActionUnknown(NotFound):
    reason = "ACTION_UNKNOWN"


class NoticeUnknown(NotFound):
    reason = "NOTICE_UNKNOWN"


class EnquiryUnknown(NotFound):
    reason = "ENQUIRY_UNKNOWN"


class PreauthorisationUnknown(NotFound):
    reason = "PREAUTHORISATION_UNKNOWN"


class AssetUnknown(FailedPrecondition):
    """The asset is not registered with this tenant, or was retired."""

    reason = "ASSET_UNKNOWN"


class TargetUnaddressable(FailedPrecondition):
    """No connector can find the asset: it has no external identifier, or is of a kind that the action does not fit."""

    reason = "TARGET_UNADDRESSABLE"


class NotValidated(FailedPrecondition):
    """No person has validated the subject with a verdict that calls for a response."""

    reason = "NOT_VALIDATED"


class ValidationWithdrawn(FailedPrecondition):
    """The verdict that this rests on was taken back or replaced."""

    reason = "VALIDATION_WITHDRAWN"


class NotTriaged(FailedPrecondition):
    """An enquiry needs an analyst who has taken the detection up."""

    reason = "NOT_TRIAGED"


class CaseExists(AlreadyExists):
    reason = "CASE_EXISTS"


class SubjectAlreadyLinked(AlreadyExists):
    reason = "SUBJECT_ALREADY_LINKED"


class CaseNotOpen(FailedPrecondition):
    reason = "CASE_NOT_OPEN"


class CaseNotClosed(FailedPrecondition):
    reason = "CASE_NOT_CLOSED"


class CaseMergedAway(FailedPrecondition):
    """The case is worked in another one now."""

    reason = "CASE_MERGED"


class CaseNotMerged(FailedPrecondition):
    """There is no such merge that could be taken back."""

    reason = "CASE_NOT_MERGED"


class MergeInvalid(InvalidArgument):
    """A case cannot be merged into itself."""

    reason = "MERGE_INVALID"


class CaseNeedsSubject(FailedPrecondition):
    """A case rests on at least one subject of its own; the last one cannot leave it."""

    reason = "CASE_NEEDS_SUBJECT"


class SubjectNotLinked(FailedPrecondition):
    """The case does not rest on this subject by itself; one that a merge brought leaves with that merge."""

    reason = "SUBJECT_NOT_LINKED"


class TaskUnknown(NotFound):
    reason = "TASK_UNKNOWN"


class TaskNotOpen(FailedPrecondition):
    reason = "TASK_NOT_OPEN"


class TasksOpen(FailedPrecondition):
    """A case is not closed while tasks in it are open."""

    reason = "TASKS_OPEN"


class ObservableInvalid(InvalidArgument):
    """The text is no value of this kind."""

    reason = "OBSERVABLE_INVALID"


class ObservableExists(AlreadyExists):
    reason = "OBSERVABLE_EXISTS"


class ObservableUnknown(NotFound):
    reason = "OBSERVABLE_UNKNOWN"


class EvidenceUnknown(NotFound):
    reason = "EVIDENCE_UNKNOWN"


class NotTheCustodian(PermissionDenied):
    """Only who has the custody can hand it on."""

    reason = "NOT_THE_CUSTODIAN"


class EvidenceAltered(InvalidArgument):
    """The bytes do not have the hash that was given with them."""

    reason = "EVIDENCE_ALTERED"


class SuggestionUnknown(NotFound):
    reason = "SUGGESTION_UNKNOWN"


class SuggestionSettled(FailedPrecondition):
    """Somebody accepted or declined it already."""

    reason = "SUGGESTION_SETTLED"


class CaseTooLarge(FailedPrecondition):
    """A named limit of what one case can hold is reached."""

    reason = "CASE_TOO_LARGE"


class CharterMissing(FailedPrecondition):
    """No approved charter: nobody has said what may be done here."""

    reason = "CHARTER_MISSING"


class CharterInvalid(InvalidArgument):
    """The text is not a charter, or contradicts itself; the violations name every place."""

    reason = "CHARTER_INVALID"


class CharterLineMissing(FailedPrecondition):
    """No line of the charter covers this case."""

    reason = "CHARTER_LINE_MISSING"


class CharterVersionUnknown(NotFound):
    reason = "CHARTER_VERSION_UNKNOWN"


class CharterChanged(FailedPrecondition):
    """The digest is not that of the version, or a newer version was approved already."""

    reason = "CHARTER_CHANGED"


class PlanChanged(FailedPrecondition):
    """The plan is not the one that this speaks of: another digest, replaced, rejected, or cancelled."""

    reason = "PLAN_CHANGED"


class PlanRejectedByCustomer(FailedPrecondition):
    reason = "PLAN_REJECTED"


class ApprovalMissing(FailedPrecondition):
    reason = "APPROVAL_MISSING"


class ApprovalNotNeeded(FailedPrecondition):
    """None of the steps needs a customer's approval."""

    reason = "APPROVAL_NOT_NEEDED"


class SelfApproval(PermissionDenied):
    """Who asks cannot approve."""

    reason = "SELF_APPROVAL"


class SamePerson(PermissionDenied):
    """Two distinct persons are needed, and this one has approved already."""

    reason = "SAME_PERSON"


class NotACustomersPerson(PermissionDenied):
    """Only a person of the customer can give this word, not the provider's people and not a machine."""

    reason = "NOT_A_CUSTOMERS_PERSON"


class StepUpRequired(PermissionDenied):
    """The charter asks for a stronger authentication than this session has."""

    reason = "STEP_UP_REQUIRED"


class ApprovalExpired(FailedPrecondition):
    reason = "APPROVAL_EXPIRED"


class PreauthorisationExpired(FailedPrecondition):
    reason = "PREAUTHORISATION_EXPIRED"


class PreauthorisationRevoked(FailedPrecondition):
    reason = "PREAUTHORISATION_REVOKED"


class PreauthorisationInvalid(InvalidArgument):
    """An action that the profile does not know, or an end that lies in the past or too far away."""

    reason = "PREAUTHORISATION_INVALID"


class OutOfScope(FailedPrecondition):
    """A pre-authorisation exists, but not for this action on this group under this charter."""

    reason = "OUT_OF_SCOPE"


class StepOrder(FailedPrecondition):
    """A step before this one is not done, or evidence would be destroyed before it is kept."""

    reason = "STEP_ORDER"


class StepAlreadyDone(FailedPrecondition):
    reason = "STEP_ALREADY_DONE"


class NotAnAction(FailedPrecondition):
    """The step is a task for a person: complete it instead."""

    reason = "NOT_AN_ACTION"


class ActionNotVerified(FailedPrecondition):
    """The step's action has not been observed to work; a rehearsal or a receipt does not count."""

    reason = "ACTION_NOT_VERIFIED"


class AlreadyDispatched(AlreadyExists):
    """This attempt is on record. A further one needs the one before to have been refused, lost or not verified."""

    reason = "ALREADY_DISPATCHED"


class ActionState(FailedPrecondition):
    """The action is not in a state in which this makes sense."""

    reason = "ACTION_STATE"


class NotReversible(FailedPrecondition):
    reason = "NOT_REVERSIBLE"


class InvestigateOnly(FailedPrecondition):
    """A freeze holds or the service window is closed: nothing active may run now."""

    reason = "INVESTIGATE_ONLY"


class ProtectedClass(FailedPrecondition):
    """The asset's class is protected from this action or this mode."""

    reason = "PROTECTED_CLASS"


class ModeForbidden(FailedPrecondition):
    """The charter has no line for this desired outcome."""

    reason = "MODE_FORBIDDEN"


class TripwireUnknown(FailedPrecondition):
    reason = "TRIPWIRE_UNKNOWN"


class RingNotHealthy(FailedPrecondition):
    """An earlier ring of the rollout is not verified as healthy."""

    reason = "RING_NOT_HEALTHY"


class CauseNotAddressed(FailedPrecondition):
    """The case cannot close while its underlying cause stands."""

    reason = "CAUSE_NOT_ADDRESSED"


class VerdictStands(FailedPrecondition):
    """A case is not closed as withdrawn while one of its validations stands."""

    reason = "VERDICT_STANDS"


class ActionsOpen(FailedPrecondition):
    """The outcome of an action is not known yet, or its effect is still to be reversed."""

    reason = "ACTIONS_OPEN"


class RecommendationMissing(InvalidArgument):
    """A case ends with a recommendation, or with the reason why there is none."""

    reason = "RECOMMENDATION_MISSING"


class NoticeIncomplete(InvalidArgument):
    """A notice without all of what, where, when, evidence, options and deadline helps nobody to decide."""

    reason = "NOTICE_INCOMPLETE"


class ContactUnknown(FailedPrecondition):
    """The charter does not register this contact, or not with this channel."""

    reason = "CONTACT_UNKNOWN"


class NotTheRecipient(PermissionDenied):
    reason = "NOT_THE_RECIPIENT"


class EnquiryChannelSuspect(FailedPrecondition):
    """The channel depends on what is under suspicion: whoever holds it would be asked about themselves."""

    reason = "ENQUIRY_CHANNEL_SUSPECT"


class DeadlineInvalid(InvalidArgument):
    reason = "DEADLINE_INVALID"


class AlreadyAnswered(FailedPrecondition):
    reason = "ALREADY_ANSWERED"


class LabelForbids(FailedPrecondition):
    """The label (TLP 2.0) keeps this from leaving the circle that it names."""

    reason = "LABEL_FORBIDS"


class ConnectorUnknown(FailedPrecondition):
    reason = "CONNECTOR_UNKNOWN"


class ConnectorUnhealthy(FailedPrecondition):
    """The connector does not answer, so nothing is dispatched through it."""

    reason = "CONNECTOR_UNHEALTHY"


class MessageUnknown(NotFound):
    reason = "MESSAGE_UNKNOWN"


class PlaybookInvalid(InvalidArgument):
    """What was handed in is no CACAO playbook, or one that refers to what it does not hold."""

    reason = "PLAYBOOK_INVALID"


class PlaybookUnsupported(InvalidArgument):
    """The playbook says something that a charter's line cannot say; the metadata names the step."""

    reason = "PLAYBOOK_UNSUPPORTED"


class CharterCasesInvalid(InvalidArgument):
    """The file of cases that a charter is to be tried on is not readable."""

    reason = "CHARTER_CASES_INVALID"
