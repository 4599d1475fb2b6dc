"""From a recorded message to its outcome: written, handed over once, and recorded.

A messenger, unlike a receiver of actions, can seldom be asked what it did. So the attempt is recorded before it is
made: what was being handed over when a process died counts as lost, and the person's next channel is taken.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.events.messages import MessageAbout, MessageDispatched
from contracts.ids import PROVIDER, derive_id
from contracts.roles import Role
from infra.event_store.openings import Erased, Openings
from infra.telemetry import current_traceparent, span
from services.cases.application.message_texts import sealed_of, text_of, title_of
from services.cases.application.messaging import Messaging
from services.cases.application.outbox import Intent
from services.cases.application.page_messages import PageMessages
from services.cases.connectors import messages
from services.cases.connectors.port import Acknowledged, Refused, Unknown
from services.cases.connectors.registry import Connectors
from services.cases.domain.commands import AcceptMessage, AttemptMessage, LoseMessage, RefuseMessage
from services.cases.domain.errors import ConnectorUnknown
from services.cases.domain.message import UNSETTLED, MessageStatus

INTERRUPTED = "INTERRUPTED"
"""The process that was handing it over is gone."""
ACTOR = "policy:send_message_when_dispatched"
SEND_PAUSES_SECONDS = (0.0, 1.0, 5.0)
"""Before each try. Only what surely was not taken over is tried again."""


class Posting:
    def __init__(
        self,
        messaging: Messaging,
        pages: PageMessages,
        openings: Openings,
        connectors: Connectors,
        clock: Callable[[], datetime],
    ) -> None:
        self._messaging, self._pages, self._openings = messaging, pages, openings
        self._connectors, self._clock = connectors, clock

    async def carry_out(self, wanted: Intent) -> None:
        with span("send message", parent=wanted.trace_parent or None, tenant=wanted.tenant_id):
            message = await self._messaging.message_of(wanted.tenant_id, wanted.id)
            intent = message.dispatched
            if intent is None or message.status not in UNSETTLED:
                return
            answer: Acknowledged | Refused | Unknown = Unknown(INTERRUPTED)
            if message.status is MessageStatus.DISPATCHED:
                await self._attempt(wanted)
                answer = await self._send(wanted, intent)
            await self._record(wanted, answer)

    async def _send(self, wanted: Intent, intent: MessageDispatched) -> Acknowledged | Refused | Unknown:
        # A page goes to one of the provider's people, so never by a messenger that is one customer's.
        whose = PROVIDER if intent.about is MessageAbout.PAGE else wanted.tenant_id
        try:
            messenger = self._connectors.messenger(whose, intent.messenger)
        except ConnectorUnknown as error:
            return Refused(error.reason, "No such messenger is configured for this tenant.")
        message = await self._written(wanted, intent)
        if isinstance(message, Refused):
            return message
        answer: Acknowledged | Refused | Unknown = Unknown("NOT_TRIED")
        for pause in SEND_PAUSES_SECONDS:
            await asyncio.sleep(pause)
            answer = await messenger.send(message)
            if not isinstance(answer, Refused) or not answer.transient:
                return answer
        return answer

    async def _written(self, wanted: Intent, intent: MessageDispatched) -> messages.Message | Refused:
        if intent.address is None:
            return await self._pages.written(wanted.tenant_id, intent)
        told = await self._messaging.told_at(wanted.tenant_id, intent.about_position)
        opened = await self._openings.open(wanted.tenant_id, [intent.address, *sealed_of(told.event)])
        address = opened[intent.address]
        if isinstance(address, Erased):
            return Refused("ADDRESS_ERASED", "The contact's address was erased before the message was sent.")
        return messages.Message(
            message_id=intent.message_id,
            address=address,
            label=intent.label,
            title=title_of(wanted.tenant_id, told.event),
            text=text_of(told.event, opened),
        )

    async def _attempt(self, wanted: Intent) -> None:
        call = self._call(wanted, "attempt")
        command = AttemptMessage(tenant_id=call.tenant_id, request_id=call.request_id, message_id=wanted.id)
        await self._messaging.attempt_message(call, command)

    async def _record(self, wanted: Intent, answer: Acknowledged | Refused | Unknown) -> None:
        call = self._call(wanted, "outcome")
        tenant_id, request_id, message_id = wanted.tenant_id, call.request_id, wanted.id
        if isinstance(answer, Acknowledged):
            accepted = AcceptMessage(
                tenant_id=tenant_id, request_id=request_id, message_id=message_id, receipt=answer.receipt
            )
            await self._messaging.accept_message(call, accepted)
        elif isinstance(answer, Refused):
            refused = RefuseMessage(
                tenant_id=tenant_id,
                request_id=request_id,
                message_id=message_id,
                reason=answer.reason,
                detail=answer.detail,
            )
            await self._messaging.refuse_message(call, refused)
        else:
            lost = LoseMessage(tenant_id=tenant_id, request_id=request_id, message_id=message_id, reason=answer.reason)
            await self._messaging.lose_message(call, lost)

    def _call(self, wanted: Intent, part: str) -> Call:
        return Call(
            tenant_id=wanted.tenant_id,
            actor=Actor(ACTOR, AuthenticatedBy.SERVICE, PROVIDER),
            rpc=ACTOR,
            request_id=derive_id("request", ACTOR, wanted.id, part),
            now=self._clock(),
            roles=frozenset({Role.SERVICE}),
            correlation_id=wanted.correlation_id,
            trace_parent=current_traceparent() or wanted.trace_parent,
        )
