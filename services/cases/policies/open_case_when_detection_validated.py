"""A detection that a person validated with a verdict that calls for a response has its case at once.

That is the case that rested on an earlier verdict on it, an open one about the same attack by the rule of
`application/joining.py`, or one of its own.
"""

from typing import Any

from typing_extensions import override

from contracts.events.base import Recorded
from contracts.events.detections import DetectionValidated
from contracts.events.subjects import SubjectKind
from contracts.ids import TenantId
from infra.read_database.reader.conditions import ascending, equal, has
from infra.read_database.reader.pages import PageRequest
from services.cases.policies.open_case_when_subject_validated import OpenCaseWhenSubjectValidated
from services.cases.projections import CASES

MAX_CANDIDATES = 50
"""Open cases about one asset that are looked at, the oldest first."""


class OpenCaseWhenDetectionValidated(OpenCaseWhenSubjectValidated):
    ID = "open_case_when_detection_validated"
    TOPICS = frozenset({DetectionValidated})
    KIND = SubjectKind.DETECTION
    SUBJECT = "detection_id"

    @override
    async def joined(self, recorded: Recorded[Any]) -> str | None:
        tenant_id = recorded.tenant_id
        detection = await self._application.joining.detection(tenant_id, recorded.event.detection_id)
        if not detection.asset_ids:
            return None
        candidates = await self._candidates(tenant_id, detection.asset_ids[0])
        return await self._application.joining.case_for(tenant_id, detection, candidates)

    async def _candidates(self, tenant_id: TenantId, asset_id: str) -> list[str]:
        page = await CASES.list(
            self._reader,
            [tenant_id],
            [equal("open", True), has("asset_ids", asset_id)],
            [ascending("opened_at")],
            PageRequest(MAX_CANDIDATES),
        )
        return [item.key for item in page.items]
