"""What happened in a case, entry by entry, with both clocks. Actions and notices have histories of their own."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Recorded, Sealed, Value
from contracts.events.cases import (
    CaseAssigned,
    CaseClosed,
    CaseNoted,
    CaseOpened,
    CaseReopened,
    EvidenceAdded,
    PlanApproved,
    PlanDecided,
    PlanRejected,
    PlanReordered,
    StepCompleted,
    StepReleased,
    SubjectLinked,
)
from contracts.events.subjects import Evidence
from contracts.labels import Label
from infra.read_database.views import DocumentView
from services.cases.projections.stamp import Stamp


class TimelineRow(Value):
    """`label` covers `text`; None where the case's own does."""

    case_id: str
    stamp: Stamp
    event: str
    ref_id: str = ""
    text: Sealed | None = None
    detail: str = ""
    label: Label | None = None
    evidence: tuple[Evidence, ...] = ()


class CaseTimeline(DocumentView[TimelineRow]):
    NAME = "case_timeline"
    VERSION = 1
    TABLE = "case_timeline"
    TOPICS = frozenset(
        {
            CaseOpened,
            SubjectLinked,
            CaseAssigned,
            CaseNoted,
            EvidenceAdded,
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
    COLUMNS: ClassVar[Mapping[str, str]] = {"case_id": "text", "position": "bigint"}
    DOCUMENT = TimelineRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [f"{recorded.event.case_id}/{recorded.position}"]

    def fold(self, key: str, document: TimelineRow | None, recorded: Recorded[Any]) -> TimelineRow | None:
        event = recorded.event
        row = TimelineRow(case_id=event.case_id, stamp=Stamp.of(recorded), event=type(event).__name__)
        return row.model_copy(update=_content(event))

    def columns(self, document: TimelineRow) -> Mapping[str, object]:
        return {"case_id": document.case_id, "position": document.stamp.position}


def _content(event: Any) -> dict[str, object]:
    match event:
        case CaseOpened():
            return {"ref_id": event.subject.id, "text": event.title, "label": event.label}
        case SubjectLinked():
            return {"ref_id": event.subject.id, "detail": event.subject.kind.value}
        case CaseAssigned():
            return {"ref_id": event.principal_id}
        case CaseNoted():
            return {"ref_id": event.note_id, "text": event.text, "label": event.label}
        case EvidenceAdded():
            return {"ref_id": event.evidence.id, "evidence": (event.evidence,), "label": event.evidence.label}
        case CaseClosed():
            return {"detail": event.outcome, "text": event.root_cause}
        case CaseReopened():
            return {"text": event.reason}
        case _:
            return _plan_content(event)


def _plan_content(event: Any) -> dict[str, object]:
    match event:
        case PlanDecided():
            return {"ref_id": event.plan_id, "detail": f"{event.line.line} by {event.precedence.value}"}
        case PlanReordered() | PlanRejected():
            return {"ref_id": event.plan_id, "text": event.reason}
        case PlanApproved():
            return {"ref_id": event.plan_id, "detail": " ".join(event.step_ids)}
        case StepReleased():
            return {"ref_id": event.step_id}
        case StepCompleted():
            return {"ref_id": event.step_id, "text": event.result, "evidence": event.evidence}
        case _:
            return {}
