"""A case of priority P1 or P2, from its opening or raised to it later, calls whoever is on call."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import CaseOpened
from contracts.events.people import CasePriorityChanged, PageAbout
from infra.read_database.policies import Origin, Policy
from services.cases.application.people import PeopleApplication
from services.cases.domain.acknowledgement import URGENT
from services.cases.domain.people_commands import SendPage


class SendPageWhenCaseUrgent(Policy):
    ID = "send_page_when_case_urgent"
    TOPICS = frozenset({CaseOpened, CasePriorityChanged})

    def __init__(self, people: PeopleApplication) -> None:
        self._calling = people.calling

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: CaseOpened | CasePriorityChanged = recorded.event
        was_urgent = isinstance(event, CasePriorityChanged) and event.previous in URGENT
        if event.priority not in URGENT or was_urgent:
            return
        call = origin.call()
        command = SendPage(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            about=PageAbout.CASE,
            about_id=event.case_id,
            priority=event.priority,
            cause=str(recorded.position),
        )
        await self._calling.send_page(call, command)
