"""Whoever is called by a page is told so at once, by the first of their ways."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.people import PageEscalated, PageSent
from infra.read_database.policies import Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.people_commands import DispatchPageMessage


class DispatchMessageWhenPageSent(Policy):
    ID = "dispatch_message_when_page_sent"
    TOPICS = frozenset({PageSent, PageEscalated})

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        call = origin.call()
        command = DispatchPageMessage(
            tenant_id=call.tenant_id, request_id=call.request_id, about_position=recorded.position
        )
        await self._application.page_messages.dispatch_page_message(call, command)
