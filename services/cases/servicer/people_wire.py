"""Values about people as messages of the wire, and back."""

from datetime import datetime

from tenet.cases.v1 import cases_people_pb2 as pb

from contracts.events.people import (
    CalendarDefinition,
    Desk,
    HandoverItem,
    HandoverItemKind,
    Layer,
    Objective,
    OpenHours,
    PageAbout,
    PageChannel,
    QuestionKind,
    RotaDefinition,
    Shift,
)
from contracts.ids import TenantId
from infra.disclosure.opener import Opened
from services.cases.domain.page_contact import PageContact
from services.cases.projections.calendars import CalendarRow
from services.cases.projections.handovers import HandoverRow
from services.cases.projections.pages import CallRow, PageRow, PageStatus
from services.cases.projections.questions import QuestionRow, QuestionStatus
from services.cases.projections.rotas import RotaRow
from services.cases.projections.service_levels import ClockRow, ClockStatus
from services.cases.projections.stamp import Stamp
from services.cases.servicer.wire import PRIORITIES, line_message, named, timestamp

PAGE_ABOUTS = {each: pb.PageAbout.Value(f"PAGE_ABOUT_{each.name}") for each in PageAbout}
PAGE_CHANNELS = {each: pb.PageChannel.Value(f"PAGE_CHANNEL_{each.name}") for each in PageChannel}
PAGE_STATUSES = {each: pb.PageStatus.Value(f"PAGE_STATUS_{each.name}") for each in PageStatus}
OBJECTIVES = {each: pb.Objective.Value(f"OBJECTIVE_{each.name}") for each in Objective}
CLOCK_STATUSES = {each: pb.ClockStatus.Value(f"CLOCK_STATUS_{each.name}") for each in ClockStatus}
ITEM_KINDS = {each: pb.HandoverItemKind.Value(f"HANDOVER_ITEM_KIND_{each.name}") for each in HandoverItemKind}
QUESTION_KINDS = {each: pb.QuestionKind.Value(f"QUESTION_KIND_{each.name}") for each in QuestionKind}
QUESTION_STATUSES = {each: pb.QuestionStatus.Value(f"QUESTION_STATUS_{each.name}") for each in QuestionStatus}


def page_message(tenant_id: TenantId, row: PageRow) -> pb.PersonPage:
    return pb.PersonPage(
        tenant_id=tenant_id,
        page_id=row.page_id,
        about=PAGE_ABOUTS[row.about],
        about_id=row.about_id,
        detail=row.detail,
        priority=PRIORITIES[row.priority],
        rota_id=row.rota_id,
        status=PAGE_STATUSES[row.status],
        calls=[_call_message(call) for call in row.calls],
        acknowledged_by=row.acknowledged.actor_id if row.acknowledged else "",
        acknowledged_at=timestamp(_at(row.acknowledged)),
    )


def _call_message(call: CallRow) -> pb.PageCall:
    return pb.PageCall(
        principal_id=call.principal_id,
        channel=PAGE_CHANNELS[call.channel],
        called_at=timestamp(call.called.recorded_at),
        deadline=timestamp(call.deadline),
        position=call.called.position,
    )


def contact_message(principal_id: str, contact: PageContact, opened: Opened) -> pb.PageContact:
    return pb.PageContact(
        principal_id=principal_id,
        ways=[
            pb.PageWay(channel=way.channel, messenger=way.messenger, address=opened.text(way.address))
            for way in contact.ways
        ],
        position=contact.position,
    )


def clock_message(tenant_id: TenantId, case_id: str, clock: ClockRow, opened: Opened) -> pb.ServiceLevel:
    return pb.ServiceLevel(
        tenant_id=tenant_id,
        case_id=case_id,
        episode=clock.episode,
        objective=OBJECTIVES[clock.objective],
        status=CLOCK_STATUSES[clock.status],
        priority=PRIORITIES[clock.priority],
        minutes=clock.minutes,
        calendar_id=clock.calendar.calendar_id if clock.calendar else "",
        calendar_version=clock.calendar.version if clock.calendar else 0,
        started_at=timestamp(clock.started_at),
        deadline=timestamp(clock.deadline),
        met_at=timestamp(clock.met_at),
        pauses=clock.pauses,
        paused_for=opened.text(clock.paused_for),
        position=clock.changed.position,
        charter=line_message(clock.charter),
    )


def question_message(tenant_id: TenantId, row: QuestionRow, opened: Opened) -> pb.Question:
    asked = row.question
    return pb.Question(
        tenant_id=tenant_id,
        question_id=asked.question_id,
        kind=QUESTION_KINDS[asked.kind],
        topic=asked.topic,
        case_id=asked.case_id or "",
        text=opened.text(asked.text),
        status=QUESTION_STATUSES[row.status],
        principal_id=row.principal_id,
        qualified=row.qualified,
        certification=asked.certification,
        asked_at=timestamp(row.asked.recorded_at),
        deadline=timestamp(asked.deadline),
        answered_at=timestamp(_at(row.answered)),
        answered_by=row.answered.actor_id if row.answered else "",
        position=row.asked.position,
        answer=opened.text(row.answer),
        late=row.late,
        detection_id=asked.detection_id or "",
        agrees=row.agrees,
    )


