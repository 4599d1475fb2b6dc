"""Cases and what was decided, approved, done, told and asked in them, as known so far."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.case_work import (
    CaseAbsorbed,
    CaseMerged,
    CaseSeparated,
    CaseSplit,
    CaseUnmerged,
    PlanVoided,
    SubjectUnlinked,
)
from contracts.events.cases import (
    ActionAcknowledged,
    ActionCancelled,
    ActionDispatched,
    ActionExpired,
    ActionFact,
    ActionLost,
    ActionRefused,
    ActionRehearsed,
    ActionReversed,
    ActionVerificationFailed,
    ActionVerified,
    CaseAssigned,
    CaseClosed,
    CaseNoted,
    CaseOpened,
    CaseReopened,
    EnquiryAnswered,
    EnquiryExpired,
    EnquirySent,
    EvidenceAdded,
    NoticeAcknowledged,
    NoticeOverdue,
    NoticeSent,
    PlanApproved,
    PlanDecided,
    PlanRejected,
    PlanReordered,
    ResponseType,
    StepCompleted,
    StepReleased,
    SubjectLinked,
)
from contracts.events.subjects import SubjectRef
from contracts.labels import Label
from services.reporting.domain.chronicle.marks import Mark, Moment


@dataclass(slots=True)
class Approval:
    mark: Mark
    actor_id: str
    digest: str
    acr: str
    amr: tuple[str, ...]
    approved: bool


@dataclass(slots=True)
class Plan:
    """The plan that holds now; a reorder changes `digest`, and with it voids every approval of before."""

    event: PlanDecided
    decided: Mark
    digest: str
    order: tuple[str, ...]


@dataclass(slots=True)
class Case:
    id: str
    opened: Mark
    event: CaseOpened
    subjects: list[SubjectRef]
    assets: dict[str, Mark]
    """The affected assets, each with the entry that brought it into the case."""
    plan: Plan | None = None
    plans: list[Plan] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    closings: list[tuple[Mark, CaseClosed]] = field(default_factory=list)
    reopenings: list[Mark] = field(default_factory=list)
    brought: dict[str, tuple[tuple[SubjectRef, ...], tuple[str, ...]]] = field(default_factory=dict)
    """The subjects that each case that was merged into this one brought, and the assets that were not here before."""
    history: list[Moment] = field(default_factory=list)

    @property
    def label(self) -> Label:
        return self.event.label

    @property
    def closed(self) -> bool:
        return len(self.closings) > len(self.reopenings)


@dataclass(slots=True)
class Action:
    """One action through a connector; `marks` holds the first entry of each kind that speaks of it."""

    id: str
    basis: ActionFact
    response_type: ResponseType | None
    action: str
    target_asset_id: str
    connector: str
    reverses_action_id: str | None
    marks: dict[str, Mark] = field(default_factory=dict)


@dataclass(slots=True)
class Message:
    """A notice or an enquiry, until it is acknowledged or answered."""

    id: str
    kind: str
    case_id: str | None
    detection_id: str | None
    recipient_id: str
    channel: str
    deadline: datetime
    words: Sealed
    label: Label
    sent: Mark
    answered: Mark | None = None
    overdue: Mark | None = None


@dataclass(slots=True)
class Responses:
    """`rehearsals` are kept apart from `actions`: nothing in them was ever executed. `cases` has each case once."""

    cases: dict[str, Case] = field(default_factory=dict)
    merged: dict[str, tuple[Case, str]] = field(default_factory=dict)
    """Cases that are worked in another one, each with that one's identifier: they count there, and nowhere else."""
    actions: dict[str, Action] = field(default_factory=dict)
    rehearsals: list[tuple[Mark, ActionRehearsed]] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    step_types: dict[tuple[str, str], ResponseType] = field(default_factory=dict)

    def observe(self, recorded: Recorded[Event]) -> None:
        self._observe_case(recorded)
        self._observe_action(recorded)
        self._observe_message(recorded)

    def response_type(self, basis: ActionFact) -> ResponseType | None:
        """The type of the step that an action or a rehearsal rests on, None when its plan is not in the ledger."""
        return self.step_types.get((basis.plan_id, basis.step_id))

    def worked_in(self, case_id: str) -> str:
        """The case that counts for this one: itself, or the one that it was merged into."""
        while case_id in self.merged:
            case_id = self.merged[case_id][1]
        return case_id

    def _observe_case(self, recorded: Recorded[Event]) -> None:  # noqa: C901, PLR0912  # One case an event is the clearest list.
        match recorded.event:
            case CaseOpened() as event:
                mark = Mark.of(recorded)
                assets = dict.fromkeys(event.asset_ids, mark)
                self.cases[event.case_id] = Case(event.case_id, mark, event, [event.subject], assets)
                facts = {"priority": event.priority.value, "event_kind": event.event_kind}
                self._tell(recorded, event.case_id, facts, ("title", event.title))
            case SubjectLinked() as event:
                if case := self._tell(recorded, event.case_id, {"subject": event.subject.id}):
                    case.subjects.append(event.subject)
                    for asset_id in event.asset_ids:
                        case.assets.setdefault(asset_id, Mark.of(recorded))
            case CaseAssigned() as event:
                self._tell(recorded, event.case_id, {"principal_id": event.principal_id})
            case CaseNoted() as event:
                self._tell(recorded, event.case_id, {}, ("text", event.text), label=event.label)
            case EvidenceAdded() as event:
                evidence = event.evidence
                self._tell(recorded, event.case_id, {}, ("summary", evidence.summary), label=evidence.label)
            case PlanDecided() | PlanReordered() | PlanApproved() | PlanRejected() as event:
                self._observe_plan(recorded, event)
            case StepReleased() as event:
                self._tell(recorded, event.case_id, {"step_id": event.step_id})
            case StepCompleted() as event:
                self._tell(recorded, event.case_id, {"step_id": event.step_id}, ("result", event.result))
            case CaseClosed() as event:
                words = [("root_cause", event.root_cause), ("lessons", event.lessons)]
                if event.recommendation is not None:
                    words.append(("recommendation", event.recommendation))
                ending: dict[str, Any] = {"outcome": event.outcome, "cause_addressed": event.cause_addressed}
                if case := self._tell(recorded, event.case_id, ending, *words):
                    case.closings.append((Mark.of(recorded), event))
            case CaseReopened() as event:
                if case := self._tell(recorded, event.case_id, {}, ("reason", event.reason)):
                    case.reopenings.append(Mark.of(recorded))
            case _:
                self._observe_merging(recorded)

    def _observe_merging(self, recorded: Recorded[Event]) -> None:
        match recorded.event:
            case CaseMerged() as event:
                self._tell(recorded, event.case_id, {"into_case_id": event.into_case_id}, ("reason", event.reason))
                if case := self.cases.pop(event.case_id, None):
                    self.merged[event.case_id] = (case, event.into_case_id)
            case CaseAbsorbed() as event:
                if case := self._tell(recorded, event.case_id, {"merged_case_id": event.merged_case_id}):
                    found = dict.fromkeys(asset_id for each in event.brought for asset_id in each.asset_ids)
                    new = tuple(asset_id for asset_id in found if asset_id not in case.assets)
                    case.brought[event.merged_case_id] = tuple(each.subject for each in event.brought), new
                    case.subjects += case.brought[event.merged_case_id][0]
                    case.assets |= dict.fromkeys(new, Mark.of(recorded))
            case CaseUnmerged() as event:
                if event.case_id in self.merged:
                    self.cases[event.case_id] = self.merged.pop(event.case_id)[0]
                    self.cases = dict(sorted(self.cases.items(), key=lambda each: each[1].opened.position))
                self._tell(recorded, event.case_id, {"from_case_id": event.from_case_id}, ("reason", event.reason))
            case CaseSeparated() as event:
                if case := self._tell(recorded, event.case_id, {"unmerged_case_id": event.unmerged_case_id}):
                    subjects, assets = case.brought.pop(event.unmerged_case_id, ((), ()))
                    # One that was unlinked here meanwhile has left already.
                    for subject in (each for each in subjects if each in case.subjects):
                        case.subjects.remove(subject)
                    for asset_id in assets:
                        case.assets.pop(asset_id, None)
            case _:
                self._observe_leaving(recorded)

    def _observe_leaving(self, recorded: Recorded[Event]) -> None:
        match recorded.event:
            case CaseSplit() as event:
                if case := self._tell(recorded, event.case_id, {"into_case_id": event.into_case_id}):
                    case.subjects = [each for each in case.subjects if each.id not in event.subject_ids]
            case SubjectUnlinked() as event:
                if case := self._tell(recorded, event.case_id, {"subject": event.subject_id}):
                    case.subjects = [each for each in case.subjects if each.id != event.subject_id]
            case PlanVoided() as event:
                if case := self._tell(recorded, event.case_id, {"reason": event.because.value}):
                    case.plan = None
            case _:
                return

    def _observe_plan(
        self, recorded: Recorded[Event], event: PlanDecided | PlanReordered | PlanApproved | PlanRejected
    ) -> None:
        mark = Mark.of(recorded)
        match event:
            case PlanDecided():
                facts: dict[str, Any] = {"mode": event.mode.value, "steps": len(event.steps)}
                if case := self._tell(recorded, event.case_id, facts):
                    case.plan = Plan(event, mark, event.digest, tuple(step.step_id for step in event.steps))
                    case.plans.append(case.plan)
                for step in event.steps:
                    self.step_types[(event.plan_id, step.step_id)] = step.response_type
            case PlanReordered():
                case = self._tell(recorded, event.case_id, {}, ("reason", event.reason))
                if case and case.plan:
                    case.plan.digest, case.plan.order = event.digest, event.order
            case PlanApproved():
                if case := self._tell(recorded, event.case_id, {"acr": event.acr, "amr": list(event.amr)}):
                    actor = recorded.envelope.actor.id
                    case.approvals.append(Approval(mark, actor, event.digest, event.acr, event.amr, approved=True))
            case PlanRejected():
                if case := self._tell(recorded, event.case_id, {}, ("reason", event.reason)):
                    actor = recorded.envelope.actor.id
                    case.approvals.append(Approval(mark, actor, event.digest, "", (), approved=False))

    def _observe_action(self, recorded: Recorded[Event]) -> None:
        match recorded.event:
            case ActionDispatched() as event:
                self.actions.setdefault(
                    event.action_id,
                    Action(
                        event.action_id,
                        event.basis,
                        event.response_type,
                        event.action,
                        event.target_asset_id,
                        event.connector,
                        event.reverses_action_id,
                    ),
                )
                self._act(recorded, event.action_id, "dispatched", {"connector": event.connector})
            case ActionCancelled() as event:
                self.actions.setdefault(
                    event.action_id,
                    Action(event.action_id, event.basis, self.response_type(event.basis), "", "", "", None),
                )
                self._act(recorded, event.action_id, "cancelled", {"reason": event.reason})
            case ActionRehearsed() as event:
                self.rehearsals.append((Mark.of(recorded), event))
                facts = {"action": event.action, "target_asset_id": event.target_asset_id, "outcome": event.outcome}
                self._tell(recorded, event.basis.case_id, facts)
            case ActionAcknowledged() as event:
                self._act(recorded, event.action_id, "acknowledged", {})
            case ActionRefused() as event:
                self._act(recorded, event.action_id, "refused", {"reason": event.reason}, ("detail", event.detail))
            case ActionLost() as event:
                self._act(recorded, event.action_id, "lost", {"reason": event.reason})
            case ActionVerified() as event:
                observed = ("observation", event.observation.summary)
                self._act(recorded, event.action_id, "verified", {"path": event.path}, observed)
            case ActionVerificationFailed() as event:
                self._act(recorded, event.action_id, "failed", {"path": event.path, "reason": event.reason})
            case ActionReversed() as event:
                self._act(recorded, event.action_id, "reversed", {"by_action_id": event.by_action_id})
            case ActionExpired() as event:
                self._act(recorded, event.action_id, "expired", {})
            case _:
                return

    def _act(
        self, recorded: Recorded[Event], action_id: str, kind: str, facts: dict[str, Any], *words: tuple[str, Sealed]
    ) -> None:
        action = self.actions.get(action_id)
        if action is None:
            return
        action.marks.setdefault(kind, Mark.of(recorded))
        about = {"action": action.action, "target_asset_id": action.target_asset_id}
        self._tell(recorded, action.basis.case_id, about | facts, *words)

    def _observe_message(self, recorded: Recorded[Event]) -> None:
        match recorded.event:
            case NoticeSent() as event:
                self.messages[event.notice_id] = Message(
                    event.notice_id, "notice", event.case_id, None, event.recipient_principal_id, event.channel,
                    event.deadline, event.what, event.label, Mark.of(recorded),
                )  # fmt: skip
                words = [("what", event.what), ("where", event.where), ("when", event.when)]
                self._tell(recorded, event.case_id, {"channel": event.channel}, *words, label=event.label)
            case EnquirySent() as event:
                self.messages[event.enquiry_id] = Message(
                    event.enquiry_id, "enquiry", event.case_id, event.detection_id, event.recipient_principal_id,
                    event.channel, event.deadline, event.question, event.label, Mark.of(recorded),
                )  # fmt: skip
                if event.case_id:
                    words = [("question", event.question)]
                    self._tell(recorded, event.case_id, {"channel": event.channel}, *words, label=event.label)
            case NoticeAcknowledged() as event:
                comment = [("comment", event.comment)] if event.comment else []
                self._answer(recorded, event.notice_id, {"decision": event.decision}, *comment)
            case EnquiryAnswered() as event:
                self._answer(recorded, event.enquiry_id, {"expected": event.expected}, ("comment", event.comment))
            case NoticeOverdue() as event:
                self._overdue(recorded, event.notice_id)
            case EnquiryExpired() as event:
                self._overdue(recorded, event.enquiry_id)
            case _:
                return

    def _answer(
        self, recorded: Recorded[Event], message_id: str, facts: dict[str, Any], *words: tuple[str, Sealed]
    ) -> None:
        if message := self.messages.get(message_id):
            message.answered = message.answered or Mark.of(recorded)
            if message.case_id:
                self._tell(recorded, message.case_id, facts, *words, label=message.label)

    def _overdue(self, recorded: Recorded[Event], message_id: str) -> None:
        if message := self.messages.get(message_id):
            message.overdue = message.overdue or Mark.of(recorded)
            if message.case_id:
                self._tell(recorded, message.case_id, {})

    def _tell(
        self,
        recorded: Recorded[Event],
        case_id: str,
        facts: dict[str, Any],
        *words: tuple[str, Sealed],
        label: Label | None = None,
    ) -> Case | None:
        """Adds a line to a case's history. Words without a label of their own stand under the case's."""
        case = self.cases.get(self.worked_in(case_id))
        if case is not None:
            sealed = [(name, value, label or case.label) for name, value in words]
            case.history.append(Moment.of(recorded, facts, sealed))
        return case
