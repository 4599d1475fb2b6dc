"""Events of the cases service: charters, cases, plans, approvals, actions, notices and enquiries.

Every response decision, action and incident notice names its `subject` by the position of the validation that it rests
on. Enquiries and rehearsals have event types of their own: neither ever counts as a response.
"""

from enum import StrEnum

from contracts.events.base import Event, Instant, Sealed, Value, event
from contracts.events.subjects import Evidence, Sight, SubjectRef
from contracts.labels import Label


class ResponseType(StrEnum):
    """The manifesto's five."""

    INVESTIGATE = "investigate"
    ELIMINATE = "eliminate"
    NOTIFY = "notify"
    CONTAIN = "contain"
    REMEDIATE = "remediate"


class Mode(StrEnum):
    """What the managed organisation wants: stop it, understand it, or watch it go on."""

    STOP = "stop"
    UNDERSTAND = "understand"
    OBSERVE = "observe"


class Authority(StrEnum):
    """Whose word a step needs."""

    PROVIDER = "provider"
    """The analyst's own: the step changes nothing at the customer."""
    PREAUTHORISED = "preauthorised"
    """A scoped, expiring signature that the customer gave beforehand."""
    CUSTOMER = "customer"
    """One of the customer's approvers."""
    TWO_PERSONS = "two_persons"
    """Two distinct persons of the customer, neither of them the requester."""


class Priority(StrEnum):
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


class Precedence(StrEnum):
    """Which rule had the last word over a plan, from the strongest to the weakest."""

    PROTECTED_CLASS = "protected_class"
    TRIPWIRE = "tripwire"
    VALIDATED_CONTAINMENT = "validated_containment"
    FREEZE = "freeze"
    CHARTER = "charter"


class CharterLine(Value):
    """Which line of which version of the charter produced something."""

    charter_id: str
    version: int
    digest: str
    line: str


class Step(Value):
    """One step of a plan. `after` names the steps that must be done before, `reason` why it stands where it does.

    `action` is an OpenC2 action for what a connector does (`deny`, `contain`, `set`…), a task for a person otherwise
    (`task`), or `notify`. `argument` is the action's scope in the actuator's profile, or what the person is to do.
    `active` steps change something that the business feels; the others only look, watch or tell. `connector` is
    `person` or the name of a configured one; `verify_by` says by which path the effect is observed. `line` is the
    part of the charter that gave the step, as `line/step`; the plan names the charter's version.
    `not_before` is the start of the service window that a step waits for; `limit_seconds` how long its effect may last.
    """

    step_id: str
    response_type: ResponseType
    action: str
    target_asset_id: str | None
    argument: str
    active: bool
    authority: Authority
    connector: str
    after: tuple[str, ...]
    reason: str
    line: str
    ring: int | None
    not_before: Instant | None
    limit_seconds: int | None
    verify_by: str


@event("tenet.cases.CharterProposed", category="charter")
class CharterProposed(Event):
    """The charter's text lies in the object store under `sha256`; `digest` is that of its canonical form."""

    charter_id: str
    charter_version: int
    digest: str
    sha256: str
    lines: int


@event("tenet.cases.CharterApproved", category="charter")
class CharterApproved(Event):
    charter_id: str
    charter_version: int
    digest: str
    acr: str
    amr: tuple[str, ...]
    auth_time: Instant | None


@event("tenet.cases.PreauthorisationSigned", category="preauthorisation")
class PreauthorisationSigned(Event):
    """A customer's approver allows these actions on these groups of assets until `expires_at`, before any incident."""

    preauthorisation_id: str
    actions: tuple[str, ...]
    groups: tuple[str, ...]
    charter_digest: str
    expires_at: Instant
    acr: str
    amr: tuple[str, ...]
    auth_time: Instant | None


@event("tenet.cases.PreauthorisationRevoked", category="preauthorisation")
class PreauthorisationRevoked(Event):
    preauthorisation_id: str
    reason: Sealed