def calendar_message(tenant_id: TenantId, row: CalendarRow) -> pb.Calendar:
    calendar, definition = row.calendar, row.calendar.definition
    return pb.Calendar(
        tenant_id=tenant_id,
        calendar_id=calendar.calendar_id,
        calendar_version=calendar.calendar_version,
        digest=calendar.digest,
        definition=pb.CalendarDefinition(
            name=definition.name,
            time_zone=definition.time_zone,
            hours=[pb.OpenHours(day=each.day, start=each.start, end=each.end) for each in definition.hours],
            holidays=definition.holidays,
        ),
        tzdata_version=calendar.tzdata_version,
        position=row.published.position,
    )


def calendar_given(message: pb.CalendarDefinition) -> CalendarDefinition:
    return CalendarDefinition(
        name=message.name,
        time_zone=message.time_zone,
        hours=tuple(OpenHours(day=each.day, start=each.start, end=each.end) for each in message.hours),
        holidays=tuple(message.holidays),
    )


def rota_message(row: RotaRow, opened: Opened) -> pb.Rota:
    overrides = [
        pb.RotaOverride(
            override_id=each.override_id,
            principal_id=each.principal_id,
            starts_at=timestamp(each.starts_at),
            ends_at=timestamp(each.ends_at),
            reason=opened.text(each.reason),
            position=each.stamp.position,
        )
        for each in row.overrides
    ]
    gaps = [
        pb.CoverageGap(
            gap_id=each.gap_id,
            starts_at=timestamp(each.starts_at),
            ends_at=timestamp(each.ends_at),
            found_at=timestamp(each.found.recorded_at),
            position=each.found.position,
        )
        for each in row.gaps
    ]
    return pb.Rota(
        rota_id=row.rota_id,
        rota_version=row.rota_version,
        digest=row.digest,
        definition=_definition_message(row.definition),
        overrides=overrides,
        gaps=gaps,
        covered_through=timestamp(row.covered_through),
        position=row.published.position,
    )


def _definition_message(rota: RotaDefinition) -> pb.RotaDefinition:
    return pb.RotaDefinition(
        name=rota.name,
        tenant_ids=rota.tenant_ids,
        layers=[
            pb.Layer(name=layer.name, time_zone=layer.time_zone, shifts=[_shift_message(each) for each in layer.shifts])
            for layer in rota.layers
        ],
        leads=rota.leads,
        answer_minutes=rota.answer_minutes,
        probe_minutes=rota.probe_minutes or 0,
        horizon_days=rota.horizon_days,
        desks=[
            pb.Desk(
                topic=desk.topic,
                certification=desk.certification,
                principal_ids=desk.principal_ids,
                answer_minutes=desk.answer_minutes,
                calendar=desk.calendar,
            )
            for desk in rota.desks
        ],
    )


def _shift_message(shift: Shift) -> pb.Shift:
    return pb.Shift(
        principal_id=shift.principal_id,
        starts=shift.starts,
        ends=shift.ends,
        recurrence=shift.recurrence,
        exceptions=shift.exceptions,
    )


def rota_given(message: pb.RotaDefinition) -> RotaDefinition:
    return RotaDefinition(
        name=message.name,
        tenant_ids=tuple(TenantId(each) for each in message.tenant_ids),
        layers=tuple(
            Layer(
                name=layer.name,
                time_zone=layer.time_zone,
                shifts=tuple(_shift_given(shift) for shift in layer.shifts),
            )
            for layer in message.layers
        ),
        leads=tuple(message.leads),
        answer_minutes=message.answer_minutes,
        probe_minutes=message.probe_minutes or None,
        horizon_days=message.horizon_days,
        desks=tuple(
            Desk(
                topic=desk.topic,
                certification=desk.certification,
                principal_ids=tuple(desk.principal_ids),
                answer_minutes=desk.answer_minutes,
                calendar=desk.calendar,
            )
            for desk in message.desks
        ),
    )


def _shift_given(shift: pb.Shift) -> Shift:
    return Shift(
        principal_id=shift.principal_id,
        starts=shift.starts,
        ends=shift.ends,
        recurrence=shift.recurrence,
        exceptions=tuple(shift.exceptions),
    )


def handover_message(row: HandoverRow) -> pb.Handover:
    return pb.Handover(
        handover_id=row.handover.handover_id,
        rota_id=row.handover.rota_id,
        from_principal_id=row.handover.from_principal_id,
        to_principal_id=row.handover.to_principal_id,
        accepted=[item_message(item) for item in row.accepted],
        started_at=timestamp(row.started.recorded_at),
        completed_at=timestamp(_at(row.completed)),
        position=row.started.position,
    )


def item_message(item: HandoverItem) -> pb.HandoverItem:
    return pb.HandoverItem(kind=ITEM_KINDS[item.kind], tenant_id=item.tenant_id, id=item.id, version=item.version)


def item_given(message: pb.HandoverItem) -> HandoverItem:
    return HandoverItem(
        kind=named(ITEM_KINDS, message.kind),
        tenant_id=TenantId(message.tenant_id),
        id=message.id,
        version=message.version,
    )


def _at(stamp: Stamp | None) -> datetime | None:
    return stamp.recorded_at if stamp is not None else None
