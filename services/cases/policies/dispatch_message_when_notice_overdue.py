"""A notice that nobody acknowledged in time goes over the contact's next channel as well."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import NoticeOverdue
from contracts.events.messages import MessageAbout
from infra.read_database.policies import Origin, Policy
from infra.read_database.reader.conditions import descending, equal
from infra.read_database.reader.pages import PageRequest
from infra.read_database.reader.queries import Reader
from services.cases.application import CasesApplication
from services.cases.domain.commands import DispatchMessage
from services.cases.projections import MESSAGES, NOTICES


class DispatchMessageWhenNoticeOverdue(Policy):
    ID = "dispatch_message_when_notice_overdue"
    TOPICS = frozenset({NoticeOverdue})

    def __init__(self, application: CasesApplication, reader: Reader) -> None:
        self._application, self._reader = application, reader

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: NoticeOverdue = recorded.event
        await self._reader.waited(recorded.tenant_id, recorded.position, None, NOTICES, MESSAGES)
        notice = await NOTICES.get(self._reader, recorded.tenant_id, event.notice_id)
        if notice is None:
            return
        sent = await MESSAGES.list(
            self._reader,
            [recorded.tenant_id],
            [equal("about_id", event.notice_id)],
            [descending("first_position")],
            PageRequest(1),
        )
        last = sent.items[0].document.intent.channel if sent.items else notice.document.notice.channel
        call = origin.call()
        command = DispatchMessage(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            about=MessageAbout.NOTICE,
            about_position=notice.document.sent.position,
            after=last,
        )
        await self._application.messaging.dispatch_message(call, command)
