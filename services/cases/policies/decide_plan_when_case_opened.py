"""Where the charter's line says so, the plan of a new case is decided at once; elsewhere an analyst decides."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import CaseOpened
from infra.read_database.policies import Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.commands import DecidePlan


class DecidePlanWhenCaseOpened(Policy):
    ID = "decide_plan_when_case_opened"
    TOPICS = frozenset({CaseOpened})

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: CaseOpened = recorded.event
        call = origin.call()
        command = DecidePlan(
            tenant_id=call.tenant_id, request_id=call.request_id, case_id=event.case_id, automatic=True
        )
        await self._application.planning.decide_plan(call, command)
