"""One case: the work of people around a validated subject. Its plan is in `plan.py`, its actions in `action.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.case_work import (
    CaseAbsorbed,
    CaseMerged,
    CaseSeparated,
    CaseSplit,
    CaseUnmerged,
    CustodyTransferred,
    EvidenceCopied,
    EvidenceFileKept,
    ObservableAdded,
    ObservableRemoved,
    PlanVoided,
    SubjectUnlinked,
    TaskAdded,
    TaskAssigned,
    TaskCompleted,
    TaskDropped,
    TracesDrawn,
)
from contracts.events.cases import (
    CaseAssigned,
    CaseClosed,
    CaseNoted,
    CaseOpened,
    CaseReopened,
    CharterLine,
    EvidenceAdded,
    Mode,
    PlanApproved,
    PlanDecided,
    PlanRejected,
    PlanReordered,
    Priority,
    ResponseType,
    Step,
    StepCompleted,
    StepReleased,
    SubjectLinked,
)
from contracts.events.people import CasePriorityChanged
from contracts.events.subjects import SubjectRef
from contracts.ids import TenantId, derive_id
from services.cases.domain.commands import (
    AddEvidence,
    AddNote,
    AssignCase,
    CloseCase,
    OpenCase,
    ReopenCase,
)
from services.cases.domain.errors import (
    CaseExists,
    CaseMergedAway,
    CaseNotClosed,
    CaseNotOpen,
    CaseTooLarge,
    CaseUnknown,
    CauseNotAddressed,
    RecommendationMissing,
    SubjectAlreadyLinked,
    TasksOpen,
    VerdictStands,
)
from services.cases.domain.subjects import Subject, cite
from services.cases.domain.who import sealed_evidence

MAX_SUBJECTS = 100
"""Most validated subjects of one case."""
MAX_ASSETS = 100
"""Most assets of one case."""
OUTCOME_WITHDRAWN = "verdict_withdrawn"

MergingEvent = CaseMerged | CaseAbsorbed | CaseUnmerged | CaseSeparated | CaseSplit | SubjectUnlinked
ContentEvent = (
    TaskAdded
    | TaskAssigned
    | TaskCompleted
    | TaskDropped
    | ObservableAdded
    | ObservableRemoved
    | TracesDrawn
    | EvidenceFileKept
    | CustodyTransferred
    | EvidenceCopied
)
CaseEvent = (
    MergingEvent
    | ContentEvent
    | PlanVoided
    | CaseOpened
    | SubjectLinked
    | CaseAssigned
    | CasePriorityChanged
    | CaseNoted
    | EvidenceAdded
    | PlanDecided
    | PlanReordered
    | PlanApproved
    | PlanRejected
    | StepReleased
    | StepCompleted
    | CaseClosed
    | CaseReopened
)


@dataclass(frozen=True, slots=True)
class GivenApproval:
    person: str
    position: int
    step_ids: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan as it stands. `approvals` are only those of the present digest."""

    plan_id: str
    digest: str
    subject: SubjectRef
    mode: Mode
    steps: tuple[Step, ...]
    decided: PlanDecided
    requesters: frozenset[str]
    """Whoever decided or reordered it: none of them can approve."""
    approvals: tuple[GivenApproval, ...] = ()
    rejected: bool = False
    released: frozenset[str] = frozenset()
    completed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Link:
    """A subject of a case with its assets. `via` is the merged case that brought it, empty for the case's own."""

    reference: SubjectRef
    asset_ids: tuple[str, ...]
    via: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A piece of evidence whose file the case holds, and who answers for it."""

    sha256: str
    custodian: str


@dataclass(frozen=True, slots=True)
class Case:
    case_id: str = ""
    open: bool = False
    links: tuple[Link, ...] = ()
    merged_into: str = ""
    open_when_merged: bool = False
    absorbed: tuple[tuple[str, ...], ...] = ()
    """For each merge into this case: the merged case, and then those that it had taken in before."""
    open_tasks: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    """All that it has had."""
    observables: frozenset[tuple[str, str]] = frozenset()
    """Each with the subject that it was drawn from; empty where a person added it."""
    drawn: frozenset[str] = frozenset()
    """Subjects whose traces were drawn."""
    files: Mapping[str, Kept] = field(default_factory=dict)
    priority: Priority = Priority.P4
    assignee: str | None = None
    plan: Plan | None = None
    earlier_plans: tuple[Plan, ...] = ()
    """Plans that were replaced: their actions still have to be settled."""

    @property
    def subjects(self) -> tuple[SubjectRef, ...]:
        """Each subject once, by its latest validation."""
        latest: dict[str, SubjectRef] = {}
        for link in self.links:
            known = latest.get(link.reference.id)
            if known is None or known.validation_position < link.reference.validation_position:
                latest[link.reference.id] = link.reference
        return tuple(latest.values())

    @property
    def asset_ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(asset_id for link in self.links for asset_id in link.asset_ids))

    @property
    def observable_ids(self) -> frozenset[str]:
        return frozenset(observable_id for _, observable_id in self.observables)

    @property
    def merged_cases(self) -> tuple[str, ...]:
        """Every case that is worked here now."""
        return tuple(case_id for group in self.absorbed for case_id in group)

    @property
    def every_plan(self) -> tuple[Plan, ...]:
        return (*self.earlier_plans, *((self.plan,) if self.plan else ()))


def case_id_of(tenant_id: TenantId, subject: Subject) -> str:
    """The case of a subject: one and the same whoever opens it, so that two people cannot open two."""
    return derive_id("case", tenant_id, subject.kind.value, subject.id)


def evolve_case(state: Case, recorded: Recorded[CaseEvent]) -> Case:
    event = recorded.event
    match event:
        case CaseOpened():
            return replace(
                state,
                case_id=event.case_id,
                open=True,
                links=(Link(event.subject, event.asset_ids),),
                priority=event.priority,
            )
        case SubjectLinked():
            kept = tuple(link for link in state.links if link.via or link.reference.id != event.subject.id)
            return replace(state, links=(*kept, Link(event.subject, event.asset_ids)))
        case CaseAssigned():
            return replace(state, assignee=event.principal_id)
        case CasePriorityChanged():
            return replace(state, priority=event.priority)
        case CaseNoted() | EvidenceAdded():
            return state
        case PlanDecided() | PlanReordered() | PlanApproved() | PlanRejected() | StepReleased() | StepCompleted():
            earlier = state.every_plan if isinstance(event, PlanDecided) else state.earlier_plans
            return replace(state, plan=_evolve_plan(state.plan, recorded), earlier_plans=earlier)
        case CaseClosed():
            return replace(state, open=False)
        case CaseReopened():
            return replace(state, open=True, plan=None, earlier_plans=state.every_plan)
        case PlanVoided():
            return replace(state, plan=None, earlier_plans=state.every_plan)
        case CaseMerged() | CaseAbsorbed() | CaseUnmerged() | CaseSeparated() | CaseSplit() | SubjectUnlinked():
            return evolve_merging(state, event)
        case _:
            return _evolve_content(state, event, recorded.envelope.actor.id)


def evolve_merging(state: Case, event: MergingEvent) -> Case:
    match event:
        case CaseMerged():
            return replace(state, merged_into=event.into_case_id, open=False, open_when_merged=state.open)
        case CaseAbsorbed():
            brought = tuple(Link(each.subject, each.asset_ids, event.merged_case_id) for each in event.brought)
            group = (event.merged_case_id, *event.merged_before)
            return replace(state, links=(*state.links, *brought), absorbed=(*state.absorbed, group))
        case CaseUnmerged():
            return replace(state, merged_into="", open=state.open_when_merged)
        case CaseSeparated():
            gone = event.unmerged_case_id
            absorbed = tuple(group for group in state.absorbed if group[0] != gone)
            return replace(state, links=tuple(each for each in state.links if each.via != gone), absorbed=absorbed)
        case CaseSplit():
            return without(state, frozenset(event.subject_ids))
        case SubjectUnlinked():
            return without(state, frozenset({event.subject_id}))
        case _:
            assert_never(event)


def _evolve_content(state: Case, event: ContentEvent, actor: str) -> Case:
    match event:
        case TaskAdded():
            added = {event.task_id}
            return replace(state, open_tasks=state.open_tasks | added, tasks=state.tasks | added)
        case TaskAssigned() | EvidenceCopied():
            return state
        case TaskCompleted() | TaskDropped():
            return replace(state, open_tasks=state.open_tasks - {event.task_id})
        case ObservableAdded():
            return replace(state, observables=state.observables | {("", event.observable.observable_id)})
        case ObservableRemoved():
            left = frozenset(pair for pair in state.observables if pair[1] != event.observable_id)
            return replace(state, observables=left)
        case TracesDrawn():
            found = {(event.subject_id, each.observable_id) for each in event.observables}
            return replace(state, observables=state.observables | found, drawn=state.drawn | {event.subject_id})
        case EvidenceFileKept():
            kept = Kept(event.evidence.sha256 or "", actor)
            return replace(state, files={**state.files, event.evidence.id: kept})
        case CustodyTransferred():
            passed = replace(state.files[event.evidence_id], custodian=event.to_principal_id)
            return replace(state, files={**state.files, event.evidence_id: passed})
        case _:
            assert_never(event)


def without(state: Case, subject_ids: frozenset[str]) -> Case:
    """The case after these subjects of its own have left it."""
    left = tuple(link for link in state.links if link.via or link.reference.id not in subject_ids)
    seen = frozenset(pair for pair in state.observables if pair[0] not in subject_ids)
    return replace(state, links=left, drawn=state.drawn - subject_ids, observables=seen)


def _evolve_plan(plan: Plan | None, recorded: Recorded[CaseEvent]) -> Plan | None:
    event = recorded.event
    if isinstance(event, PlanDecided):
        return Plan(
            event.plan_id,
            event.digest,
            event.subject,
            event.mode,
            event.steps,
            event,
            _makers(recorded),
        )
    if plan is None:
        return None
    match event:
        case PlanReordered():
            by_id = {step.step_id: step for step in plan.steps}
            steps = tuple(by_id[step_id] for step_id in event.order)
            makers = plan.requesters | _makers(recorded)
            return replace(plan, digest=event.digest, steps=steps, approvals=(), rejected=False, requesters=makers)
        case PlanApproved():
            given = GivenApproval(recorded.envelope.actor.id, recorded.position, event.step_ids, event.expires_at)
            return replace(plan, approvals=(*plan.approvals, given))
        case PlanRejected():
            return replace(plan, rejected=True, approvals=())
        case StepReleased():
            return replace(plan, released=plan.released | {event.step_id})
        case StepCompleted():
            return replace(plan, completed=plan.completed | {event.step_id})
        case _:
            return plan


def _makers(recorded: Recorded[CaseEvent]) -> frozenset[str]:
    actor = recorded.envelope.actor
    return frozenset({actor.id, actor.on_behalf_of or actor.id})


def existing(case: Case) -> Case:
    if not case.case_id:
        raise CaseUnknown("There is no such case in this tenant.")
    return case


def unmerged(case: Case) -> Case:
    """The case itself. Raises CaseUnknown, CaseMergedAway."""
    if existing(case).merged_into:
        raise CaseMergedAway(
            "The case was merged into another one; work there, or take the merge back.",
            metadata={"into_case_id": case.merged_into},
        )
    return case


def in_work(case: Case) -> Case:
    """The case itself. Raises CaseUnknown, CaseMergedAway, CaseNotOpen."""
    if not unmerged(case).open:
        raise CaseNotOpen("The case is closed; reopen it first.")
    return case


def open_case(
    case: Case,
    command: OpenCase,
    subject: Subject,
    stream_version: int,
    priority: Priority,
    charter: CharterLine | None,
) -> CaseOpened:
    """Raises what `standing_validation` raises, and CaseExists."""
    cited = cite(subject, stream_version)
    case_id = case_id_of(command.tenant_id, subject)
    if case.case_id:
        raise CaseExists("This subject has its case already.", metadata={"case_id": case.case_id})
    fits(1, len(subject.asset_ids))
    return CaseOpened(
        case_id=case_id,
        subject=cited,
        priority=priority,
        severity_id=subject.severity_id,
        event_kind=subject.event_kind,
        asset_ids=subject.asset_ids,
        title=Sealed.of(command.title or subject.title, subject=case_id),
        label=command.label,
        charter=charter,
    )


def link_subject(case: Case, subject: Subject, stream_version: int) -> SubjectLinked:
    """Raises what `standing_validation` raises, and SubjectAlreadyLinked for this same validation."""
    cited = cite(subject, stream_version)
    position = cited.validation_position
    if any(ref.id == subject.id and ref.validation_position == position for ref in in_work(case).subjects):
        raise SubjectAlreadyLinked("The case rests on this subject already.")
    fits(len(case.subjects) + 1, len({*case.asset_ids, *subject.asset_ids}))
    return SubjectLinked(case_id=case.case_id, subject=cited, asset_ids=subject.asset_ids)


def assign_case(case: Case, command: AssignCase) -> list[CaseAssigned]:
    if in_work(case).assignee == command.principal_id:
        return []
    return [CaseAssigned(case_id=case.case_id, principal_id=command.principal_id)]


def add_note(case: Case, command: AddNote, request_key: str) -> CaseNoted:
    """A note can also be written on a closed case: what became known later is part of its history."""
    case_id = existing(case).case_id
    note_id = derive_id("note", request_key)
    return CaseNoted(
        case_id=case_id, note_id=note_id, text=Sealed.of(command.text, subject=case_id), label=command.label
    )


def add_evidence(case: Case, command: AddEvidence, request_key: str) -> EvidenceAdded:
    case_id = existing(case).case_id
    (evidence,) = sealed_evidence((command.evidence,), subject=case_id, request_key=request_key)
    return EvidenceAdded(case_id=case_id, evidence=evidence)


def close_case(case: Case, command: CloseCase, *, verdict_stands: bool, open_tasks: int = 0) -> CaseClosed:
    """Raises CauseNotAddressed, VerdictStands, RecommendationMissing, TasksOpen.

    Open actions are for `action.settled` to find. `open_tasks` are those of the cases that are worked here as well.
    """
    plan = in_work(case).plan
    if tasks := len(case.open_tasks) + open_tasks:
        raise TasksOpen("Tasks are open; complete or drop them first.", metadata={"tasks": str(tasks)})
    if not command.recommendation.strip() and not command.no_recommendation_reason.strip():
        raise RecommendationMissing("Closing needs a recommendation, or the reason why there is none.")
    if command.outcome != OUTCOME_WITHDRAWN:
        _cause_addressed(plan, command)
    elif verdict_stands:
        raise VerdictStands("A validation that calls for a response still stands; withdraw it, or address the cause.")
    return CaseClosed(
        case_id=case.case_id,
        outcome=command.outcome,
        root_cause=Sealed.of(command.root_cause, subject=case.case_id),
        cause_addressed=command.cause_addressed,
        lessons=Sealed.of(command.lessons, subject=case.case_id),
        recommendation=_sealed_or_none(command.recommendation, case.case_id),
        no_recommendation_reason=_sealed_or_none(command.no_recommendation_reason, case.case_id),
    )


def reopen_case(case: Case, command: ReopenCase) -> CaseReopened:
    """The plan of before is void: what is done after a reopening is decided anew."""
    if unmerged(case).open:
        raise CaseNotClosed("The case is open.")
    return CaseReopened(case_id=case.case_id, reason=Sealed.of(command.reason, subject=case.case_id))


def _cause_addressed(plan: Plan | None, command: CloseCase) -> None:
    steps = plan.steps if plan else ()
    completed = plan.completed if plan else frozenset()
    undone = [s.step_id for s in steps if s.response_type is ResponseType.REMEDIATE and s.step_id not in completed]
    if undone or not command.cause_addressed:
        raise CauseNotAddressed(
            "The underlying cause still stands: finish its remediation.",
            metadata={"steps": " ".join(undone[:20])},
        )


def fits(subjects: int, assets: int) -> None:
    """Raises CaseTooLarge."""
    if subjects > MAX_SUBJECTS or assets > MAX_ASSETS:
        raise CaseTooLarge(f"A case holds at most {MAX_SUBJECTS} subjects and {MAX_ASSETS} assets; open another one.")


def _sealed_or_none(text: str, subject: str) -> Sealed | None:
    return Sealed.of(text, subject=subject) if text.strip() else None
