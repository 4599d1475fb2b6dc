"""What was promised and became of it, as known so far: clocks of cases, questions, and work that took a certificate."""

from dataclasses import dataclass, field
from enum import StrEnum

from contracts.events.base import Event, Fact, Recorded
from contracts.events.people import (
    QuestionAnswered,
    QuestionAsked,
    QuestionRouted,
    ServiceLevelBreached,
    ServiceLevelEnded,
    ServiceLevelMet,
    ServiceLevelPaused,
    ServiceLevelResumed,
    ServiceLevelRetimed,
    ServiceLevelStarted,
)
from services.reporting.domain.chronicle.marks import Mark

CERTIFICATION = "certification"
"""The kind of fact by which an entry cites a certification, which lies in the provider's ledger."""


class Kept(StrEnum):
    """What became of a promise. Missed: the deadline passed first, whether or not it was met after that."""

    KEPT = "kept"
    MISSED = "missed"
    OPEN = "open"
    ENDED = "ended"
    """The case was closed without what the promise is about."""


@dataclass(slots=True)
class Pause:
    paused: Mark
    event: ServiceLevelPaused
    resumed: Mark | None = None


@dataclass(slots=True)
class Clock:
    """One objective of a case, from one opening on; terms and deadline as the last change left them."""

    event: ServiceLevelStarted
    started: Mark
    terms: ServiceLevelStarted | ServiceLevelRetimed
    deadline_by: ServiceLevelStarted | ServiceLevelResumed | ServiceLevelRetimed
    pauses: list[Pause] = field(default_factory=list)
    retimed: list[Mark] = field(default_factory=list)
    met: Mark | None = None
    met_late: bool = False
    breached: Mark | None = None
    ended: Mark | None = None

    @property
    def became(self) -> Kept:
        if self.breached or self.met_late:
            return Kept.MISSED
        if self.met:
            return Kept.KEPT
        return Kept.ENDED if self.ended else Kept.OPEN

    @property
    def settled(self) -> Mark:
        """The entry that settled it, or the one that started it while nothing has."""
        return self.breached or self.met or self.ended or self.started

    @property
    def marks(self) -> list[Mark]:
        """Every entry of this clock, in order."""
        paused = [mark for pause in self.pauses for mark in (pause.paused, pause.resumed)]
        found = (self.started, *paused, *self.retimed, self.breached, self.met, self.ended)
        return sorted(mark for mark in found if mark is not None)


@dataclass(slots=True)
class Question:
    event: QuestionAsked
    asked: Mark
    qualified: bool | None = None
    """Whether it went to somebody who was qualified then; None before it went to anybody."""
    answered: Mark | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class Certified:
    """An entry that was allowed by a certification of the person who made it."""

    mark: Mark
    topic: str
    actor_id: str
    fact: Fact


Key = tuple[str, int, str]


@dataclass(slots=True)
class Promises:
    """Clocks by case, episode and objective, questions by identifier, both in the order of their beginning."""

    clocks: dict[Key, Clock] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    certified: list[Certified] = field(default_factory=list)

    def observe(self, recorded: Recorded[Event]) -> None:
        mark = Mark.of(recorded)
        for fact in recorded.envelope.facts:
            if fact.kind == CERTIFICATION:
                envelope = recorded.envelope
                self.certified.append(Certified(mark, envelope.topic, envelope.actor.id, fact))
        match recorded.event:
            case ServiceLevelStarted() as event:
                self.clocks[_key(event)] = Clock(event, mark, event, event)
            case (
                ServiceLevelPaused()
                | ServiceLevelResumed()
                | ServiceLevelRetimed()
                | ServiceLevelMet()
                | ServiceLevelBreached()
                | ServiceLevelEnded()
            ) as event:
                if clock := self.clocks.get(_key(event)):
                    _went_on(clock, event, mark)
            case QuestionAsked() as event:
                self.questions[event.question_id] = Question(event, mark)
            case QuestionRouted() as event:
                if question := self.questions.get(event.question_id):
                    question.qualified = event.qualified
            case QuestionAnswered() as event:
                if question := self.questions.get(event.question_id):
                    question.answered, question.late = mark, event.late
            case _:
                return


def _went_on(
    clock: Clock,
    event: ServiceLevelPaused
    | ServiceLevelResumed
    | ServiceLevelRetimed
    | ServiceLevelMet
    | ServiceLevelBreached
    | ServiceLevelEnded,
    mark: Mark,
) -> None:
    match event:
        case ServiceLevelPaused():
            clock.pauses.append(Pause(mark, event))
        case ServiceLevelResumed():
            clock.pauses[-1].resumed, clock.deadline_by = mark, event
        case ServiceLevelRetimed():
            clock.retimed.append(mark)
            clock.terms = clock.deadline_by = event
        case ServiceLevelMet():
            clock.met, clock.met_late = mark, event.late
        case ServiceLevelBreached():
            clock.breached = mark
        case ServiceLevelEnded():
            clock.ended = mark


def _key(
    event: ServiceLevelStarted
    | ServiceLevelPaused
    | ServiceLevelResumed
    | ServiceLevelRetimed
    | ServiceLevelMet
    | ServiceLevelBreached
    | ServiceLevelEnded,
) -> Key:
    return event.case_id, event.episode, event.objective.value
