"""From a recorded intent to its outcome: send, record what the receiver said, look at the effect, record what was seen.

Every step can be taken again after a crash: the receiver is asked before anything is sent, and the commands have the
same request ids whoever issues them.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.events.cases import ActionDispatched
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.labels import Label
from contracts.roles import Role
from infra.telemetry import current_traceparent, span
from services.cases.application.acting import Acting
from services.cases.application.delivery import Delivery
from services.cases.application.outbox import Intent
from services.cases.connectors.port import Acknowledged, Refused
from services.cases.domain.action import Status
from services.cases.domain.commands import (
    AcknowledgeAction,
    EvidenceGiven,
    LoseAction,
    RefuseAction,
    VerifyAction,
)
from services.cases.domain.repertoire import READ_BACK

ACTOR = "policy:send_action_when_dispatched"


class CarryingOut:
    def __init__(self, acting: Acting, delivery: Delivery, clock: Callable[[], datetime]) -> None:
        self._acting, self._delivery, self._clock = acting, delivery, clock

    async def carry_out(self, wanted: Intent) -> None:
        """Does what is left to do for an action. Nothing for one whose outcome a person has to find or to verify."""
        tenant_id = wanted.tenant_id
        with span("carry out action", parent=wanted.trace_parent or None, tenant=tenant_id):
            action = await self._acting.action_of(tenant_id, wanted.id)
            intent = action.dispatched
            if intent is None:
                return
            base = self._base(tenant_id, current_traceparent() or wanted.trace_parent, wanted.correlation_id)
            if action.status is Status.DISPATCHED:
                await self._send(base, intent)
                action = await self._acting.action_of(tenant_id, wanted.id)
            if action.status is Status.ACKNOWLEDGED and intent.verify_by == READ_BACK:
                await self._observe(base, intent)

    async def _send(self, base: Call, intent: ActionDispatched) -> None:
        answer = await self._delivery.deliver(base.tenant_id, intent)
        call = self._call(base, intent, "send")
        tenant_id, request_id, action_id = call.tenant_id, call.request_id, intent.action_id
        if isinstance(answer, Acknowledged):
            taken = AcknowledgeAction(
                tenant_id=tenant_id, request_id=request_id, action_id=action_id, receipt=answer.receipt
            )
            await self._acting.acknowledge_action(call, taken)
        elif isinstance(answer, Refused):
            refused = RefuseAction(
                tenant_id=tenant_id,
                request_id=request_id,
                action_id=action_id,
                reason=answer.reason,
                detail=answer.detail,
            )
            await self._acting.refuse_action(call, refused)
        else:
            lost = LoseAction(tenant_id=tenant_id, request_id=request_id, action_id=action_id, reason=answer.reason)
            await self._acting.lose_action(call, lost)

    async def _observe(self, base: Call, intent: ActionDispatched) -> None:
        seen = await self._delivery.observe(base.tenant_id, intent)
        call = self._call(base, intent, "observe")
        command = VerifyAction(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            action_id=intent.action_id,
            effective=seen.effective,
            path=READ_BACK,
            observation=EvidenceGiven(label=Label.AMBER, summary=seen.summary),
            reason=seen.reason,
        )
        await self._acting.verify_action(call, command)

    def _base(self, tenant_id: TenantId, trace_parent: str, correlation: str) -> Call:
        return Call(
            tenant_id=tenant_id,
            actor=Actor(ACTOR, AuthenticatedBy.SERVICE, PROVIDER),
            rpc=ACTOR,
            request_id="",
            now=self._clock(),
            roles=frozenset({Role.SERVICE}),
            correlation_id=correlation,
            trace_parent=trace_parent,
        )

    def _call(self, base: Call, intent: ActionDispatched, part: str) -> Call:
        """The call that records a part's outcome, at the time when it became known."""
        return replace(base, request_id=derive_id("request", ACTOR, intent.action_id, part), now=self._clock())
