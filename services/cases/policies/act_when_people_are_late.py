"""What happens when people's time is over: the next one is called, a clock is breached, an answer is overdue.

And what is done from time to time: looking at coverage ahead, and asking whether somebody is there.
"""

from collections.abc import Mapping
from typing import Any

from contracts.calls import Call
from contracts.events.cases import Priority
from contracts.events.people import PageAbout
from infra.read_database.timers import TimerHandler
from services.cases.application.people import PeopleApplication
from services.cases.domain.people_commands import (
    BreachServiceLevel,
    CheckCoverage,
    EscalatePage,
    MarkQuestionOverdue,
    SendPage,
)
from services.cases.projections.pages import ESCALATE_PAGE
from services.cases.projections.questions import MARK_QUESTION_OVERDUE
from services.cases.projections.rotas import CHECK_COVERAGE, SEND_PROBE
from services.cases.projections.service_levels import BREACH_SERVICE_LEVEL


class PeopleTimers:
    def __init__(self, people: PeopleApplication) -> None:
        self._people = people

    def handlers(self) -> Mapping[str, TimerHandler]:
        return {
            ESCALATE_PAGE: self.escalate_page,
            BREACH_SERVICE_LEVEL: self.breach_service_level,
            MARK_QUESTION_OVERDUE: self.mark_question_overdue,
            CHECK_COVERAGE: self.check_coverage,
            SEND_PROBE: self.send_probe,
        }

    async def escalate_page(self, call: Call, payload: Mapping[str, Any]) -> None:
        command = EscalatePage(tenant_id=call.tenant_id, request_id=call.request_id, **payload)
        await self._people.calling.escalate_page(call, command)

    async def breach_service_level(self, call: Call, payload: Mapping[str, Any]) -> None:
        command = BreachServiceLevel(tenant_id=call.tenant_id, request_id=call.request_id, **payload)
        await self._people.service_levels.breach_service_level(call, command)

    async def mark_question_overdue(self, call: Call, payload: Mapping[str, Any]) -> None:
        command = MarkQuestionOverdue(tenant_id=call.tenant_id, request_id=call.request_id, **payload)
        await self._people.questions.mark_question_overdue(call, command)

    async def check_coverage(self, call: Call, payload: Mapping[str, Any]) -> None:
        command = CheckCoverage(tenant_id=call.tenant_id, request_id=call.request_id, **payload)
        await self._people.rotas.check_coverage(call, command)

    async def send_probe(self, call: Call, payload: Mapping[str, Any]) -> None:
        command = SendPage(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            about=PageAbout.PROBE,
            about_id=payload["rota_id"],
            priority=Priority.P3,
            cause=payload["cause"],
            rota_id=payload["rota_id"],
        )
        await self._people.calling.send_page(call, command)
