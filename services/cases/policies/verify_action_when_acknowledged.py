"""The receiver said yes, which proves nothing: the target's state is read back by another path."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import ActionAcknowledged
from contracts.labels import Label
from infra.read_database.policies import Activation, Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.action import Status
from services.cases.domain.commands import EvidenceGiven, VerifyAction
from services.cases.domain.repertoire import READ_BACK


class VerifyActionWhenAcknowledged(Policy):
    ID = "verify_action_when_acknowledged"
    TOPICS = frozenset({ActionAcknowledged})
    ACTIVATION = Activation.START

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: ActionAcknowledged = recorded.event
        call = origin.call()
        action = await self._application.acting.action_of(recorded.tenant_id, event.action_id)
        intent = action.dispatched
        if intent is None or action.status is not Status.ACKNOWLEDGED or intent.verify_by != READ_BACK:
            return
        seen = await self._application.delivery.observe(recorded.tenant_id, intent)
        command = VerifyAction(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            action_id=event.action_id,
            effective=seen.effective,
            path=READ_BACK,
            observation=EvidenceGiven(label=Label.AMBER, summary=seen.summary),
            reason=seen.reason,
        )
        await self._application.acting.verify_action(call, command)
