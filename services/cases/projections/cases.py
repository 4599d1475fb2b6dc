"""Cases with the plan as it stands: what a person opens, and the queue of cases over all tenants."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Self

from contracts.events.base import Instant, Recorded, Sealed, Value
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
    CaseAssigned,
    CaseClosed,
    CaseOpened,
    CaseReopened,
    CharterLine,
    Mode,
    PlanApproved,
    PlanDecided,
    PlanRejected,
    PlanReordered,
    Precedence,
    Priority,
    Step,
    StepCompleted,
    StepReleased,
    SubjectLinked,
)
from contracts.events.people import CasePriorityChanged
from contracts.events.subjects import SubjectRef
from contracts.labels import Label
from infra.read_database.views import DocumentView, Due
from services.cases.projections.stamp import Stamp

RELEASE_STEP = "release_step"
END_OBSERVATION = "end_observation"


class ApprovalRow(Value):
    stamp: Stamp
    digest: str
    step_ids: tuple[str, ...]
    acr: str
    amr: tuple[str, ...]
    auth_time: Instant | None
    expires_at: Instant

    @classmethod
    def of(cls, event: PlanApproved, stamp: Stamp) -> Self:
        return cls(
            stamp=stamp,
            digest=event.digest,
            step_ids=event.step_ids,
            acr=event.acr,
            amr=event.amr,
            auth_time=event.auth_time,
            expires_at=event.expires_at,
        )


class PlanRow(Value):
    plan_id: str
    digest: str
    subject: SubjectRef
    mode: Mode
    desired_outcome: str
    line: CharterLine
    precedence: Precedence
    why: tuple[str, ...]
    steps: tuple[Step, ...]
    observe_until: Instant | None
    decided: Stamp
    approvals: tuple[ApprovalRow, ...] = ()
    released: tuple[str, ...] = ()
    completed: tuple[str, ...] = ()
    rejected: bool = False


class LinkRow(Value):
    """`via` is the merged case that brought the subject; empty for the case's own."""

    subject: SubjectRef
    asset_ids: tuple[str, ...]
    via: str = ""


class CaseRow(Value):
    """`subjects` and `asset_ids` are those of all `links`. `merged_cases` are worked here."""

    case_id: str
    open: bool
    priority: Priority
    severity_id: int
    event_kind: str
    title: Sealed
    label: Label
    subjects: tuple[SubjectRef, ...]
    asset_ids: tuple[str, ...]
    opened: Stamp
    assignee: str | None = None
    plan: PlanRow | None = None
    closed: Stamp | None = None
    outcome: str = ""
    root_cause: Sealed | None = None
    cause_addressed: bool | None = None
    lessons: Sealed | None = None
    recommendation: Sealed | None = None
    links: tuple[LinkRow, ...] = ()
    merged_into: str | None = None
    open_when_merged: bool = False
    merged_cases: tuple[tuple[str, ...], ...] = ()
    split_into: tuple[str, ...] = ()
    split_from: str | None = None

    @property
    def case_ids(self) -> tuple[str, ...]:
        """This case, and every one that is worked in it."""
        return (self.case_id, *(case_id for group in self.merged_cases for case_id in group))


class Cases(DocumentView[CaseRow]):
    NAME = "cases"
    VERSION = 3
    TABLE = "cases"
    TOPICS = frozenset(
        {
            CaseOpened,
            SubjectLinked,
            CaseAssigned,
            CasePriorityChanged,
            PlanDecided,
            PlanReordered,
            PlanApproved,
            PlanRejected,
            StepReleased,
            StepCompleted,
            CaseClosed,
            CaseReopened,
            PlanVoided,
            CaseMerged,
            CaseAbsorbed,
            CaseUnmerged,
            CaseSeparated,
            CaseSplit,
            SubjectUnlinked,
        }
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "open": "boolean",
        "priority": "text",
        "severity": "integer",
        "opened_at": "timestamptz",
        "assignee": "text",
        "asset_ids": "text[]",
        "merged_into": "text",
    }
    DOCUMENT = CaseRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        return [event.case_id, event.into_case_id] if isinstance(event, CaseSplit) else [event.case_id]

    def fold(self, key: str, document: CaseRow | None, recorded: Recorded[Any]) -> CaseRow | None:
        event = recorded.event
        if isinstance(event, CaseOpened):
            return _opened(event, Stamp.of(recorded))
        if document is None:
            return None
        match event:
            case SubjectLinked():
                kept = tuple(each for each in document.links if each.via or each.subject.id != event.subject.id)
                return _resting_on(document, (*kept, LinkRow(subject=event.subject, asset_ids=event.asset_ids)))
            case CaseAssigned():
                return document.model_copy(update={"assignee": event.principal_id})
            case CasePriorityChanged():
                return document.model_copy(update={"priority": event.priority})
            case CaseClosed():
                return document.model_copy(update=_closing(event, Stamp.of(recorded)))
            case CaseReopened():
                return document.model_copy(update={"open": True, "plan": None, "closed": None, "outcome": ""})
            case CaseMerged() | CaseAbsorbed() | CaseUnmerged() | CaseSeparated() | CaseSplit() | SubjectUnlinked():
                return _merged_or_split(key, document, event)
            case _:
                return document.model_copy(update={"plan": _plan_after(document.plan, recorded)})

    def columns(self, document: CaseRow) -> Mapping[str, object]:
        return {
            "open": document.open,
            "priority": document.priority.value,
            "severity": document.severity_id,
            "opened_at": document.opened.occurred_at,
            "assignee": document.assignee,
            "asset_ids": list(document.asset_ids),
            "merged_into": document.merged_into,
        }

    def timers(self, key: str, document: CaseRow) -> Sequence[Due]:
        plan = document.plan
        if plan is None or plan.rejected or not document.open:
            return ()
        wanted = [
            _release(key, plan.plan_id, step.step_id, step.not_before)
            for step in plan.steps
            if step.not_before is not None and step.step_id not in plan.released
        ]
        if plan.observe_until is not None:
            payload = {"case_id": key, "plan_id": plan.plan_id}
            wanted.append(Due(END_OBSERVATION, plan.observe_until, payload, plan.plan_id))
        return wanted


