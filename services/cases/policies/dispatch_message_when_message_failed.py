"""What could not be brought over one channel goes over the person's next one, and a page at last to the next person."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.messages import MessageAbout, MessageLost, MessageRefused
from infra.read_database.policies import Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.commands import DispatchMessage
from services.cases.domain.people_commands import DispatchPageMessage


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
        if intent.about is MessageAbout.PAGE:
            again = DispatchPageMessage(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                about_position=intent.about_position,
                after=intent.channel,
            )
            await self._application.page_messages.dispatch_page_message(call, again)
            return
        command = DispatchMessage(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            about=intent.about,
            about_position=intent.about_position,
            after=intent.channel,
        )
        await self._application.messaging.dispatch_message(call, command)
