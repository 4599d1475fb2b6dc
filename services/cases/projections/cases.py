"""Cases with the plan as it stands: what a person opens, and the queue of cases over all tenants."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Sealed, Value
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


class CaseRow(Value):
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


class Cases(DocumentView[CaseRow]):
    NAME = "cases"
    VERSION = 2
    TABLE = "cases"
    TOPICS = frozenset(
        {
            CaseOpened,
            SubjectLinked,
            CaseAssigned,
            PlanDecided,
            PlanReordered,
            PlanApproved,
            PlanRejected,
            StepReleased,
            StepCompleted,
            CaseClosed,
            CaseReopened,
        }
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "open": "boolean",
        "priority": "text",
        "severity": "integer",
        "opened_at": "timestamptz",
        "assignee": "text",
        "asset_ids": "text[]",
    }
    DOCUMENT = CaseRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.case_id]

    def fold(self, key: str, document: CaseRow | None, recorded: Recorded[Any]) -> CaseRow | None:
        event = recorded.event
        if isinstance(event, CaseOpened):
            return _opened(event, Stamp.of(recorded))
        if document is None:
            return None
        match event:
            case SubjectLinked():
                kept = tuple(ref for ref in document.subjects if ref.id != event.subject.id)
                assets = tuple(dict.fromkeys((*document.asset_ids, *event.asset_ids)))
                return document.model_copy(update={"subjects": (*kept, event.subject), "asset_ids": assets})
            case CaseAssigned():
                return document.model_copy(update={"assignee": event.principal_id})
            case CaseClosed():
                return document.model_copy(update=_closing(event, Stamp.of(recorded)))
            case CaseReopened():
                return document.model_copy(update={"open": True, "plan": None, "closed": None, "outcome": ""})
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
    )


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
            return plan.model_copy(update={"approvals": (*plan.approvals, _approved(event, Stamp.of(recorded)))})
        case PlanRejected():
            return plan.model_copy(update={"rejected": True})
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


def _approved(event: PlanApproved, stamp: Stamp) -> ApprovalRow:
    return ApprovalRow(
        stamp=stamp,
        digest=event.digest,
        step_ids=event.step_ids,
        acr=event.acr,
        amr=event.amr,
        auth_time=event.auth_time,
        expires_at=event.expires_at,
    )
