"""What is shown of cases, actions, notices and enquiries: which words are opened for it, and the messages."""

from collections.abc import Iterator, Sequence

from tenet.cases.v1 import cases_pb2 as pb

from contracts.events.base import Sealed
from contracts.labels import Label
from infra.disclosure.labelled import UNLABELLED
from infra.disclosure.opener import Opened
from services.cases.projections.actions import ActionRow
from services.cases.projections.case_timeline import TimelineRow
from services.cases.projections.cases import CaseRow
from services.cases.projections.enquiries import EnquiryRow
from services.cases.projections.notices import NoticeRow
from services.cases.servicer.shown_plans import plan_message
from services.cases.servicer.shown_work import status_of
from services.cases.servicer.wire import (
    ACTION_STATUSES,
    ENQUIRY_STATUSES,
    LABELS,
    NOTICE_STATUSES,
    PRIORITIES,
    RESPONSE_TYPES,
    evidence_message,
    stamp_message,
    subject_message,
    timestamp,
)

Words = Iterator[tuple[Sealed, Label]]


def case_words(row: CaseRow) -> Words:
    for sealed in (row.title, row.root_cause, row.lessons, row.recommendation):
        if sealed is not None:
            yield sealed, row.label


def timeline_words(case: CaseRow, rows: Sequence[TimelineRow]) -> Words:
    for row in rows:
        if row.text is not None:
            yield row.text, row.label or case.label
        for evidence in row.evidence:
            yield evidence.summary, evidence.label


def action_words(row: ActionRow) -> Words:
    if row.target is not None:
        yield row.target, UNLABELLED
    if row.observation is not None:
        yield row.observation.summary, row.observation.label


def notice_words(row: NoticeRow) -> Words:
    notice = row.notice
    for sealed in (notice.what, notice.where, notice.when, *notice.options, row.comment):
        if sealed is not None:
            yield sealed, notice.label
    for evidence in notice.evidence:
        yield evidence.summary, evidence.label


def enquiry_words(row: EnquiryRow) -> Words:
    for sealed in (row.enquiry.question, row.comment):
        if sealed is not None:
            yield sealed, row.enquiry.label


def case_message(tenant_id: str, row: CaseRow, actions: Sequence[ActionRow], opened: Opened) -> pb.Case:
    """`actions` are the case's in the order in which they began; the last of a step is the step's."""
    own = [action for action in actions if action.reverses_action_id is None]
    last = {action.basis.step_id: action for action in own if row.plan and action.basis.plan_id == row.plan.plan_id}
    return pb.Case(
        tenant_id=tenant_id,
        case_id=row.case_id,
        status=status_of(row),
        priority=PRIORITIES[row.priority],
        severity_id=row.severity_id,
        event_kind=row.event_kind,
        title=opened.text(row.title),
        label=LABELS[row.label],
        subjects=[subject_message(subject) for subject in row.subjects],
        asset_ids=row.asset_ids,
        assignee_principal_id=row.assignee or "",
        opened=stamp_message(row.opened),
        closed=stamp_message(row.closed),
        outcome=row.outcome,
        root_cause=opened.text(row.root_cause),
        cause_addressed=row.cause_addressed,
        lessons=opened.text(row.lessons),
        recommendation=opened.text(row.recommendation),
        plan=plan_message(row.plan, last) if row.plan else None,
        merged_into_case_id=row.merged_into or "",
        merged_case_ids=[case_id for case_id in row.case_ids if case_id != row.case_id],
        split_from_case_id=row.split_from or "",
        split_into_case_ids=row.split_into,
    )


