"""What is refused about rotas, pages, service levels, calendars, handovers, certifications and questions."""

from contracts.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied


class RotaInvalid(InvalidArgument):
    """The rota cannot be followed; the violations name every place."""

    reason = "ROTA_INVALID"


class RotaUnknown(NotFound):
    reason = "ROTA_UNKNOWN"


class RotaMissing(FailedPrecondition):
    """The tenant is in no rota's group: nobody can be called for it."""

    reason = "ROTA_MISSING"


class TenantInAnotherRota(FailedPrecondition):
    """A tenant is in one group only, so that it is always clear who is called."""

    reason = "TENANT_IN_ANOTHER_ROTA"


class OverrideInvalid(InvalidArgument):
    reason = "OVERRIDE_INVALID"


class OverrideUnknown(NotFound):
    reason = "OVERRIDE_UNKNOWN"


class NobodyToCall(FailedPrecondition):
    """Nobody is on call and the rota names no lead."""

    reason = "NOBODY_TO_CALL"


class PageUnknown(NotFound):
    reason = "PAGE_UNKNOWN"


class PageAboutUnknown(FailedPrecondition):
    """The case or detection that the page would be about is not there, or is done with."""

    reason = "PAGE_ABOUT_UNKNOWN"


class PageContactInvalid(InvalidArgument):
    """Nobody could be reached like this; the violations name every place."""

    reason = "PAGE_CONTACT_INVALID"


class NotYourContact(PermissionDenied):
    """A person says how to be reached, or a lead does."""

    reason = "NOT_YOUR_CONTACT"


class PageAcknowledgedAlready(FailedPrecondition):
    reason = "PAGE_ACKNOWLEDGED"


class NotPaged(PermissionDenied):
    """Only somebody who was called, or a lead, can take a page up."""

    reason = "NOT_PAGED"


class NotAPerson(PermissionDenied):
    """A machine cannot stand for somebody being there."""

    reason = "NOT_A_PERSON"


class CalendarInvalid(InvalidArgument):
    reason = "CALENDAR_INVALID"


class CalendarUnknown(FailedPrecondition):
    reason = "CALENDAR_UNKNOWN"


class CalendarNeverOpens(FailedPrecondition):
    """The calendar is not open for as long as a service level needs."""

    reason = "CALENDAR_NEVER_OPENS"


class ServiceLevelUnknown(NotFound):
    """No clock runs for this objective of the case."""

    reason = "SERVICE_LEVEL_UNKNOWN"


class ServiceLevelState(FailedPrecondition):
    """The clock is not in a state in which this makes sense: it is paused, running, met or breached."""

    reason = "SERVICE_LEVEL_STATE"


class ReasonMissing(InvalidArgument):
    reason = "REASON_MISSING"


class PriorityUnchanged(FailedPrecondition):
    reason = "PRIORITY_UNCHANGED"


class LeadNeeded(PermissionDenied):
    """Only a lead can give a running service level more time."""

    reason = "LEAD_NEEDED"


class HandoverUnknown(NotFound):
    reason = "HANDOVER_UNKNOWN"


class HandoverInvalid(InvalidArgument):
    """The two persons are one, or the incoming one is not in the rota."""

    reason = "HANDOVER_INVALID"


class HandoverOver(FailedPrecondition):
    reason = "HANDOVER_COMPLETED"


class NotIncoming(PermissionDenied):
    """Only the person who comes on can accept."""

    reason = "NOT_INCOMING"


class HandoverItemUnknown(FailedPrecondition):
    """The item is not open, or not in this version any more; look at the handover again."""

    reason = "HANDOVER_ITEM_UNKNOWN"


class HandoverItemAcceptedAlready(AlreadyExists):
    reason = "HANDOVER_ITEM_ACCEPTED"


class HandoverIncomplete(FailedPrecondition):
    """Items are open that the incoming person has not accepted; the metadata counts and names them."""

    reason = "HANDOVER_INCOMPLETE"


class HandoverTooLarge(FailedPrecondition):
    """One event could not hold what is open; a group of fewer tenants can be handed over."""

    reason = "HANDOVER_TOO_LARGE"


class CertificationMissing(PermissionDenied):
    """The step or the topic asks for a certification that this person does not hold; a machine never holds one."""

    reason = "CERTIFICATION_MISSING"


class CertificationExpired(PermissionDenied):
    reason = "CERTIFICATION_EXPIRED"


class CertificationRevokedAlready(PermissionDenied):
    """The certification was taken back."""

    reason = "CERTIFICATION_REVOKED"


class TopicUnknown(FailedPrecondition):
    """No desk of the tenant's rota answers questions on this topic; the metadata names those that are answered."""

    reason = "TOPIC_UNKNOWN"


class TooManyQuestions(FailedPrecondition):
    reason = "TOO_MANY_QUESTIONS"


class QuestionUnknown(NotFound):
    reason = "QUESTION_UNKNOWN"


class OwnQuestion(PermissionDenied):
    """A second opinion is another person's."""

    reason = "OWN_QUESTION"


class AgreementMissing(InvalidArgument):
    """A second opinion says whether it agrees; no other answer does."""

    reason = "AGREEMENT_MISSING"


class QuestionAnsweredAlready(FailedPrecondition):
    reason = "QUESTION_ANSWERED"
