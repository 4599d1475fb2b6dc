"""A pre-authorised step is dispatched without anybody's further word once its service window has opened."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import StepReleased
from infra.read_database.policies import Origin, Policy
from services.cases.application.automation import Automation


class DispatchActionWhenStepReleased(Policy):
    ID = "dispatch_action_when_step_released"
    TOPICS = frozenset({StepReleased})

    def __init__(self, automation: Automation) -> None:
        self._automation = automation

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: StepReleased = recorded.event
        await self._automation.dispatch_next(recorded.tenant_id, event.case_id, origin.call)
