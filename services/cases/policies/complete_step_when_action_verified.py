"""A step is done once its action was observed to work."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import ActionVerified
from infra.read_database.policies import Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.commands import CompleteStep


class CompleteStepWhenActionVerified(Policy):
    ID = "complete_step_when_action_verified"
    TOPICS = frozenset({ActionVerified})

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: ActionVerified = recorded.event
        action = await self._application.acting.action_of(recorded.tenant_id, event.action_id)
        intent = action.dispatched
        if intent is None or intent.reverses_action_id is not None:
            return
        call = origin.call()
        command = CompleteStep(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=intent.basis.case_id,
            plan_id=intent.basis.plan_id,
            step_id=intent.basis.step_id,
            result=f"Verified by {event.path}",
        )
        await self._application.planning.complete_step(call, command)
