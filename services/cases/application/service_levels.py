"""Commands on the clocks of cases, and on the calendars that they run by."""

from collections.abc import Iterable

from contracts.calls import Call
from contracts.events.cases import Priority
from contracts.events.people import CalendarDefinition, CalendarRef, Objective
from contracts.ids import derive_id
from contracts.roles import Role
from infra.event_store.handler import CommandHandler, Committed, Unit
from services.cases.application.charters import Charters
from services.cases.application.grounds import loaded_case
from services.cases.application.people_aggregates import CALENDAR, SERVICE_LEVEL
from services.cases.domain import calendars, priority, service_level
from services.cases.domain.people_commands import (
    BreachServiceLevel,
    ChangeCasePriority,
    InheritServiceLevels,
    MeetServiceLevels,
    PauseServiceLevel,
    PublishCalendar,
    ResumeServiceLevel,
    StartServiceLevels,
)
from services.cases.domain.service_level import Calendars, Terms


def service_level_of(case_id: str) -> str:
    """The stream of a case's clocks."""
    return derive_id("service_level", case_id)


class KeepingServiceLevels:
    def __init__(self, handler: CommandHandler, charters: Charters) -> None:
        self._handler, self._charters = handler, charters

    async def publish_calendar(self, call: Call, command: PublishCalendar) -> Committed:
        async def work(unit: Unit) -> None:
            calendar_id = calendars.calendar_id_of(command.tenant_id, command.definition.name)
            loaded = await unit.load(CALENDAR, calendar_id)
            unit.append(loaded, calendars.publish_calendar(loaded.state, command.tenant_id, command.definition))

        return await self._handler.handle(call, command, work)

    async def start_service_levels(self, call: Call, command: StartServiceLevels) -> Committed:
        """Nothing where the charter in force promises nothing for the case's priority."""

        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            terms = await self._terms(unit, case.state.priority)
            if terms is None or (command.if_open and not case.state.open):
                return
            levels = await unit.load(SERVICE_LEVEL, service_level_of(command.case_id))
            known = await _definitions(unit, [terms.calendar])
            unit.append(levels, service_level.start(levels.state, command.case_id, terms, command.at, known))

        return await self._handler.handle(call, command, work)

    async def meet_service_levels(self, call: Call, command: MeetServiceLevels) -> Committed:
        async def work(unit: Unit) -> None:
            levels = await unit.load(SERVICE_LEVEL, service_level_of(command.case_id))
            case = await loaded_case(unit, command.case_id)
            # Of containment an event tells a part only; the case tells whether it was the last one.
            contained = service_level.contained(case.state)
            asked = tuple(each for each in command.objectives if each is not Objective.CONTAIN or contained)
            met = command.model_copy(update={"objectives": asked})
            unit.append(levels, service_level.meet(levels.state, met))

        return await self._handler.handle(call, command, work)

    async def inherit_service_levels(self, call: Call, command: InheritServiceLevels) -> Committed:
        async def work(unit: Unit) -> None:
            levels = await unit.load(SERVICE_LEVEL, service_level_of(command.case_id))
            merged = await unit.load(SERVICE_LEVEL, service_level_of(command.merged_case_id))
            known = await _definitions(unit, [clock.calendar for clock in merged.state.clocks])
            unit.append(levels, list(service_level.inherit(levels.state, merged.state, known)))

        return await self._handler.handle(call, command, work)

    async def breach_service_level(self, call: Call, command: BreachServiceLevel) -> Committed:
        async def work(unit: Unit) -> None:
            levels = await unit.load(SERVICE_LEVEL, service_level_of(command.case_id))
            case = await loaded_case(unit, command.case_id)
            unit.require(case)
            satisfied = service_level.satisfied_by(case.state)
            unit.append(levels, service_level.breach(levels.state, command, call.now, satisfied))

        return await self._handler.handle(call, command, work)

    async def pause_service_level(self, call: Call, command: PauseServiceLevel) -> Committed:
        async def work(unit: Unit) -> None:
            levels = await unit.load(SERVICE_LEVEL, service_level_of(command.case_id))
            known = await _definitions(unit, [clock.calendar for clock in levels.state.clocks])
            unit.append(levels, [service_level.pause(levels.state, command, call.now, known)])

        return await self._handler.handle(call, command, work)

    async def resume_service_level(self, call: Call, command: ResumeServiceLevel) -> Committed:
        async def work(unit: Unit) -> None:
            levels = await unit.load(SERVICE_LEVEL, service_level_of(command.case_id))
            known = await _definitions(unit, [clock.calendar for clock in levels.state.clocks])
            unit.append(levels, [service_level.resume(levels.state, command, call.now, known)])

        return await self._handler.handle(call, command, work)

    async def change_case_priority(self, call: Call, command: ChangeCasePriority) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            event = priority.change_priority(case.state, command, lead=Role.LEAD in call.roles)
            unit.append(case, [event])
            levels = await unit.load(SERVICE_LEVEL, service_level_of(command.case_id))
            terms = await self._terms(unit, command.priority)
            if terms is not None:
                known = await _definitions(unit, [terms.calendar])
                retimed = service_level.retime(levels.state, terms, known, relax=command.relax)
                unit.append(levels, list(retimed))

        return await self._handler.handle(call, command, work)

    async def _terms(self, unit: Unit, of: Priority) -> Terms | None:
        found = await self._charters.find(unit)
        said = found.force.charter.deadlines.get(of) if found is not None else None
        if found is None or said is None:
            return None
        unit.cite(found.fact)
        calendar = await calendar_named(unit, said.calendar)
        reference = calendar[0] if calendar is not None else None
        return service_level.terms_of(of, said, reference, found.force.cite(f"deadlines/{of.value}"))


async def calendar_named(unit: Unit, name: str) -> tuple[CalendarRef, CalendarDefinition] | None:
    """The latest version of the tenant's calendar of that name; None without one, so that every hour counts."""
    if not name:
        return None
    loaded = await unit.load(CALENDAR, calendars.calendar_id_of(unit.tenant_id, name))
    if not loaded.state.versions:
        return None
    latest = loaded.state.versions[-1]
    return calendars.reference_to(latest), latest.definition


async def _definitions(unit: Unit, references: Iterable[CalendarRef | None]) -> Calendars:
    known: dict[CalendarRef, CalendarDefinition] = {}
    for reference in references:
        if reference is not None and reference not in known:
            known[reference] = (await unit.load(CALENDAR, reference.calendar_id)).state.at(reference)
    return lambda reference: known[reference] if reference is not None else None
