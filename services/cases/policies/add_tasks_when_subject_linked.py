"""What the charter wants seen to before a case of this kind is closed stands among its tasks from the beginning."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import CaseOpened, SubjectLinked
from infra.read_database.policies import Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.work_commands import AddClosingTasks


class AddTasksWhenSubjectLinked(Policy):
    ID = "add_tasks_when_subject_linked"
    TOPICS = frozenset({CaseOpened, SubjectLinked})

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event = recorded.event
        call = origin.call()
        command = AddClosingTasks(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=event.case_id,
            subject_kind=event.subject.kind,
            subject_id=event.subject.id,
        )
        await self._application.case_work.add_closing_tasks(call, command)