@event("tenet.cases.CaseOpened", category="case")
class CaseOpened(Event):
    case_id: str
    subject: SubjectRef
    priority: Priority
    severity_id: int
    event_kind: str
    asset_ids: tuple[str, ...]
    title: Sealed
    label: Label
    charter: CharterLine | None
    """The charter's line that set the priority; None while the tenant has no approved charter."""


@event("tenet.cases.SubjectLinked", category="case")
class SubjectLinked(Event):
    case_id: str
    subject: SubjectRef
    asset_ids: tuple[str, ...]


@event("tenet.cases.CaseAssigned", category="case")
class CaseAssigned(Event):
    case_id: str
    principal_id: str


@event("tenet.cases.CaseNoted", category="case")
class CaseNoted(Event):
    case_id: str
    note_id: str
    text: Sealed
    label: Label


@event("tenet.cases.EvidenceAdded", category="case")
class EvidenceAdded(Event):
    case_id: str
    evidence: Evidence


@event("tenet.cases.PlanDecided", category="case")
class PlanDecided(Event):
    """An ordered plan. `digest` is that of everything in it that an approval speaks of: subject, mode and steps.

    `line` is the charter's line that matched, `precedence` the rule that had the last word over it, `why` its reasons.
    """

    case_id: str
    plan_id: str
    digest: str
    subject: SubjectRef
    mode: Mode
    steps: tuple[Step, ...]
    desired_outcome: str
    line: CharterLine
    precedence: Precedence
    why: tuple[str, ...]
    observe_until: Instant | None
    """When a plan that lets an attack go on ends by itself."""
    seen: tuple[Sight, ...]


@event("tenet.cases.PlanReordered", category="case")
class PlanReordered(Event):
    """The steps in their new order, with the reason. The digest is new, so every approval given before is void."""

    case_id: str
    plan_id: str
    digest: str
    order: tuple[str, ...]
    reason: Sealed


@event("tenet.cases.PlanApproved", category="case")
class PlanApproved(Event):
    """One person's approval over this digest. Its position and what its maker had seen are on record."""

    case_id: str
    plan_id: str
    digest: str
    step_ids: tuple[str, ...]
    acr: str
    amr: tuple[str, ...]
    auth_time: Instant | None
    expires_at: Instant
    seen: tuple[Sight, ...]


@event("tenet.cases.PlanRejected", category="case")
class PlanRejected(Event):
    case_id: str
    plan_id: str
    digest: str
    reason: Sealed


@event("tenet.cases.StepReleased", category="case")
class StepReleased(Event):
    """The service window that a step waited for has opened: it may be done now."""

    case_id: str
    plan_id: str
    step_id: str


@event("tenet.cases.StepCompleted", category="case")
class StepCompleted(Event):
    """A step that a person does, or whose actions are all verified, is done."""

    case_id: str
    plan_id: str
    step_id: str
    result: Sealed
    evidence: tuple[Evidence, ...]


@event("tenet.cases.CaseClosed", category="case")
class CaseClosed(Event):
    case_id: str
    outcome: str
    root_cause: Sealed
    cause_addressed: bool
    lessons: Sealed
    recommendation: Sealed | None
    no_recommendation_reason: Sealed | None
    """One of the two is there: a case ends with something to do, or with the reason why there is nothing."""


@event("tenet.cases.CaseReopened", category="case")
class CaseReopened(Event):
    case_id: str
    reason: Sealed


class ActionFact(Value):
    """What an action rests on: plan and step with the approvals or the pre-authorisation that allow it."""

    case_id: str
    plan_id: str
    plan_digest: str
    step_id: str
    subject: SubjectRef
    approval_positions: tuple[int, ...]
    preauthorisation_position: int | None


