"""A case's service levels: clocks that run from its opening, pause only for a reason, and are met or breached.

started ─ (paused ─ resumed)* ─ met
             └─── breached ─── met, late
                     └──────── ended   (the case was closed without what the objective is about)
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.cases import CharterLine, Priority, ResponseType
from contracts.events.people import (
    CalendarDefinition,
    CalendarRef,
    Objective,
    ServiceLevelBreached,
    ServiceLevelEnded,
    ServiceLevelMet,
    ServiceLevelPaused,
    ServiceLevelResumed,
    ServiceLevelRetimed,
    ServiceLevelStarted,
)
from contracts.zones import TZDATA_VERSION
from services.cases.domain.calendars import after, elapsed
from services.cases.domain.case import Case
from services.cases.domain.charter import Deadlines
from services.cases.domain.people_commands import (
    BreachServiceLevel,
    MeetServiceLevels,
    PauseServiceLevel,
    ResumeServiceLevel,
)
from services.cases.domain.people_errors import ReasonMissing, ServiceLevelState, ServiceLevelUnknown

_CONTAINING = (ResponseType.CONTAIN, ResponseType.ELIMINATE)

ServiceLevelEvent = (
    ServiceLevelStarted
    | ServiceLevelPaused
    | ServiceLevelResumed
    | ServiceLevelRetimed
    | ServiceLevelMet
    | ServiceLevelBreached
    | ServiceLevelEnded
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a priority promises: minutes by objective, on a version of a calendar (None: every hour counts)."""

    priority: Priority
    minutes: Mapping[Objective, int]
    calendar: CalendarRef | None
    line: CharterLine


@dataclass(frozen=True, slots=True)
class Clock:
    """One objective's clock. `used_seconds` had gone by before `since`, from when on it runs."""

    episode: int
    objective: Objective
    priority: Priority
    minutes: int
    calendar: CalendarRef | None
    since: datetime
    deadline: datetime
    used_seconds: int = 0
    paused: bool = False
    breached: bool = False
    settled: bool = False
    """Met or ended: nothing changes it any more."""

    @property
    def runs(self) -> bool:
        return not (self.settled or self.breached or self.paused)


@dataclass(frozen=True, slots=True)
class ServiceLevels:
    case_id: str = ""
    episode: int = 0
    clocks: tuple[Clock, ...] = ()
    """Those of the present episode."""

    def clock(self, objective: Objective) -> Clock:
        """Raises ServiceLevelUnknown."""
        for clock in self.clocks:
            if clock.objective is objective:
                return clock
        raise ServiceLevelUnknown("No clock runs for this objective of the case.")


Calendars = Callable[[CalendarRef | None], CalendarDefinition | None]
"""The definition that a clock is on; None where every hour counts."""


def evolve_service_levels(state: ServiceLevels, recorded: Recorded[ServiceLevelEvent]) -> ServiceLevels:
    event = recorded.event
    match event:
        case ServiceLevelStarted():
            clock = Clock(
                event.episode,
                event.objective,
                event.priority,
                event.minutes,
                event.calendar,
                event.started_at,
                event.deadline,
            )
            kept = state.clocks if event.episode == state.episode else ()
            return ServiceLevels(event.case_id, event.episode, (*kept, clock))
        case ServiceLevelPaused():
            return _with(state, event.objective, paused=True, used_seconds=event.used_seconds)
        case ServiceLevelResumed():
            return _with(state, event.objective, paused=False, since=event.resumed_at, deadline=event.deadline)
        case ServiceLevelRetimed():
            return _with(
                state,
                event.objective,
                priority=event.priority,
                minutes=event.minutes,
                calendar=event.calendar,
                used_seconds=event.used_seconds,
                deadline=event.deadline,
            )
        case ServiceLevelMet() | ServiceLevelEnded():
            return _with(state, event.objective, settled=True)
        case ServiceLevelBreached():
            return _with(state, event.objective, breached=True)
        case _:
            assert_never(event)


def _with(state: ServiceLevels, objective: Objective, **changes: object) -> ServiceLevels:
    clocks = tuple(
        replace(each, **changes) if each.objective is objective else each  # type: ignore[arg-type]  # the callers name fields
        for each in state.clocks
    )
    return replace(state, clocks=clocks)


def terms_of(priority: Priority, said: Deadlines, calendar: CalendarRef | None, line: CharterLine) -> Terms:
    minutes = {
        Objective.ACKNOWLEDGE: said.acknowledge_minutes,
        Objective.DECIDE: said.decide_minutes,
        Objective.CONTAIN: said.contain_minutes,
        Objective.RESOLVE: said.resolve_minutes,
    }
    if said.notify_minutes is not None:
        minutes[Objective.NOTIFY] = said.notify_minutes
    return Terms(priority, minutes, calendar, line)


def start(
    state: ServiceLevels, case_id: str, terms: Terms, at: datetime, calendars: Calendars
) -> list[ServiceLevelStarted]:
    """The clocks of the next episode; none while those of the present one are open.

    A reopening is a person's own act, so there is nothing to acknowledge in the episodes after the first.
    """
    if any(not clock.settled for clock in state.clocks):
        return []
    definition = calendars(terms.calendar)
    return [
        ServiceLevelStarted(
            case_id=case_id,
            episode=state.episode + 1,
            objective=objective,
            priority=terms.priority,
            minutes=minutes,
            calendar=terms.calendar,
            tzdata_version=TZDATA_VERSION,
            started_at=at,
            deadline=after(definition, at, minutes * 60),
            charter=terms.line,
        )
        for objective, minutes in terms.minutes.items()
        if state.episode == 0 or objective is not Objective.ACKNOWLEDGE
    ]