def _release(case_id: str, plan_id: str, step_id: str, at: datetime) -> Due:
    payload = {"case_id": case_id, "plan_id": plan_id, "step_id": step_id}
    return Due(RELEASE_STEP, at, payload, f"{plan_id}/{step_id}")


def _opened(event: CaseOpened, stamp: Stamp) -> CaseRow:
    return CaseRow(
        case_id=event.case_id,
        open=True,
        priority=event.priority,
        severity_id=event.severity_id,
        event_kind=event.event_kind,
        title=event.title,
        label=event.label,
        subjects=(event.subject,),
        asset_ids=event.asset_ids,
        opened=stamp,
        links=(LinkRow(subject=event.subject, asset_ids=event.asset_ids),),
    )


def _resting_on(document: CaseRow, links: tuple[LinkRow, ...]) -> CaseRow:
    """Each subject once, by its latest validation, and the assets of all."""
    latest: dict[str, SubjectRef] = {}
    for link in links:
        known = latest.get(link.subject.id)
        if known is None or known.validation_position < link.subject.validation_position:
            latest[link.subject.id] = link.subject
    assets = tuple(dict.fromkeys(asset_id for link in links for asset_id in link.asset_ids))
    return document.model_copy(update={"links": links, "subjects": tuple(latest.values()), "asset_ids": assets})


def _merged_or_split(key: str, document: CaseRow, event: Any) -> CaseRow:
    match event:
        case CaseMerged():
            merged = {"merged_into": event.into_case_id, "open": False, "open_when_merged": document.open}
            return document.model_copy(update=merged)
        case CaseUnmerged():
            return document.model_copy(update={"merged_into": None, "open": document.open_when_merged})
        case CaseAbsorbed():
            brought = [
                LinkRow(subject=each.subject, asset_ids=each.asset_ids, via=event.merged_case_id)
                for each in event.brought
            ]
            groups = (*document.merged_cases, (event.merged_case_id, *event.merged_before))
            return _resting_on(document, (*document.links, *brought)).model_copy(update={"merged_cases": groups})
        case CaseSeparated():
            gone = event.unmerged_case_id
            groups = tuple(group for group in document.merged_cases if group[0] != gone)
            left = tuple(link for link in document.links if link.via != gone)
            return _resting_on(document, left).model_copy(update={"merged_cases": groups})
        case CaseSplit() if key == event.into_case_id:
            return document.model_copy(update={"split_from": event.case_id})
        case CaseSplit():
            left = _without(document, set(event.subject_ids))
            split = (*document.split_into, event.into_case_id)
            return _resting_on(document, left).model_copy(update={"split_into": split})
        case SubjectUnlinked():
            return _resting_on(document, _without(document, {event.subject_id}))
        case _:
            return document


def _without(document: CaseRow, subject_ids: set[str]) -> tuple[LinkRow, ...]:
    return tuple(link for link in document.links if link.via or link.subject.id not in subject_ids)


def _closing(event: CaseClosed, stamp: Stamp) -> dict[str, object]:
    return {
        "open": False,
        "closed": stamp,
        "outcome": event.outcome,
        "root_cause": event.root_cause,
        "cause_addressed": event.cause_addressed,
        "lessons": event.lessons,
        "recommendation": event.recommendation,
    }


def _plan_after(plan: PlanRow | None, recorded: Recorded[Any]) -> PlanRow | None:
    event = recorded.event
    if isinstance(event, PlanDecided):
        return plan_row(event, Stamp.of(recorded))
    if plan is None:
        return None
    match event:
        case PlanReordered():
            by_id = {step.step_id: step for step in plan.steps}
            steps = tuple(by_id[step_id] for step_id in event.order)
            # Approvals of the order before stay visible; their digest is no longer the plan's.
            return plan.model_copy(update={"digest": event.digest, "steps": steps, "rejected": False})
        case PlanApproved():
            return plan.model_copy(update={"approvals": (*plan.approvals, ApprovalRow.of(event, Stamp.of(recorded)))})
        case PlanRejected():
            return plan.model_copy(update={"rejected": True})
        case PlanVoided():
            return None
        case StepReleased():
            return plan.model_copy(update={"released": (*plan.released, event.step_id)})
        case StepCompleted():
            return plan.model_copy(update={"completed": (*plan.completed, event.step_id)})
        case _:
            return plan


def plan_row(event: PlanDecided, stamp: Stamp) -> PlanRow:
    """A plan as it begins."""
    return PlanRow(
        plan_id=event.plan_id,
        digest=event.digest,
        subject=event.subject,
        mode=event.mode,
        desired_outcome=event.desired_outcome,
        line=event.line,
        precedence=event.precedence,
        why=event.why,
        steps=event.steps,
        observe_until=event.observe_until,
        decided=stamp,
    )
