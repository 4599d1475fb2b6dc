"""Which open case a newly validated detection belongs to, by a stated rule that loses no response.

It belongs to an open case of the same tenant when all of the assets that it is about are that case's already, when it
is no more severe, and when the charter answers it by the same line. Then the case's plan is its answer, and a case of
its own would only be a second one about the same attack. Anything else gets its own case; a person may link it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from contracts.errors import TenetError
from contracts.events.subjects import SubjectKind, SubjectRef
from contracts.ids import TenantId
from infra.event_store.repository import Repository
from services.cases.application.aggregates import ASSET, CASE, SUBJECTS
from services.cases.application.charters import Charters
from services.cases.domain.case import Case
from services.cases.domain.ruling import Situation, rule
from services.cases.domain.subjects import Subject


class Joining:
    def __init__(self, repository: Repository, charters: Charters, clock: Callable[[], datetime]) -> None:
        self._repository, self._charters, self._clock = repository, charters, clock

    async def detection(self, tenant_id: TenantId, detection_id: str) -> Subject:
        return (await self._repository.load(tenant_id, SUBJECTS[SubjectKind.DETECTION], detection_id)).state

    async def case_for(self, tenant_id: TenantId, detection: Subject, candidates: Iterable[str]) -> str | None:
        """The first of these cases that the detection belongs to. A look at the present: linking has the last word."""
        if not detection.asset_ids:
            return None
        for case_id in candidates:
            case = (await self._repository.load(tenant_id, CASE, case_id)).state
            if case.open and await self._belongs(tenant_id, detection, case):
                return case_id
        return None

    async def _belongs(self, tenant_id: TenantId, detection: Subject, case: Case) -> bool:
        if any(reference.id == detection.id for reference in case.subjects):
            return False
        if not set(detection.asset_ids) <= set(case.asset_ids):
            return False
        subjects = [await self._subject(tenant_id, reference) for reference in case.subjects]
        if detection.severity_id > max((subject.severity_id for subject in subjects), default=0):
            return False
        return await self._line(tenant_id, [detection]) == await self._line(tenant_id, subjects)

    async def _subject(self, tenant_id: TenantId, reference: SubjectRef) -> Subject:
        return (await self._repository.load(tenant_id, SUBJECTS[reference.kind], reference.id)).state

    async def _line(self, tenant_id: TenantId, subjects: Iterable[Subject]) -> str:
        """The charter's line for these subjects; the reason where it has none, empty where there is no charter."""
        found = await self._charters.look_up(tenant_id)
        if found is None:
            return ""
        standing = tuple(subject for subject in subjects if subject.validation is not None)
        asset_ids = sorted({asset_id for subject in standing for asset_id in subject.asset_ids})
        assets = tuple([(await self._repository.load(tenant_id, ASSET, asset_id)).state for asset_id in asset_ids])
        try:
            return rule(found.force, Situation(standing, assets, self._clock())).line.id
        except TenetError as error:
            return error.reason
