"""Which cases rest, or have rested, on a detection, a finding or a customer's report."""

from collections.abc import Sequence
from typing import Any

from contracts.events.base import Recorded, Value
from contracts.events.case_work import CaseAbsorbed
from contracts.events.cases import CaseOpened, SubjectLinked
from contracts.events.subjects import SubjectKind
from infra.read_database.views import DocumentView


class SubjectCasesRow(Value):
    case_ids: tuple[str, ...]


class SubjectCases(DocumentView[SubjectCasesRow]):
    NAME = "subject_cases"
    VERSION = 2
    TABLE = "subject_cases"
    TOPICS = frozenset({CaseOpened, SubjectLinked, CaseAbsorbed})
    DOCUMENT = SubjectCasesRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        subjects = [each.subject for each in event.brought] if isinstance(event, CaseAbsorbed) else [event.subject]
        return [key_of(subject.kind, subject.id) for subject in subjects]

    def fold(self, key: str, document: SubjectCasesRow | None, recorded: Recorded[Any]) -> SubjectCasesRow | None:
        known = document.case_ids if document else ()
        return SubjectCasesRow(case_ids=tuple(dict.fromkeys((*known, recorded.event.case_id))))


def key_of(kind: SubjectKind, subject_id: str) -> str:
    return f"{kind.value}:{subject_id}"