@event("tenet.cases.ActionDispatched", category="action")
class ActionDispatched(Event):
    """The intent, recorded before anything is sent. `action_id` is the receiver's key against a second effect.

    A first attempt has the number 1; a further one is a person's decision after the one before was refused or failed.
    """

    action_id: str
    attempt: int
    basis: ActionFact
    response_type: ResponseType
    action: str
    target_asset_id: str
    argument: str
    connector: str
    target: Sealed
    verify_by: str
    expires_at: Instant | None
    reverses_action_id: str | None


@event("tenet.cases.ActionAcknowledged", category="action")
class ActionAcknowledged(Event):
    """The receiver said that it took the command: not yet that it worked."""

    action_id: str
    receipt: str


@event("tenet.cases.ActionRefused", category="action")
class ActionRefused(Event):
    """The receiver said no: nothing took effect there. A person decides what next."""

    action_id: str
    reason: str
    detail: Sealed


@event("tenet.cases.ActionLost", category="action")
class ActionLost(Event):
    """The outcome is unknown, and asking the receiver did not tell either. Never sent again; a person decides."""

    action_id: str
    reason: str


@event("tenet.cases.ActionVerified", category="action")
class ActionVerified(Event):
    """An observation by another path than the receiver's reply showed the effect."""

    action_id: str
    observation: Evidence
    path: str


@event("tenet.cases.ActionVerificationFailed", category="action")
class ActionVerificationFailed(Event):
    action_id: str
    observation: Evidence | None
    path: str
    reason: str


@event("tenet.cases.ActionReversed", category="action")
class ActionReversed(Event):
    """The reverse action was verified, so this action's effect has ended."""

    action_id: str
    by_action_id: str


@event("tenet.cases.ActionExpired", category="action")
class ActionExpired(Event):
    """The time limit of its effect has passed; the reverse is due."""

    action_id: str


@event("tenet.cases.ActionCancelled", category="action")
class ActionCancelled(Event):
    """Not dispatched in the end: the verdict that it rested on changed, or the plan did."""

    action_id: str
    basis: ActionFact
    reason: str


@event("tenet.cases.ActionRehearsed", category="action")
class ActionRehearsed(Event):
    """A rehearsal went through everything but the effect. Never counts as executed, verified or contained."""

    action_id: str
    basis: ActionFact
    action: str
    target_asset_id: str
    argument: str
    outcome: str


@event("tenet.cases.NoticeSent", category="notice")
class NoticeSent(Event):
    """An incident notice with the required fields, to one registered contact over one channel."""

    notice_id: str
    case_id: str
    subject: SubjectRef
    channel: str
    recipient_principal_id: str
    what: Sealed
    where: Sealed
    when: Sealed
    evidence: tuple[Evidence, ...]
    options: tuple[Sealed, ...]
    deadline: Instant
    label: Label


@event("tenet.cases.NoticeAcknowledged", category="notice")
class NoticeAcknowledged(Event):
    """The recipient read it: proof of delivery, not of sending."""

    notice_id: str
    decision: str
    comment: Sealed | None


@event("tenet.cases.NoticeOverdue", category="notice")
class NoticeOverdue(Event):
    notice_id: str


@event("tenet.cases.EnquirySent", category="enquiry")
class EnquirySent(Event):
    """ "Did you expect this?", asked over a channel that does not depend on the suspected credential."""

    enquiry_id: str
    detection_id: str
    case_id: str | None
    recipient_principal_id: str
    channel: str
    question: Sealed
    deadline: Instant
    label: Label


@event("tenet.cases.EnquiryAnswered", category="enquiry")
class EnquiryAnswered(Event):
    """`expected` is the recipient's answer: evidence for an analyst's validation, never a verdict."""

    enquiry_id: str
    expected: bool
    comment: Sealed


@event("tenet.cases.EnquiryExpired", category="enquiry")
class EnquiryExpired(Event):
    """Silence until the deadline: escalates like a no."""

    enquiry_id: str
