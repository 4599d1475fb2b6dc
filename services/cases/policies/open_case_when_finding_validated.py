"""A finding that a person validated with a verdict that calls for a response has its case at once."""

from typing import Any

from contracts.events.assets import FindingValidated
from contracts.events.base import Recorded
from contracts.events.subjects import CALLS_FOR_RESPONSE, SubjectKind
from contracts.labels import Label
from infra.read_database.policies import Origin, Policy
from services.cases.application import CasesApplication
from services.cases.domain.commands import OpenCase


class OpenCaseWhenFindingValidated(Policy):
    ID = "open_case_when_finding_validated"
    TOPICS = frozenset({FindingValidated})

    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: FindingValidated = recorded.event
        if event.verdict not in CALLS_FOR_RESPONSE:
            return
        call = origin.call()
        command = OpenCase(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            subject_kind=SubjectKind.FINDING,
            subject_id=event.finding_id,
            title="",
            label=Label.AMBER,
        )
        await self._application.case_work.open_case(call, command)
