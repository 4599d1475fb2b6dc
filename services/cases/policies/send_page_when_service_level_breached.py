"""A breached service level goes to the leads at once."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.people import PageAbout, ServiceLevelBreached
from infra.read_database.policies import Origin, Policy
from services.cases.application.people import PeopleApplication
from services.cases.domain.people_commands import SendPage


class SendPageWhenServiceLevelBreached(Policy):
    ID = "send_page_when_service_level_breached"
    TOPICS = frozenset({ServiceLevelBreached})

    def __init__(self, people: PeopleApplication) -> None:
        self._calling = people.calling

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: ServiceLevelBreached = recorded.event
        call = origin.call()
        command = SendPage(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            about=PageAbout.SERVICE_LEVEL,
            about_id=event.case_id,
            detail=event.objective.value,
            priority=event.priority,
            cause=str(recorded.position),
        )
        await self._calling.send_page(call, command)
