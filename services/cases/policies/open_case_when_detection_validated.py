"""A detection that a person validated with a verdict that calls for a response has its case at once.

That is a case of its own, or an open one about the same attack, by the rule of `application/joining.py`.
"""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.detections import DetectionValidated
from contracts.events.subjects import CALLS_FOR_RESPONSE, SubjectKind
from contracts.ids import TenantId
from contracts.labels import Label
from infra.read_database.policies import Origin, Policy
from infra.read_database.reader.conditions import ascending, equal, has
from infra.read_database.reader.pages import PageRequest
from infra.read_database.reader.queries import Reader
from services.cases.application import CasesApplication
from services.cases.domain.commands import LinkSubject, OpenCase
from services.cases.projections import CASES, SUBJECT_CASES
from services.cases.projections.subject_cases import key_of

MAX_CANDIDATES = 50
"""Open cases about one asset that are looked at, the oldest first."""


class OpenCaseWhenDetectionValidated(Policy):
    ID = "open_case_when_detection_validated"
    TOPICS = frozenset({DetectionValidated})

    def __init__(self, application: CasesApplication, reader: Reader) -> None:
        self._application, self._reader = application, reader

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: DetectionValidated = recorded.event
        if event.verdict not in CALLS_FOR_RESPONSE:
            return
        call = origin.call()
        named: dict[str, Any] = {
            "tenant_id": call.tenant_id,
            "request_id": call.request_id,
            "subject_kind": SubjectKind.DETECTION,
            "subject_id": event.detection_id,
        }
        # A case that was opened before this entry is in the view once the view has come as far as the entry.
        await self._reader.waited(call.tenant_id, recorded.position, None, CASES, SUBJECT_CASES)
        if await self._has_a_case(recorded):
            return
        case_id = await self._case_of_the_same_attack(recorded)
        if case_id is not None:
            await self._application.case_work.link_subject(call, LinkSubject(case_id=case_id, **named))
            return
        await self._application.case_work.open_case(call, OpenCase(title="", label=Label.AMBER, **named))

    async def _case_of_the_same_attack(self, recorded: Recorded[DetectionValidated]) -> str | None:
        tenant_id = recorded.tenant_id
        detection = await self._application.joining.detection(tenant_id, recorded.event.detection_id)
        if not detection.asset_ids:
            return None
        candidates = await self._candidates(tenant_id, detection.asset_ids[0])
        return await self._application.joining.case_for(tenant_id, detection, candidates)

    async def _has_a_case(self, recorded: Recorded[DetectionValidated]) -> bool:
        """Whether a person was quicker, and a case rests on this very validation already."""
        tenant_id, detection_id = recorded.tenant_id, recorded.event.detection_id
        found = await SUBJECT_CASES.get(self._reader, tenant_id, key_of(SubjectKind.DETECTION, detection_id))
        for case_id in found.document.case_ids if found else ():
            case = await CASES.get(self._reader, tenant_id, case_id)
            if case and any(each.validation_position == recorded.position for each in case.document.subjects):
                return True
        return False

    async def _candidates(self, tenant_id: TenantId, asset_id: str) -> list[str]:
        page = await CASES.list(
            self._reader,
            [tenant_id],
            [equal("open", True), has("asset_ids", asset_id)],
            [ascending("opened_at")],
            PageRequest(MAX_CANDIDATES),
        )
        return [item.key for item in page.items]
