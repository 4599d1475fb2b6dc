"""What could not be brought over one channel goes over the contact's next one."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.messages import MessageLost, MessageRefused
from infra.read_database.policies import Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.commands import DispatchMessage


class DispatchMessageWhenMessageFailed(Policy):
    ID = "dispatch_message_when_message_failed"
    TOPICS = frozenset({MessageRefused, MessageLost})

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        message = await self._application.messaging.message_of(recorded.tenant_id, recorded.event.message_id)
        intent = message.dispatched
        assert intent is not None  # It failed, so it was dispatched.
        call = origin.call()
        command = DispatchMessage(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            about=intent.about,
            about_position=intent.about_position,
            after=intent.channel,
        )
        await self._application.messaging.dispatch_message(call, command)
