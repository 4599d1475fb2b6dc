"""The intent is on record: now the order goes out, and what the receiver says is recorded."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import ActionDispatched
from infra.read_database.policies import Activation, Origin, Policy
from services.cases.application import CasesApplication
from services.cases.connectors.port import Acknowledged, Refused
from services.cases.domain.action import Status
from services.cases.domain.commands import AcknowledgeAction, LoseAction, RefuseAction


class SendActionWhenDispatched(Policy):
    ID = "send_action_when_dispatched"
    TOPICS = frozenset({ActionDispatched})
    # An intent that was recorded before this policy began must not be left unsent without a word.
    ACTIVATION = Activation.START

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: ActionDispatched = recorded.event
        acting, call = self._application.acting, origin.call()
        action = await acting.action_of(recorded.tenant_id, event.action_id)
        if action.status is not Status.DISPATCHED:
            return
        answer = await self._application.delivery.deliver(recorded.tenant_id, event)
        tenant_id, request_id, action_id = call.tenant_id, call.request_id, event.action_id
        if isinstance(answer, Acknowledged):
            taken = AcknowledgeAction(
                tenant_id=tenant_id, request_id=request_id, action_id=action_id, receipt=answer.receipt
            )
            await acting.acknowledge_action(call, taken)
        elif isinstance(answer, Refused):
            refused = RefuseAction(
                tenant_id=tenant_id,
                request_id=request_id,
                action_id=action_id,
                reason=answer.reason,
                detail=answer.detail,
            )
            await acting.refuse_action(call, refused)
        else:
            lost = LoseAction(tenant_id=tenant_id, request_id=request_id, action_id=action_id, reason=answer.reason)
            await acting.lose_action(call, lost)
