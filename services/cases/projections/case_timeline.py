"""What happened in a case, entry by entry, with both clocks. Actions and notices have histories of their own."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Recorded, Sealed, Value
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
    PlanApproved,
    PlanDecided,
    PlanRejected,
    PlanReordered,
    StepCompleted,
    StepReleased,
    SubjectLinked,
)
from contracts.events.people import CasePriorityChanged
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
    VERSION = 2
    TABLE = "case_timeline"
    TOPICS = frozenset(
        {
            CaseOpened,
            SubjectLinked,
            CaseAssigned,
            CasePriorityChanged,
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
            PlanVoided,
            CaseMerged,
            CaseAbsorbed,
            CaseUnmerged,
            CaseSeparated,
            CaseSplit,
            SubjectUnlinked,
            TaskAdded,
            TaskAssigned,
            TaskCompleted,
            TaskDropped,
            ObservableAdded,
            ObservableRemoved,
            TracesDrawn,
            EvidenceFileKept,
            CustodyTransferred,
            EvidenceCopied,
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
        case CasePriorityChanged():
            return {"detail": f"{event.previous.value} to {event.priority.value}", "text": event.reason}
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
        case PlanVoided():
            return {"ref_id": event.plan_id, "detail": event.because.value}
        case _:
            return _work_content(event)


def _work_content(event: Any) -> dict[str, object]:
    match event:
        case CaseMerged() | CaseSplit():
            return {"ref_id": event.into_case_id, "text": event.reason}
        case CaseAbsorbed():
            return {"ref_id": event.merged_case_id, "detail": f"{len(event.brought)} subjects"}
        case CaseUnmerged():
            return {"ref_id": event.from_case_id, "text": event.reason}
        case CaseSeparated():
            return {"ref_id": event.unmerged_case_id}
        case SubjectUnlinked():
            return {"ref_id": event.subject_id, "detail": event.subject_kind.value, "text": event.reason}
        case TaskAdded():
            return {"ref_id": event.task_id, "text": event.title, "label": event.label}
        case TaskAssigned():
            return {"ref_id": event.task_id, "detail": event.principal_id}
        case TaskCompleted():
            return {"ref_id": event.task_id, "text": event.result}
        case TaskDropped():
            return {"ref_id": event.task_id, "text": event.reason}
        case _:
            return _kept_content(event)


def _kept_content(event: Any) -> dict[str, object]:
    match event:
        case ObservableAdded():
            added = event.observable
            return {
                "ref_id": added.observable_id,
                "detail": added.kind.value,
                "text": added.value,
                "label": added.label,
            }
        case ObservableRemoved():
            return {"ref_id": event.observable_id, "text": event.reason}
        case TracesDrawn():
            return {"ref_id": event.subject_id, "detail": f"{len(event.observables)} observables"}
        case EvidenceFileKept():
            return {"ref_id": event.evidence.id, "evidence": (event.evidence,), "label": event.evidence.label}
        case CustodyTransferred():
            return {"ref_id": event.evidence_id, "detail": event.to_principal_id, "text": event.reason}
        case EvidenceCopied():
            return {"ref_id": event.evidence_id, "text": event.purpose}
        case _:
            return {}
