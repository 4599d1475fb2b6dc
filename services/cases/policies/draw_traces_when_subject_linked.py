"""What comes into a case leaves its traces there: observables, rule and techniques, for others to be compared with."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import CaseOpened, SubjectLinked
from infra.read_database.policies import Activation, Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.work_commands import DrawTraces


class DrawTracesWhenSubjectLinked(Policy):
    ID = "draw_traces_when_subject_linked"
    TOPICS = frozenset({CaseOpened, SubjectLinked})
    ACTIVATION = Activation.START
    """Cases of before are recognised too."""

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event = recorded.event
        call = origin.call()
        command = DrawTraces(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=event.case_id,
            subject_kind=event.subject.kind,
            subject_id=event.subject.id,
        )
        await self._application.content.draw_traces(call, command)
