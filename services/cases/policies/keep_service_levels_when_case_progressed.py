"""A case's clocks begin when it is opened, and each is met when the case has what its objective asks for."""

from typing import Any

from contracts.calls import AuthenticatedBy
from contracts.events.base import Recorded
from contracts.events.case_work import CaseMerged, CaseUnmerged
from contracts.events.cases import CaseAssigned, CaseClosed, CaseOpened, CaseReopened, PlanDecided, StepCompleted
from contracts.events.people import Objective, PageAbout, PageAcknowledged
from infra.read_database.policies import Origin, Policy
from services.cases.application.people import PeopleApplication
from services.cases.domain.people_commands import InheritServiceLevels, MeetServiceLevels, StartServiceLevels


class KeepServiceLevelsWhenCaseProgressed(Policy):
    """One policy for all of it, because a reopening has to come after the closing before it."""

    ID = "keep_service_levels_when_case_progressed"
    TOPICS = frozenset(
        {
            CaseOpened,
            CaseReopened,
            CaseUnmerged,
            CaseAssigned,
            PageAcknowledged,
            PlanDecided,
            StepCompleted,
            CaseClosed,
            CaseMerged,
        }
    )

    def __init__(self, people: PeopleApplication) -> None:
        self._levels = people.service_levels

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event, call = recorded.event, origin.call()
        if isinstance(event, CaseOpened | CaseReopened | CaseUnmerged):
            command = StartServiceLevels(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                case_id=event.case_id,
                at=recorded.recorded_at,
                # A closed case that was merged is closed again when the merge is taken back.
                if_open=isinstance(event, CaseUnmerged),
            )
            await self._levels.start_service_levels(call, command)
            return
        if isinstance(event, PageAcknowledged) and event.about is not PageAbout.CASE:
            return
        if isinstance(event, CaseMerged):
            # Before its own clocks end: what was promised for it is promised for the case that it is worked in.
            other = origin.call(1)
            inherit = InheritServiceLevels(
                tenant_id=other.tenant_id,
                request_id=other.request_id,
                case_id=event.into_case_id,
                merged_case_id=event.case_id,
            )
            await self._levels.inherit_service_levels(other, inherit)
        met = MeetServiceLevels(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=event.about_id if isinstance(event, PageAcknowledged) else event.case_id,
            objectives=_objectives(recorded),
            by_position=recorded.position,
            at=recorded.recorded_at,
            closed=isinstance(event, CaseClosed | CaseMerged),
        )
        await self._levels.meet_service_levels(call, met)


def _objectives(recorded: Recorded[Any]) -> tuple[Objective, ...]:
    by_person = recorded.envelope.actor.authenticated_by is AuthenticatedBy.OIDC
    match recorded.event:
        case CaseAssigned():
            return (Objective.ACKNOWLEDGE,)
        case PageAcknowledged():
            # The append that recorded it met the clock; here is the one that had not begun yet.
            return (Objective.ACKNOWLEDGE,)
        case PlanDecided():
            return (Objective.DECIDE, Objective.ACKNOWLEDGE) if by_person else (Objective.DECIDE,)
        case StepCompleted():
            return (Objective.CONTAIN,)
        case CaseClosed():
            return (Objective.ACKNOWLEDGE, Objective.CONTAIN, Objective.RESOLVE)
        case _:
            return ()