def timeline_messages(
    case: CaseRow,
    rows: Sequence[TimelineRow],
    actions: Sequence[ActionRow],
    notices: Sequence[NoticeRow],
    enquiries: Sequence[EnquiryRow],
    opened: Opened,
) -> list[pb.TimelineEntry]:
    """The case's entries, its actions' stages, and what was sent and answered, in the order of their recording."""
    entries = [_entry(case, row, opened) for row in rows]
    for action in actions:
        entries += [
            pb.TimelineEntry(
                stamp=stamp_message(stage.stamp), event=stage.event, ref_id=action.action_id, detail=stage.detail
            )
            for stage in action.stages
        ]
    for notice in notices:
        moments = (("NoticeSent", notice.sent), ("NoticeAcknowledged", notice.acknowledged))
        for event, stamp in moments:
            if stamp is not None:
                entries.append(
                    pb.TimelineEntry(stamp=stamp_message(stamp), event=event, ref_id=notice.notice.notice_id)
                )
    for enquiry in enquiries:
        moments = (("EnquirySent", enquiry.sent), ("EnquiryAnswered", enquiry.answered))
        for event, stamp in moments:
            if stamp is not None:
                entries.append(
                    pb.TimelineEntry(stamp=stamp_message(stamp), event=event, ref_id=enquiry.enquiry.enquiry_id)
                )
    return sorted(entries, key=lambda entry: entry.stamp.position)


def _entry(case: CaseRow, row: TimelineRow, opened: Opened) -> pb.TimelineEntry:
    return pb.TimelineEntry(
        stamp=stamp_message(row.stamp),
        event=row.event,
        ref_id=row.ref_id,
        text=opened.text(row.text),
        detail=row.detail,
        label=LABELS[row.label or case.label],
        evidence=[evidence_message(evidence, opened) for evidence in row.evidence],
    )


def action_message(tenant_id: str, row: ActionRow, opened: Opened) -> pb.Action:
    basis = row.basis
    return pb.Action(
        tenant_id=tenant_id,
        action_id=row.action_id,
        case_id=basis.case_id,
        plan_id=basis.plan_id,
        step_id=basis.step_id,
        attempt=row.attempt,
        status=ACTION_STATUSES[row.status],
        response_type=RESPONSE_TYPES[row.response_type] if row.response_type else pb.RESPONSE_TYPE_UNSPECIFIED,
        action=row.action,
        argument=row.argument,
        target_asset_id=row.target_asset_id,
        target=opened.text(row.target),
        connector=row.connector,
        verify_by=row.verify_by,
        expires_at=timestamp(row.expires_at),
        reverses_action_id=row.reverses_action_id or "",
        subject=subject_message(basis.subject),
        approval_positions=basis.approval_positions,
        preauthorisation_position=basis.preauthorisation_position,
        receipt=row.receipt,
        observation=evidence_message(row.observation, opened) if row.observation else None,
        stages=[
            pb.ActionStage(stamp=stamp_message(stage.stamp), event=stage.event, detail=stage.detail)
            for stage in row.stages
        ],
    )


def notice_message(tenant_id: str, row: NoticeRow, opened: Opened) -> pb.Notice:
    notice = row.notice
    options = [opened.text(option) for option in notice.options]
    return pb.Notice(
        tenant_id=tenant_id,
        notice_id=notice.notice_id,
        case_id=notice.case_id,
        status=NOTICE_STATUSES[row.status],
        subject=subject_message(notice.subject),
        channel=notice.channel,
        recipient_principal_id=notice.recipient_principal_id,
        what=opened.text(notice.what),
        where=opened.text(notice.where),
        when=opened.text(notice.when),
        evidence=[evidence_message(evidence, opened) for evidence in notice.evidence],
        options=[option for option in options if option is not None],
        deadline=timestamp(notice.deadline),
        label=LABELS[notice.label],
        sent=stamp_message(row.sent),
        acknowledged=stamp_message(row.acknowledged),
        decision=row.decision,
        comment=opened.text(row.comment),
    )


def enquiry_message(tenant_id: str, row: EnquiryRow, opened: Opened) -> pb.Enquiry:
    enquiry = row.enquiry
    return pb.Enquiry(
        tenant_id=tenant_id,
        enquiry_id=enquiry.enquiry_id,
        detection_id=enquiry.detection_id,
        case_id=enquiry.case_id or "",
        status=ENQUIRY_STATUSES[row.status],
        channel=enquiry.channel,
        recipient_principal_id=enquiry.recipient_principal_id,
        question=opened.text(enquiry.question),
        deadline=timestamp(enquiry.deadline),
        label=LABELS[enquiry.label],
        sent=stamp_message(row.sent),
        answered=stamp_message(row.answered),
        comment=opened.text(row.comment),
    )
