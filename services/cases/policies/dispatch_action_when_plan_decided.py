"""A pre-authorised step is dispatched without anybody's further word once a plan was decided."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import PlanDecided
from infra.read_database.policies import Origin, Policy
from services.cases.application.automation import Automation


class DispatchActionWhenPlanDecided(Policy):
    ID = "dispatch_action_when_plan_decided"
    TOPICS = frozenset({PlanDecided})

    def __init__(self, automation: Automation) -> None:
        self._automation = automation

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: PlanDecided = recorded.event
        await self._automation.dispatch_next(recorded.tenant_id, event.case_id, origin.call)
