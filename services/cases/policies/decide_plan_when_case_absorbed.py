"""A case that takes another one in, and has no plan, gets one at once where the charter's line says so."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.case_work import CaseAbsorbed
from infra.read_database.policies import Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.commands import DecidePlan


class DecidePlanWhenCaseAbsorbed(Policy):
    ID = "decide_plan_when_case_absorbed"
    TOPICS = frozenset({CaseAbsorbed})

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: CaseAbsorbed = recorded.event
        call = origin.call()
        command = DecidePlan(
            tenant_id=call.tenant_id, request_id=call.request_id, case_id=event.case_id, automatic=True
        )
        await self._application.planning.decide_plan(call, command)
