"""A customer's question or change: to a qualified person at once, with a time to answer that is kept or breached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.people import (
    CalendarDefinition,
    CalendarRef,
    Desk,
    QuestionAnswered,
    QuestionAsked,
    QuestionKind,
    QuestionOverdue,
    QuestionRouted,
    RotaDefinition,
)
from contracts.ids import derive_id
from contracts.zones import TZDATA_VERSION
from services.cases.domain.calendars import after
from services.cases.domain.people_commands import AnswerQuestion, AskQuestion
from services.cases.domain.people_errors import (
    AgreementMissing,
    NotAPerson,
    OwnQuestion,
    QuestionAnsweredAlready,
    QuestionUnknown,
    TopicUnknown,
)
from services.cases.domain.who import Who

QuestionEvent = QuestionAsked | QuestionRouted | QuestionAnswered | QuestionOverdue


@dataclass(frozen=True, slots=True)
class Question:
    asked: QuestionAsked | None = None
    asked_by: str = ""
    answered: bool = False
    overdue: bool = False


def evolve_question(state: Question, recorded: Recorded[QuestionEvent]) -> Question:
    event = recorded.event
    match event:
        case QuestionAsked():
            return Question(event, recorded.envelope.actor.id)
        case QuestionRouted():
            return state
        case QuestionAnswered():
            return replace(state, answered=True)
        case QuestionOverdue():
            return replace(state, overdue=True)
        case _:
            assert_never(event)


def desk_of(rules: RotaDefinition, topic: str) -> Desk:
    """Raises TopicUnknown."""
    for desk in rules.desks:
        if desk.topic == topic:
            return desk
    topics = " ".join(desk.topic for desk in rules.desks)
    raise TopicUnknown(f"Nobody answers questions on {topic}.", metadata={"topics": topics})


def ask_question(
    command: AskQuestion,
    desk: Desk,
    calendar: tuple[CalendarRef, CalendarDefinition] | None,
    now: datetime,
    request_key: str,
) -> QuestionAsked:
    question_id = derive_id("question", request_key)
    reference, definition = calendar or (None, None)
    return QuestionAsked(
        question_id=question_id,
        kind=command.kind,
        topic=command.topic,
        case_id=command.case_id,
        detection_id=command.detection_id,
        text=Sealed.of(command.text, subject=question_id),
        label=command.label,
        certification=desk.certification,
        answer_minutes=desk.answer_minutes,
        calendar=reference,
        tzdata_version=TZDATA_VERSION,
        deadline=after(definition, now, desk.answer_minutes * 60),
    )


def route_question(
    question_id: str,
    desk: Desk,
    qualified: Mapping[str, bool],
    on_call: str | None,
    leads: Sequence[str],
    *,
    asker: str,
) -> QuestionRouted:
    """To whoever is on call, if qualified; else to one of the desk's qualified people, evenly; else to a lead.

    Never to whoever asked, unless there is nobody else at all.
    """
    able = [person for person in desk.principal_ids if qualified.get(person, False) and person != asker]
    if not able:
        other = next((lead for lead in leads if lead != asker), leads[0])
        return QuestionRouted(question_id=question_id, principal_id=other, qualified=False)
    # The identifier is a hash: it spreads questions over people without anything that counts them.
    spread = able[sum(question_id.encode()) % len(able)]
    chosen = on_call if on_call is not None and on_call in able else spread
    return QuestionRouted(question_id=question_id, principal_id=chosen, qualified=True)


def answer_question(question: Question, command: AnswerQuestion, who: Who) -> QuestionAnswered:
    """Raises QuestionUnknown, NotAPerson, QuestionAnsweredAlready, OwnQuestion, AgreementMissing.

    Whether the person is qualified is asked before.
    """
    asked = known(question)
    second = asked.kind is QuestionKind.SECOND_OPINION
    if second and who.id == question.asked_by:
        raise OwnQuestion("A second opinion is another person's.")
    if second != (command.agrees is not None):
        raise AgreementMissing("A second opinion says whether it agrees, and no other answer does.")
    if not who.person:
        raise NotAPerson("A question is answered by a person.")
    if question.answered:
        raise QuestionAnsweredAlready("The question is answered.")
    return QuestionAnswered(
        question_id=command.question_id,
        text=Sealed.of(command.text, subject=command.question_id),
        label=command.label,
        late=asked.deadline <= who.now,
        agrees=command.agrees,
    )


def mark_overdue(question: Question, now: datetime) -> list[QuestionOverdue]:
    asked = known(question)
    if question.answered or question.overdue or now < asked.deadline:
        return []
    return [QuestionOverdue(question_id=asked.question_id, deadline=asked.deadline)]


def known(question: Question) -> QuestionAsked:
    if question.asked is None:
        raise QuestionUnknown("There is no such question in this tenant.")
    return question.asked


def nearest_rank(values: Sequence[int], percent: int) -> int | None:
    """The smallest of the sorted values that at least so many percent do not exceed; None when there is none."""
    return values[max(0, -(-len(values) * percent // 100) - 1)] if values else None
