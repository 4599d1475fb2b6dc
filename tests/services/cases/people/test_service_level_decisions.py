"""What is decided about the clocks of a case: a charter's minutes, a pause's reason, and what the case has done."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.base import Envelope, Event, Recorded
from contracts.events.cases import CharterLine, Priority
from contracts.events.people import (
    CalendarDefinition,
    CalendarRef,
    Objective,
    OpenHours,
    ServiceLevelMet,
)
from contracts.ids import PROVIDER, TenantId, stream_name
from services.cases.domain import service_level
from services.cases.domain.calendars import DAYS, elapsed
from services.cases.domain.case import Case
from services.cases.domain.people_commands import (
    BreachServiceLevel,
    MeetServiceLevels,
    PauseServiceLevel,
    ResumeServiceLevel,
)
from services.cases.domain.people_errors import ServiceLevelState, ServiceLevelUnknown
from services.cases.domain.service_level import ServiceLevels, Terms

TENANT = TenantId("clinic")
CASE = "case-1"
FRIDAY = datetime(2026, 3, 27, 15, 0, tzinfo=UTC)
"""16:00 in Berlin, before the weekend on which the clocks change."""
MINUTE = timedelta(minutes=1)
LINE = CharterLine(charter_id="charter", version=3, digest="d", line="deadlines/P1")
OFFICE = CalendarDefinition(
    name="office",
    time_zone="Europe/Berlin",
    hours=tuple(OpenHours(day=day, start="09:00", end="17:30") for day in DAYS[:5]),
    holidays=(),
)
ON_OFFICE_HOURS = CalendarRef(calendar_id="calendar", version=1, digest="c")
MINUTES = {Objective.ACKNOWLEDGE: 15, Objective.DECIDE: 60, Objective.CONTAIN: 120, Objective.RESOLVE: 480}


def definition_of(reference: CalendarRef | None) -> CalendarDefinition | None:
    return OFFICE if reference is not None else None


def terms(calendar: CalendarRef | None = None, priority: Priority = Priority.P1, divided_by: int = 1) -> Terms:
    return Terms(priority, {each: minutes // divided_by for each, minutes in MINUTES.items()}, calendar, LINE)


def after(state: ServiceLevels, events: Sequence[Event]) -> ServiceLevels:
    for event in events:
        actor = Actor("p", AuthenticatedBy.OIDC, PROVIDER)
        stream = stream_name("service_level", CASE)
        envelope = Envelope("e", TENANT, stream, 1, event.TOPIC, 1, FRIDAY, actor, None, "", None, "", (), None, None)
        recorded: Recorded[Any] = Recorded(0, FRIDAY, envelope, event)
        state = service_level.evolve_service_levels(state, recorded)
    return state


def started(calendar: CalendarRef | None = None) -> ServiceLevels:
    return after(ServiceLevels(), service_level.start(ServiceLevels(), CASE, terms(calendar), FRIDAY, definition_of))


def meeting(*objectives: Objective, at: datetime, closed: bool = False) -> MeetServiceLevels:
    return MeetServiceLevels(
        tenant_id=TENANT,
        request_id="r",
        case_id=CASE,
        objectives=objectives,
        by_position=7,
        at=at,
        closed=closed,
    )


def breaching(objective: Objective, episode: int = 1) -> BreachServiceLevel:
    return BreachServiceLevel(tenant_id=TENANT, request_id="r", case_id=CASE, episode=episode, objective=objective)


def pausing(reason: str = "The customer's change freeze.") -> PauseServiceLevel:
    return PauseServiceLevel(tenant_id=TENANT, request_id="r", case_id=CASE, objective=Objective.CONTAIN, reason=reason)


RESUMING = ResumeServiceLevel(tenant_id=TENANT, request_id="r", case_id=CASE, objective=Objective.CONTAIN)


def paused(state: ServiceLevels, now: datetime) -> ServiceLevels:
    return after(state, [service_level.pause(state, pausing(), now, definition_of)])


def resumed(state: ServiceLevels, now: datetime) -> ServiceLevels:
    return after(state, [service_level.resume(state, RESUMING, now, definition_of)])


def test_each_objective_gets_a_deadline_that_names_the_charter_and_the_calendar_it_was_reckoned_on() -> None:
    events = service_level.start(ServiceLevels(), CASE, terms(ON_OFFICE_HOURS), FRIDAY, definition_of)
    assert {each.objective for each in events} == set(MINUTES)
    contain = next(each for each in events if each.objective is Objective.CONTAIN)
    # An hour and a half are left on Friday, and half an hour on Monday, when Berlin has summer time.
    assert contain.deadline == datetime(2026, 3, 30, 7, 30, tzinfo=UTC)
    assert (contain.calendar, contain.charter, contain.episode) == (ON_OFFICE_HOURS, LINE, 1)
    assert contain.tzdata_version


def test_clocks_that_run_are_not_started_a_second_time() -> None:
    assert service_level.start(started(), CASE, terms(), FRIDAY, definition_of) == []


def test_an_objective_reached_in_time_is_met_with_the_position_that_shows_it_and_never_breached_afterwards() -> None:
    (met,) = service_level.meet(started(), meeting(Objective.ACKNOWLEDGE, at=FRIDAY + 14 * MINUTE))
    assert isinstance(met, ServiceLevelMet)
    assert (met.objective, met.by_position, met.late) == (Objective.ACKNOWLEDGE, 7, False)
    state = after(started(), [met])
    assert service_level.breach(state, breaching(Objective.ACKNOWLEDGE), FRIDAY + 60 * MINUTE, ()) == []
    assert service_level.meet(state, meeting(Objective.ACKNOWLEDGE, at=FRIDAY + 20 * MINUTE)) == []


def test_a_timer_that_fires_early_or_for_an_episode_that_is_over_breaches_nothing() -> None:
    assert service_level.breach(started(), breaching(Objective.ACKNOWLEDGE), FRIDAY + 14 * MINUTE, ()) == []
    assert service_level.breach(started(), breaching(Objective.ACKNOWLEDGE, 2), FRIDAY + 60 * MINUTE, ()) == []


def test_a_timer_does_not_breach_what_the_case_has_already_when_the_policy_is_behind() -> None:
    case = Case(case_id=CASE, open=True, assignee="somebody")
    satisfied = service_level.satisfied_by(case)
    late = FRIDAY + 60 * MINUTE
    assert service_level.breach(started(), breaching(Objective.ACKNOWLEDGE), late, satisfied) == []
    assert service_level.breach(started(), breaching(Objective.DECIDE), late, satisfied) != []
    closed = service_level.satisfied_by(replace(case, open=False))
    assert service_level.breach(started(), breaching(Objective.RESOLVE), FRIDAY + 9999 * MINUTE, closed) == []


def test_a_case_that_is_closed_without_a_plan_was_not_contained() -> None:
    assert not service_level.contained(Case(case_id=CASE, open=False))


def test_a_clock_that_is_overdue_cannot_be_paused_nor_one_that_is_paused_or_met() -> None:
    overdue = FRIDAY + 120 * MINUTE
    with pytest.raises(ServiceLevelState):
        service_level.pause(started(), pausing(), overdue, definition_of)
    with pytest.raises(ServiceLevelState):
        paused(paused(started(), FRIDAY + MINUTE), FRIDAY + 2 * MINUTE)
    met = after(started(), service_level.meet(started(), meeting(Objective.CONTAIN, at=FRIDAY + MINUTE)))
    with pytest.raises(ServiceLevelState):
        paused(met, FRIDAY + 2 * MINUTE)


def test_only_a_paused_clock_is_resumed_and_only_one_that_there_is() -> None:
    with pytest.raises(ServiceLevelState):
        resumed(started(), FRIDAY + MINUTE)
    with pytest.raises(ServiceLevelUnknown):
        resumed(ServiceLevels(), FRIDAY + MINUTE)


@settings(max_examples=80, deadline=None)
@given(
    gaps=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 6000)), max_size=5),
    calendar=st.sampled_from([None, ON_OFFICE_HOURS]),
)
def test_however_often_a_clock_is_paused_it_runs_for_exactly_the_minutes_that_were_promised(
    gaps: list[tuple[int, int]], calendar: CalendarRef | None
) -> None:
    state, now, ran = started(calendar), FRIDAY, 0
    definition = definition_of(calendar)
    for running, resting in gaps:
        pause_at = now + running * MINUTE
        if pause_at >= state.clock(Objective.CONTAIN).deadline:
            break
        ran += elapsed(definition, now, pause_at)
        now = pause_at + resting * MINUTE
        state = resumed(paused(state, pause_at), now)
    deadline = state.clock(Objective.CONTAIN).deadline
    assert ran + elapsed(definition, now, deadline) == MINUTES[Objective.CONTAIN] * 60
