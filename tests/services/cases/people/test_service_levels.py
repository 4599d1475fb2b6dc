"""Clocks of cases: the decisions without a database, and the whole over the running service."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tenet.cases.v1 import cases_pb2, cases_read_pb2, cases_work_write_pb2, cases_work_write_pb2_grpc
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_write_pb2 as write

from contracts.events.base import Event
from contracts.events.cases import CharterLine, Priority
from contracts.events.people import (
    CalendarDefinition,
    CalendarRef,
    Objective,
    OpenHours,
    ServiceLevelBreached,
    ServiceLevelEnded,
    ServiceLevelMet,
)
from contracts.ids import TenantId
from services.cases.domain.people_commands import (
    BreachServiceLevel,
    MeetServiceLevels,
    PauseServiceLevel,
    ResumeServiceLevel,
)
from services.cases.domain.people_errors import ReasonMissing, ServiceLevelState
from services.cases.domain.service_level import (
    ServiceLevels,
    Terms,
    breach,
    evolve_service_levels,
    inherit,
    meet,
    pause,
    resume,
    retime,
    start,
)
from tests.fixtures.customers import eventually, refusal
from tests.services.cases.people.rotas import recorded
from tests.services.cases.people.running import CHARTER, Crew

LINE = CharterLine(charter_id="charter-x", version=1, digest="0" * 64, line="deadlines/P1")
OFFICE = CalendarRef(calendar_id="calendar-x", version=1, digest="1" * 64)
DAYS = ("mon", "tue", "wed", "thu", "fri")
HOURS = CalendarDefinition(
    name="office",
    time_zone="Europe/Berlin",
    hours=tuple(OpenHours(day=day, start="09:00", end="17:00") for day in DAYS),
    holidays=(),
)
FRIDAY = datetime(2026, 3, 27, 15, 0, tzinfo=UTC)
"""16 o'clock in Berlin; the clocks change on Sunday, and Monday 9 o'clock is 7 UTC."""
NOW = FRIDAY
TENANT = TenantId("clinic")


def calendars(reference: CalendarRef | None) -> CalendarDefinition | None:
    return HOURS if reference else None


def terms(minutes: int, calendar: CalendarRef | None = None, priority: Priority = Priority.P1) -> Terms:
    return Terms(priority, {Objective.ACKNOWLEDGE: minutes, Objective.RESOLVE: minutes * 10}, calendar, LINE)


def applied(state: ServiceLevels, *events: Event) -> ServiceLevels:
    for event in events:
        state = evolve_service_levels(state, recorded(event, 0, NOW))
    return state


def started(minutes: int = 120, calendar: CalendarRef | None = None) -> ServiceLevels:
    return applied(ServiceLevels(), *start(ServiceLevels(), "case-x", terms(minutes, calendar), NOW, calendars))


def command(kind: Any, **fields: Any) -> Any:
    return kind(tenant_id=TENANT, request_id="request-1", case_id="case-x", **fields)


def met(*objectives: Objective, at: datetime, closed: bool = False) -> Any:
    return command(MeetServiceLevels, objectives=objectives, by_position=7, at=at, closed=closed)


def test_business_time_runs_over_a_weekend_with_a_change_of_the_clocks() -> None:
    clock = started(120, OFFICE).clock(Objective.ACKNOWLEDGE)
    assert clock.deadline == datetime(2026, 3, 30, 8, 0, tzinfo=UTC)


def test_a_pause_keeps_the_time_that_was_left_however_long_it_lasts() -> None:
    state = started(120, OFFICE)
    half_an_hour = NOW + timedelta(minutes=30)
    pausing = command(PauseServiceLevel, objective=Objective.ACKNOWLEDGE, reason="The customer is asked.")
    event = pause(state, pausing, half_an_hour, calendars)
    assert event.used_seconds == 1800
    state = applied(state, event)
    late = datetime(2026, 3, 30, 20, 0, tzinfo=UTC)  # Monday evening, closed
    resumed = resume(state, command(ResumeServiceLevel, objective=Objective.ACKNOWLEDGE), late, calendars)
    assert resumed.deadline == datetime(2026, 3, 31, 8, 30, tzinfo=UTC)
    state = applied(state, resumed)
    pausing = command(PauseServiceLevel, objective=Objective.ACKNOWLEDGE, reason="Again.")
    assert pause(state, pausing, datetime(2026, 3, 31, 8, 0, tzinfo=UTC), calendars).used_seconds == 5400


def test_a_clock_is_not_paused_without_a_reason_nor_when_its_time_is_over() -> None:
    state = started(10)
    with pytest.raises(ReasonMissing):
        pause(state, command(PauseServiceLevel, objective=Objective.ACKNOWLEDGE, reason=" "), NOW, calendars)
    pausing = command(PauseServiceLevel, objective=Objective.ACKNOWLEDGE, reason="Too late.")
    with pytest.raises(ServiceLevelState):
        pause(state, pausing, NOW + timedelta(minutes=10), calendars)
    with pytest.raises(ServiceLevelState):
        resume(state, command(ResumeServiceLevel, objective=Objective.ACKNOWLEDGE), NOW, calendars)


def test_a_paused_clock_cannot_be_breached_and_one_that_was_retimed_not_by_its_old_timer() -> None:
    state = started(10)
    due = command(BreachServiceLevel, episode=1, objective=Objective.ACKNOWLEDGE)
    later = NOW + timedelta(hours=1)
    assert [type(each) for each in breach(state, due, later, ())] == [ServiceLevelBreached]
    assert breach(state, due, NOW + timedelta(minutes=9), ()) == []
    assert breach(state, due, later, {Objective.ACKNOWLEDGE}) == []
    pausing = command(PauseServiceLevel, objective=Objective.ACKNOWLEDGE, reason="Why.")
    assert breach(applied(state, pause(state, pausing, NOW, calendars)), due, later, ()) == []
    other = command(BreachServiceLevel, episode=2, objective=Objective.ACKNOWLEDGE)
    assert breach(state, other, later, ()) == []
    once = applied(state, *breach(state, due, later, ()))
    assert breach(once, due, later, ()) == []


def test_what_is_met_after_its_time_is_a_breach_and_met_late_whichever_comes_first() -> None:
    state = started(10)
    late = meet(state, met(Objective.ACKNOWLEDGE, at=NOW + timedelta(minutes=11)))
    assert [type(each) for each in late] == [ServiceLevelBreached, ServiceLevelMet]
    breached = applied(state, late[0])
    again = meet(breached, met(Objective.ACKNOWLEDGE, at=NOW + timedelta(minutes=11)))
    assert [(type(each), getattr(each, "late", None)) for each in again] == [(ServiceLevelMet, True)]
    in_time = meet(state, met(Objective.ACKNOWLEDGE, at=NOW + timedelta(minutes=10)))
    assert [getattr(each, "late", None) for each in in_time] == [False]
    assert meet(applied(state, *in_time), met(Objective.ACKNOWLEDGE, at=NOW)) == []


def test_closing_settles_everything_and_what_was_overdue_counts_as_breached() -> None:
    state = started(10)
    closing = met(Objective.RESOLVE, at=NOW + timedelta(minutes=30), closed=True)
    events = meet(state, closing)
    assert [(type(each), each.objective) for each in events] == [
        (ServiceLevelBreached, Objective.ACKNOWLEDGE),
        (ServiceLevelEnded, Objective.ACKNOWLEDGE),
        (ServiceLevelMet, Objective.RESOLVE),
    ]


def test_a_reopened_case_begins_another_episode_with_nothing_to_acknowledge() -> None:
    state = started(10)
    assert start(state, "case-x", terms(10), NOW, calendars) == []
    closed = applied(state, *meet(state, met(*Objective, at=NOW, closed=True)))
    events = start(closed, "case-x", terms(10), NOW, calendars)
    assert [(each.episode, each.objective) for each in events] == [(2, Objective.RESOLVE)]


def test_another_priority_gives_less_time_at_once_and_more_only_when_relaxed() -> None:
    state = started(60)
    (tighter,) = (
        each
        for each in retime(state, terms(30, priority=Priority.P1), calendars, relax=False)
        if each.objective is Objective.ACKNOWLEDGE
    )
    assert (tighter.deadline, tighter.relaxed) == (NOW + timedelta(minutes=30), False)
    lower = terms(240, OFFICE, Priority.P3)
    assert list(retime(state, lower, calendars, relax=False)) == []
    relaxed = list(retime(state, lower, calendars, relax=True))
    assert [each.relaxed for each in relaxed] == [True, True]


def test_a_case_that_others_are_merged_into_keeps_their_earlier_deadlines_and_no_later_ones() -> None:
    earlier, root = started(60), started(120)
    (inherited, _) = inherit(root, earlier, calendars)
    assert (inherited.deadline, inherited.relaxed) == (NOW + timedelta(minutes=60), False)
    assert list(inherit(earlier, root, calendars)) == []
    # A pause afterwards leaves exactly what is left of the earlier one.
    later = ServiceLevels(
        "case-x", 1, tuple(replace(clock, since=NOW + timedelta(minutes=20)) for clock in root.clocks)
    )
    state = applied(later, *inherit(later, earlier, calendars))
    pausing = command(PauseServiceLevel, objective=Objective.ACKNOWLEDGE, reason="Asked.")
    state = applied(state, pause(state, pausing, NOW + timedelta(minutes=30), calendars))
    resuming = command(ResumeServiceLevel, objective=Objective.ACKNOWLEDGE)
    resumed = resume(state, resuming, NOW + timedelta(hours=5), calendars)
    assert resumed.deadline == NOW + timedelta(hours=5, minutes=30)


async def test_a_cases_clocks_are_met_breached_and_shown_over_the_running_service(people: Crew) -> None:
    await people.publish()
    await people.service.approve(CHARTER.replace("@boss", people.service.approver_id))
    case_id = await people.case()

    async def running() -> bool:
        return len(await people.clocks(case_id)) == 5

    await eventually(running)
    page = await people.paged(case_id)
    done = await people.call(people.ana, "AcknowledgePage", write.AcknowledgePageRequest(page_id=page.page_id))
    assert done.position

    async def status(objective: str) -> int:
        return int((await people.clocks(case_id))[objective].status)

    async def acknowledged() -> bool:
        return await status("acknowledge") == pb.CLOCK_STATUS_MET

    await eventually(acknowledged)
    pausing = write.PauseServiceLevelRequest(
        case_id=case_id, objective=pb.OBJECTIVE_NOTIFY, reason="Nobody answers there until tomorrow."
    )
    await people.call(people.ana, "PauseServiceLevel", pausing)
    people.hands.forward(minutes=70)

    async def breached() -> bool:
        return await status("decide") == pb.CLOCK_STATUS_BREACHED

    await eventually(breached)
    clocks = await people.clocks(case_id)
    assert clocks["notify"].status == pb.CLOCK_STATUS_PAUSED
    assert clocks["notify"].paused_for.value.startswith("Nobody answers")
    assert clocks["contain"].status == pb.CLOCK_STATUS_RUNNING
    escalated = await people.paged(case_id)

    async def told() -> bool:
        return any(
            page.about == pb.PAGE_ABOUT_SERVICE_LEVEL
            and page.detail == "decide"
            and page.calls[0].principal_id == people.lead.id
            for page in await people.pages(case_id)
        )

    await eventually(told)
    assert escalated.page_id
    await _the_case_and_the_queue_show_it(people, case_id)
    resumed = await people.call(
        people.ana,
        "ResumeServiceLevel",
        write.ResumeServiceLevelRequest(case_id=case_id, objective=pb.OBJECTIVE_NOTIFY),
    )
    left = resumed.deadline.ToDatetime(UTC) - people.hands()
    assert timedelta(minutes=55) < left <= timedelta(minutes=60)


async def _the_case_and_the_queue_show_it(people: Crew, case_id: str) -> None:
    service, tenant_id = people.service, people.tenant_id
    case = await service.analyst.call(
        service.read.GetCase, cases_read_pb2.GetCaseRequest(tenant_id=tenant_id, case_id=case_id)
    )
    statuses = {each.objective: each.status for each in case.service_levels}
    assert statuses[pb.OBJECTIVE_DECIDE] == pb.CLOCK_STATUS_BREACHED
    assert statuses[pb.OBJECTIVE_ACKNOWLEDGE] == pb.CLOCK_STATUS_MET
    queue = await service.analyst.call(service.read.ListCases, cases_read_pb2.ListCasesRequest(tenant_ids=[tenant_id]))
    assert {each.objective for each in queue.service_levels} == statuses.keys() - {pb.OBJECTIVE_ACKNOWLEDGE}


async def test_lowering_the_priority_relaxes_nothing_without_a_leads_word(people: Crew) -> None:
    await people.publish()
    await people.service.approve(CHARTER.replace("@boss", people.service.approver_id))
    case_id = await people.case()

    async def running() -> dict[str, pb.ServiceLevel]:
        found = await people.clocks(case_id)
        return found if len(found) == 5 else {}

    before = await eventually(running)
    lower = write.ChangeCasePriorityRequest(case_id=case_id, priority=cases_pb2.PRIORITY_P3, reason="Only one host.")
    done = await people.call(people.ana, "ChangeCasePriority", lower)
    assert done.retimed == 0
    relax = write.ChangeCasePriorityRequest(
        case_id=case_id, priority=cases_pb2.PRIORITY_P4, reason="Only one host.", relax=True
    )
    assert (await refusal(people.call(people.ana, "ChangeCasePriority", relax))).reason == "LEAD_NEEDED"
    mute = write.ChangeCasePriorityRequest(case_id=case_id, priority=cases_pb2.PRIORITY_P4, reason=" ")
    assert (await refusal(people.call(people.lead, "ChangeCasePriority", mute))).reason == "REASON_MISSING"
    assert (await people.clocks(case_id))["contain"].deadline == before["contain"].deadline
    back = write.ChangeCasePriorityRequest(case_id=case_id, priority=cases_pb2.PRIORITY_P1, reason="It spreads.")
    await people.call(people.ana, "ChangeCasePriority", back)
    lower.ClearField("request_id")
    lower.relax = True
    assert (await people.call(people.lead, "ChangeCasePriority", lower)).retimed == 4

    async def later() -> bool:
        after = await people.clocks(case_id)
        return bool(after["contain"].deadline.seconds > before["contain"].deadline.seconds)

    await eventually(later)


async def test_a_merged_case_ends_its_clocks_and_hands_its_earlier_deadlines_on(people: Crew) -> None:
    await people.publish()
    await people.service.approve(CHARTER.replace("@boss", people.service.approver_id))
    first = await people.case()

    async def clocks_of(case_id: str) -> dict[str, pb.ServiceLevel]:
        found = await people.clocks(case_id)
        return found if len(found) == 5 else {}

    before = await eventually(lambda: clocks_of(first))
    second = await people.case()
    later = await eventually(lambda: clocks_of(second))
    assert later["contain"].deadline.ToDatetime(UTC) > before["contain"].deadline.ToDatetime(UTC)
    stub = people.ana.client.stub(cases_work_write_pb2_grpc.CasesWorkWriteServiceStub)
    request = cases_work_write_pb2.MergeCaseRequest(
        tenant_id=people.tenant_id, request_id="merge-000001", case_id=first, into_case_id=second, reason="One attack."
    )
    await people.ana.client.call(stub.MergeCase, request)

    async def ended() -> bool:
        return all(each.status == pb.CLOCK_STATUS_ENDED for each in (await people.clocks(first)).values())

    await eventually(ended)
    after = await people.clocks(second)
    assert after["contain"].deadline == before["contain"].deadline
    assert after["contain"].status == pb.CLOCK_STATUS_RUNNING