def contained(case: Case) -> bool:
    """Whether the plan has steps that contain or eliminate, and every one of them is done."""
    asked = {step.step_id for step in case.plan.steps if step.response_type in _CONTAINING} if case.plan else set()
    return bool(asked) and case.plan is not None and asked <= case.plan.completed


def satisfied_by(case: Case) -> frozenset[Objective]:
    """The objectives that the case's own stream shows to be reached; of a closed case all, for `meet` to settle."""
    if not case.open:
        return frozenset(Objective)
    found = {Objective.ACKNOWLEDGE} if case.assignee is not None else set()
    if case.plan is not None:
        found.add(Objective.DECIDE)
    if contained(case):
        found.add(Objective.CONTAIN)
    return frozenset(found)


def meet(state: ServiceLevels, command: MeetServiceLevels) -> list[ServiceLevelEvent]:
    """Met, late after the deadline; when the case is closed, whatever is left open ends."""
    events: list[ServiceLevelEvent] = []
    for clock in state.clocks:
        met = clock.objective in command.objectives
        if clock.settled or not (met or command.closed):
            continue
        late = clock.breached or (clock.runs and clock.deadline < command.at)
        if late and not clock.breached:
            # The timer would have said so a moment later.
            events.append(_breached(state, clock))
        if met:
            events.append(
                ServiceLevelMet(
                    case_id=state.case_id,
                    episode=clock.episode,
                    objective=clock.objective,
                    met_at=command.at,
                    by_position=command.by_position,
                    late=late,
                )
            )
        else:
            events.append(ServiceLevelEnded(case_id=state.case_id, episode=clock.episode, objective=clock.objective))
    return events


def breach(
    state: ServiceLevels, command: BreachServiceLevel, now: datetime, satisfied: Iterable[Objective]
) -> list[ServiceLevelBreached]:
    """Nothing for a clock that was stopped or retimed; what the ledger has already, `meet` judges by its time."""
    for clock in state.clocks:
        if (clock.episode, clock.objective) == (command.episode, command.objective):
            due = clock.runs and clock.deadline <= now and clock.objective not in satisfied
            return [_breached(state, clock)] if due else []
    return []


def pause(state: ServiceLevels, command: PauseServiceLevel, now: datetime, calendars: Calendars) -> ServiceLevelPaused:
    """Raises ReasonMissing, ServiceLevelUnknown, ServiceLevelState for one that does not run or is overdue."""
    if not command.reason.strip():
        raise ReasonMissing("A clock is paused only for a reason.")
    clock = state.clock(command.objective)
    if not clock.runs or clock.deadline <= now:
        raise ServiceLevelState("The clock does not run, or its time is over.")
    return ServiceLevelPaused(
        case_id=state.case_id,
        episode=clock.episode,
        objective=clock.objective,
        used_seconds=clock.used_seconds + elapsed(calendars(clock.calendar), clock.since, now),
        reason=Sealed.of(command.reason, subject=state.case_id),
    )


def resume(
    state: ServiceLevels, command: ResumeServiceLevel, now: datetime, calendars: Calendars
) -> ServiceLevelResumed:
    """Raises ServiceLevelUnknown, ServiceLevelState for one that is not paused."""
    clock = state.clock(command.objective)
    if not clock.paused or clock.settled:
        raise ServiceLevelState("The clock is not paused.")
    left = max(0, clock.minutes * 60 - clock.used_seconds)
    return ServiceLevelResumed(
        case_id=state.case_id,
        episode=clock.episode,
        objective=clock.objective,
        resumed_at=now,
        deadline=after(calendars(clock.calendar), now, left),
    )


def retime(state: ServiceLevels, terms: Terms, calendars: Calendars, *, relax: bool) -> Iterator[ServiceLevelRetimed]:
    """What another priority does to the clocks that are open: earlier always, later only with `relax`."""
    for clock in state.clocks:
        minutes = terms.minutes.get(clock.objective)
        if minutes is None or clock.settled or clock.breached:
            continue
        left = max(0, minutes * 60 - clock.used_seconds)
        deadline = after(calendars(terms.calendar), clock.since, left)
        later = deadline > clock.deadline
        if deadline == clock.deadline or (later and not relax):
            continue
        yield ServiceLevelRetimed(
            case_id=state.case_id,
            episode=clock.episode,
            objective=clock.objective,
            priority=terms.priority,
            minutes=minutes,
            calendar=terms.calendar,
            used_seconds=clock.used_seconds,
            deadline=deadline,
            relaxed=later,
        )


def inherit(state: ServiceLevels, merged: ServiceLevels, calendars: Calendars) -> Iterator[ServiceLevelRetimed]:
    """The earlier deadlines of a case that is merged into this one, which a merge does not relax."""
    theirs = {clock.objective: clock for clock in merged.clocks if clock.runs}
    for clock in state.clocks:
        other = theirs.get(clock.objective)
        if other is None or not clock.runs or other.deadline >= clock.deadline:
            continue
        left = elapsed(calendars(other.calendar), clock.since, other.deadline)
        yield ServiceLevelRetimed(
            case_id=state.case_id,
            episode=clock.episode,
            objective=clock.objective,
            priority=clock.priority,
            minutes=other.minutes,
            calendar=other.calendar,
            used_seconds=other.minutes * 60 - left,
            deadline=other.deadline,
            relaxed=False,
        )


def _breached(state: ServiceLevels, clock: Clock) -> ServiceLevelBreached:
    return ServiceLevelBreached(
        case_id=state.case_id,
        episode=clock.episode,
        objective=clock.objective,
        priority=clock.priority,
        deadline=clock.deadline,
    )
