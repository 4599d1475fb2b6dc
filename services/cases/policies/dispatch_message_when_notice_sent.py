"""A notice or an enquiry over a channel that brings messages by itself goes out at once."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import EnquirySent, NoticeSent
from contracts.events.messages import MessageAbout
from infra.read_database.policies import Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.commands import DispatchMessage


class DispatchMessageWhenNoticeSent(Policy):
    ID = "dispatch_message_when_notice_sent"
    TOPICS = frozenset({NoticeSent, EnquirySent})

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        about = MessageAbout.NOTICE if isinstance(recorded.event, NoticeSent) else MessageAbout.ENQUIRY
        call = origin.call()
        command = DispatchMessage(
            tenant_id=call.tenant_id, request_id=call.request_id, about=about, about_position=recorded.position
        )
        await self._application.messaging.dispatch_message(call, command)
