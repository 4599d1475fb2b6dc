"""Which cases rest on a subject now, out of the views: those that are open first."""

from contracts.events.subjects import SubjectKind
from contracts.ids import TenantId
from infra.read_database.reader.queries import Reader
from services.cases.domain.case_life import OUTCOME_WITHDRAWN
from services.cases.projections import CASES, SUBJECT_CASES
from services.cases.projections.cases import CaseRow
from services.cases.projections.subject_cases import key_of


async def resting_on(
    reader: Reader, tenant_id: TenantId, position: int, kind: SubjectKind, subject_id: str
) -> list[CaseRow]:
    """As of a position at least: a case that was opened before is in the views once they have come so far."""
    await reader.waited(tenant_id, position, None, CASES, SUBJECT_CASES)
    found = await SUBJECT_CASES.get(reader, tenant_id, key_of(kind, subject_id))
    cases = [await CASES.get(reader, tenant_id, case_id) for case_id in (found.document.case_ids if found else ())]
    rows = [case.document for case in cases if case is not None]
    return sorted((row for row in rows if _on(row, subject_id) is not None), key=lambda row: not row.open)


def taken_up(row: CaseRow, subject_id: str, position: int) -> bool:
    """Whether the case rests on this very validation."""
    return _on(row, subject_id) == position


def awaits_verdict(row: CaseRow) -> bool:
    """Whether a new verdict on one of its subjects is this case's: one that is over for another reason stays closed."""
    return row.open or row.outcome == OUTCOME_WITHDRAWN


def _on(row: CaseRow, subject_id: str) -> int | None:
    return next((each.validation_position for each in row.subjects if each.id == subject_id), None)
