"""What callers ask of the cases service. Texts that will be sealed are `Private`."""

from contracts.commands import Command, Private
from contracts.events.base import Instant, Value
from contracts.events.cases import Mode
from contracts.events.messages import MessageAbout
from contracts.events.subjects import Sight, SubjectKind
from contracts.labels import Label


class EvidenceGiven(Value):
    """A piece of evidence as it is brought forward; see `contracts.events.subjects.Evidence`."""

    label: Label
    summary: Private
    sha256: str | None = None
    offset: int | None = None
    position: int | None = None


class OpenCase(Command):
    """An empty title takes the subject's own: the rule's name, or the finding's."""

    subject_kind: SubjectKind
    subject_id: str
    title: Private
    label: Label


class LinkSubject(Command):
    case_id: str
    subject_kind: SubjectKind
    subject_id: str


class TakeUpAgain(Command):
    """A subject of the case has a new verdict: the case is opened again if it was closed, and rests on that one."""

    case_id: str
    subject_kind: SubjectKind
    subject_id: str


class AssignCase(Command):
    case_id: str
    principal_id: str


class AddNote(Command):
    case_id: str
    text: Private
    label: Label


class AddEvidence(Command):
    case_id: str
    evidence: EvidenceGiven


class DecidePlan(Command):
    """`tripwire` names the tripwire that was hit; empty otherwise."""

    case_id: str
    desired_outcome: Mode | None = None
    tripwire: str = ""
    plan_id: str = ""
    """With a tripwire: the plan that it belongs to; empty for whichever stands."""
    automatic: bool = False
    """Asked by a policy: decided only where the charter's line lets a policy decide."""
    seen: tuple[Sight, ...] = ()


class ReorderPlan(Command):
    case_id: str
    plan_id: str
    digest: str
    order: tuple[str, ...]
    reason: Private


class ApprovePlan(Command):
    """No `step_ids`: every step that needs a customer's approval."""

    case_id: str
    plan_id: str
    digest: str
    step_ids: tuple[str, ...] = ()
    seen: tuple[Sight, ...] = ()


class RejectPlan(Command):
    case_id: str
    plan_id: str
    digest: str
    reason: Private


class ReleaseStep(Command):
    """The time that a step waited for has come."""

    case_id: str
    plan_id: str
    step_id: str


class DispatchAction(Command):
    case_id: str
    plan_id: str
    step_id: str
    attempt: int = 1


class CompleteStep(Command):
    case_id: str
    plan_id: str
    step_id: str
    result: Private
    evidence: tuple[EvidenceGiven, ...] = ()


class CancelActions(Command):
    """Cancels every step of the case's plan that is not dispatched, because its verdict no longer stands."""

    case_id: str


class AcknowledgeAction(Command):
    action_id: str
    receipt: str


class RefuseAction(Command):
    action_id: str
    reason: str
    detail: Private


class LoseAction(Command):
    action_id: str
    reason: str


class VerifyAction(Command):
    """`effective` says whether the observation, by the path named, showed the effect."""

    action_id: str
    effective: bool
    path: str
    observation: EvidenceGiven
    reason: str = ""


class ExpireAction(Command):
    action_id: str


class ReverseAction(Command):
    action_id: str
    attempt: int = 1


class SettleReversal(Command):
    """The reverse was verified: records on the reversed action that its effect has ended."""

    action_id: str
    by_action_id: str


class SendNotice(Command):
    case_id: str
    channel: str
    recipient_principal_id: str
    what: Private
    where: Private
    when: Private
    evidence: tuple[EvidenceGiven, ...]
    options: tuple[Private, ...]
    deadline: Instant | None
    label: Label


class AcknowledgeNotice(Command):
    notice_id: str
    decision: str
    comment: Private = ""


class MarkNoticeOverdue(Command):
    notice_id: str


class SendEnquiry(Command):
    detection_id: str
    case_id: str | None
    recipient_principal_id: str
    channel: str
    question: Private
    deadline: Instant
    label: Label


class AnswerEnquiry(Command):
    enquiry_id: str
    expected: bool
    comment: Private


class ExpireEnquiry(Command):
    enquiry_id: str


class CloseCase(Command):
    case_id: str
    outcome: str
    root_cause: Private
    cause_addressed: bool
    lessons: Private
    recommendation: Private = ""
    no_recommendation_reason: Private = ""


class ReopenCase(Command):
    case_id: str
    reason: Private


class SignPreauthorisation(Command):
    actions: tuple[str, ...]
    groups: tuple[str, ...]
    charter_digest: str
    expires_at: Instant


class RevokePreauthorisation(Command):
    preauthorisation_id: str
    reason: Private


class ProposeCharter(Command):
    """`text` goes to the object store; the ledger holds its hash and digest, so the digest of the command may too."""

    text: str


class ApproveCharter(Command):
    charter_version: int
    digest: str


class DispatchMessage(Command):
    """Brings what stands at `about_position` to the contact that it names: over its channel, or the one after `after`.

    `after` is the channel that brought nothing; empty for the channel that the notice or enquiry itself names.
    """

    about: MessageAbout
    about_position: int
    after: str = ""


class AttemptMessage(Command):
    message_id: str


class AcceptMessage(Command):
    message_id: str
    receipt: Private


class RefuseMessage(Command):
    message_id: str
    reason: str
    detail: Private


class LoseMessage(Command):
    message_id: str
    reason: str
