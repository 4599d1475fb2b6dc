"""Questions and changes that customers ask for, with the time that an answer took."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from contracts.events.base import Recorded, Sealed, Value
from contracts.events.people import QuestionAnswered, QuestionAsked, QuestionOverdue, QuestionRouted
from contracts.labels import Label
from infra.read_database.views import DocumentView, Due
from services.cases.projections.stamp import Stamp

MARK_QUESTION_OVERDUE = "mark_question_overdue"


class QuestionStatus(StrEnum):
    OPEN = "open"
    OVERDUE = "overdue"
    ANSWERED = "answered"


class QuestionRow(Value):
    question: QuestionAsked
    asked: Stamp
    principal_id: str = ""
    qualified: bool = False
    status: QuestionStatus = QuestionStatus.OPEN
    answered: Stamp | None = None
    answer: Sealed | None = None
    answer_label: Label | None = None
    late: bool = False
    agrees: bool | None = None


class Questions(DocumentView[QuestionRow]):
    NAME = "questions"
    VERSION = 1
    TABLE = "questions"
    TOPICS = frozenset({QuestionAsked, QuestionRouted, QuestionAnswered, QuestionOverdue})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "status": "text",
        "topic": "text",
        "person": "text",
        "deadline": "timestamptz",
        "asked_at": "timestamptz",
    }
    DOCUMENT = QuestionRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.question_id]

    def fold(self, key: str, document: QuestionRow | None, recorded: Recorded[Any]) -> QuestionRow | None:
        event = recorded.event
        if isinstance(event, QuestionAsked):
            return QuestionRow(question=event, asked=Stamp.of(recorded))
        if document is None:
            return None
        match event:
            case QuestionRouted():
                update: dict[str, object] = {"principal_id": event.principal_id, "qualified": event.qualified}
            case QuestionAnswered():
                update = {
                    "status": QuestionStatus.ANSWERED,
                    "answered": Stamp.of(recorded),
                    "answer": event.text,
                    "answer_label": event.label,
                    "late": event.late,
                    "agrees": event.agrees,
                }
            case _:
                update = {"status": QuestionStatus.OVERDUE, "late": True}
        return document.model_copy(update=update)

    def columns(self, document: QuestionRow) -> Mapping[str, object]:
        return {
            "status": document.status.value,
            "topic": document.question.topic,
            "person": document.principal_id,
            "deadline": document.question.deadline,
            "asked_at": document.asked.recorded_at,
        }

    def timers(self, key: str, document: QuestionRow) -> Sequence[Due]:
        if document.status is not QuestionStatus.OPEN:
            return ()
        return [Due(MARK_QUESTION_OVERDUE, document.question.deadline, {"question_id": key})]
