"""A withdrawn verdict cancels, in every case that rests on it, whatever was not dispatched."""

from typing import Any

from contracts.events.assets import FindingValidationWithdrawn
from contracts.events.base import Event, Recorded
from contracts.events.detections import CustomerReportValidationWithdrawn, DetectionValidationWithdrawn
from contracts.events.subjects import SubjectKind
from infra.read_database.policies import Origin, Policy
from infra.read_database.reader.queries import Reader
from services.cases.application import CasesApplication
from services.cases.domain.commands import CancelActions
from services.cases.projections import SUBJECT_CASES
from services.cases.projections.subject_cases import key_of

_WITHDRAWN: tuple[type[Event], ...] = (
    DetectionValidationWithdrawn,
    FindingValidationWithdrawn,
    CustomerReportValidationWithdrawn,
)


class CancelActionsWhenValidationWithdrawn(Policy):
    ID = "cancel_actions_when_validation_withdrawn"
    TOPICS = frozenset(_WITHDRAWN)

    def __init__(self, application: CasesApplication, reader: Reader) -> None:
        self._application, self._reader = application, reader

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        key = key_of(*_subject(recorded.event))
        # A case that was linked before this entry is in the view once the view has come as far as the entry. One linked
        # after it was refused, because the verdict did not stand any more.
        await self._reader.waited(recorded.tenant_id, recorded.position, None, SUBJECT_CASES)
        found = await SUBJECT_CASES.get(self._reader, recorded.tenant_id, key)
        for ordinal, case_id in enumerate(found.document.case_ids if found else ()):
            call = origin.call(ordinal)
            command = CancelActions(tenant_id=call.tenant_id, request_id=call.request_id, case_id=case_id)
            await self._application.acting.cancel_actions(call, command)


def _subject(event: Any) -> tuple[SubjectKind, str]:
    if isinstance(event, DetectionValidationWithdrawn):
        return SubjectKind.DETECTION, event.detection_id
    if isinstance(event, FindingValidationWithdrawn):
        return SubjectKind.FINDING, event.finding_id
    return SubjectKind.CUSTOMER_REPORT, event.customer_report_id
