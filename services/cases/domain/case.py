"""One case as it stands: the work of people around a validated subject.

What is decided on it is in `case_life.py`, on its plan in `plan.py`, on its actions in `action.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from contracts.events.base import Recorded
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
    EvidenceAdded,
    Mode,
    PlanApproved,
    PlanDecided,
    PlanRejected,
    PlanReordered,
    Priority,
    Step,
    StepCompleted,
    StepReleased,
    SubjectLinked,
)
from contracts.events.people import CasePriorityChanged
from contracts.events.subjects import SubjectRef
from contracts.ids import TenantId, derive_id
from services.cases.domain.errors import (
    CaseMergedAway,
    CaseNotOpen,
    CaseTooLarge,
    CaseUnknown,
)
from services.cases.domain.subjects import Subject

MAX_SUBJECTS = 100
"""Most validated subjects of one case."""
MAX_ASSETS = 100
"""Most assets of one case."""

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


def fits(subjects: int, assets: int) -> None:
    """Raises CaseTooLarge."""
    if subjects > MAX_SUBJECTS or assets > MAX_ASSETS:
        raise CaseTooLarge(f"A case holds at most {MAX_SUBJECTS} subjects and {MAX_ASSETS} assets; open another one.")
