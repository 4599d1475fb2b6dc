"""Hours ahead that nobody covers are brought to the leads, once a gap."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import Priority
from contracts.events.people import CoverageGapFound, PageAbout
from infra.read_database.policies import Origin, Policy
from services.cases.application.people import PeopleApplication
from services.cases.domain.people_commands import SendPage


class SendPageWhenCoverageGapFound(Policy):
    ID = "send_page_when_coverage_gap_found"
    TOPICS = frozenset({CoverageGapFound})

    def __init__(self, people: PeopleApplication) -> None:
        self._calling = people.calling

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: CoverageGapFound = recorded.event
        call = origin.call()
        command = SendPage(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            about=PageAbout.COVERAGE_GAP,
            about_id=event.gap_id,
            priority=Priority.P3,
            cause="",
            rota_id=event.rota_id,
        )
        await self._calling.send_page(call, command)
