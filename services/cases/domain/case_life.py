"""What people decide on one case: to open it, to link and note, to close it and to open it again."""

from dataclasses import replace

from contracts.events.base import Sealed
from contracts.events.cases import (
    CaseAssigned,
    CaseClosed,
    CaseNoted,
    CaseOpened,
    CaseReopened,
    CharterLine,
    EvidenceAdded,
    Priority,
    ResponseType,
    SubjectLinked,
)
from contracts.ids import derive_id
from services.cases.domain.case import Case, Plan, case_id_of, existing, fits, in_work, unmerged
from services.cases.domain.commands import AddEvidence, AddNote, AssignCase, CloseCase, OpenCase, ReopenCase
from services.cases.domain.errors import (
    CaseExists,
    CaseNotClosed,
    CauseNotAddressed,
    RecommendationMissing,
    SubjectAlreadyLinked,
    TasksOpen,
    VerdictStands,
)
from services.cases.domain.subjects import Subject, cite
from services.cases.domain.who import sealed_evidence

OUTCOME_WITHDRAWN = "verdict_withdrawn"


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
    subjects = {subject.id, *(reference.id for reference in case.subjects)}
    fits(len(subjects), len({*case.asset_ids, *subject.asset_ids}))
    return SubjectLinked(case_id=case.case_id, subject=cited, asset_ids=subject.asset_ids)


def take_up_again(case: Case, subject: Subject, stream_version: int) -> list[CaseReopened | SubjectLinked]:
    """Raises what `standing_validation` raises, CaseMergedAway, and SubjectAlreadyLinked for this same validation."""
    if unmerged(case).open:
        return [link_subject(case, subject, stream_version)]
    reason = Sealed.of("What the case rests on was validated again.", subject=case.case_id)
    linked = link_subject(replace(case, open=True), subject, stream_version)
    return [CaseReopened(case_id=case.case_id, reason=reason), linked]


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


def _sealed_or_none(text: str, subject: str) -> Sealed | None:
    return Sealed.of(text, subject=subject) if text.strip() else None
