"""A question that was not answered in time goes to the leads."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import Priority
from contracts.events.people import PageAbout, QuestionOverdue
from infra.read_database.policies import Origin, Policy
from services.cases.application.people import PeopleApplication
from services.cases.domain.people_commands import SendPage


class SendPageWhenQuestionOverdue(Policy):
    ID = "send_page_when_question_overdue"
    TOPICS = frozenset({QuestionOverdue})

    def __init__(self, people: PeopleApplication) -> None:
        self._calling = people.calling

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: QuestionOverdue = recorded.event
        call = origin.call()
        command = SendPage(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            about=PageAbout.QUESTION,
            about_id=event.question_id,
            priority=Priority.P3,
            cause=str(recorded.position),
        )
        await self._calling.send_page(call, command)
