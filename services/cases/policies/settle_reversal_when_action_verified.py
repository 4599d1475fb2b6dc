"""Once a reverse was observed to work, the effect of the action that it reverses has ended."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import ActionVerified
from infra.read_database.policies import Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.commands import SettleReversal


class SettleReversalWhenActionVerified(Policy):
    ID = "settle_reversal_when_action_verified"
    TOPICS = frozenset({ActionVerified})

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: ActionVerified = recorded.event
        action = await self._application.acting.action_of(recorded.tenant_id, event.action_id)
        if action.dispatched is None or action.dispatched.reverses_action_id is None:
            return
        call = origin.call()
        command = SettleReversal(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            action_id=action.dispatched.reverses_action_id,
            by_action_id=event.action_id,
        )
        await self._application.acting.settle_reversal(call, command)
